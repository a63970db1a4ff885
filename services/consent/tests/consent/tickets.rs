//! A connect ticket is used once, and grants at once only what lies within its ceiling.

use actix_web::http::Method;
use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::{Value, json};
use sessions::Role;

use crate::answer::at_once;
use crate::world::{World, detail};

fn ceiling() -> Value {
    json!({"providers": ["openai"], "models": ["gpt-4o*"], "monthly_spend": "10", "days": 30})
}

#[actix_web::test]
async fn a_hundred_who_use_a_ticket_at_once_get_one_grant() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    let ticket = world.ticket(&person, ceiling()).await;
    let answers = at_once(100, || world.ask(&ticket, json!([detail(json!({}))]))).await;
    let granted = answers
        .iter()
        .filter(|answer| answer.body.contains("okap_"))
        .count();
    assert_eq!(granted, 1);
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer.status, 200 | 202)),
        "{:?}",
        answers.iter().map(|a| a.status).collect::<Vec<_>>()
    );
    assert_eq!(
        (
            world.count("consent.grants").await,
            world.count("consent.access_requests").await
        ),
        (1, 1)
    );
    assert_eq!(world.live_tokens().await, 1);
}

#[actix_web::test]
async fn what_lies_above_the_ceiling_waits_for_the_person() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    for provider in ["openai", "anthropic"] {
        world.key(&person, provider).await;
    }
    let above = [
        json!([detail(json!({"models": []}))]),
        json!([detail(json!({"models": ["gpt-4o", "o3"]}))]),
        json!([detail(json!({"limits": {"monthly_spend": 10.000_000_001}}))]),
        json!([detail(json!({"limits": {"daily_spend": 11}}))]),
        json!([detail(json!({"expires": "2026-12-23"}))]),
        json!([detail(json!({"capabilities": ["chat", "images"]}))]),
        json!([detail(json!({"limits": {"requests_per_minute": 61}}))]),
        json!([detail(json!({"limits": {"requests_per_day": 5_001}}))]),
        json!([detail(json!({"limits": {"tokens_per_request": 400_001}}))]),
        json!([detail(json!({})), detail(json!({"provider": "anthropic"}))]),
    ];
    for (number, details) in above.iter().enumerate() {
        let ticket = world.ticket(&person, ceiling()).await;
        let answer = world.ask(&ticket, details.clone()).await;
        assert_eq!(answer.status, 202, "{details}: {}", answer.body);
        let waiting = world.get(&person, "/requests").await.json()["items"]
            .as_array()
            .unwrap()
            .len();
        assert_eq!(waiting, number + 1);
    }
    let ticket = world.ticket(&person, ceiling()).await;
    let within = world
        .ask(
            &ticket,
            json!([detail(
                json!({"limits": {"monthly_spend": 10}, "expires": "2026-12-22T12:00:00Z"})
            )]),
        )
        .await;
    assert_eq!(within.text("status"), "granted");
    let granted = &within.json()["authorization_details"][0];
    assert_eq!(
        (&granted["limits"]["monthly_spend"], &granted["expires"]),
        (&json!(10), &json!("2026-12-22T12:00:00Z"))
    );
    assert_eq!(
        world.ask(&ticket, json!([detail(json!({}))])).await.status,
        202
    );
    assert_eq!(world.count("consent.access_requests").await, 11);
}

#[actix_web::test]
async fn a_ceiling_that_is_a_list_of_values_is_refused() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    let list = json!([["openai"], [], [], "10", null, null, null, 30]);
    let ticket = json!({"label": "Test", "ceiling": list});
    let answer = world.post(&person, "/connect-tickets", ticket).await;
    assert_eq!(answer.status, 400, "{}", answer.body);
    assert!(
        answer.text("detail").contains("a JSON object"),
        "{}",
        answer.body
    );
    assert_eq!(world.count("consent.connect_tickets").await, 0);
}

#[actix_web::test]
async fn a_ticket_without_a_ceiling_only_lets_its_holder_ask() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    let ticket = world.ticket(&person, Value::Null).await;
    assert_eq!(
        world.ask(&ticket, json!([detail(json!({}))])).await.status,
        202
    );
    assert_eq!(
        (
            world.count("consent.grants").await,
            world.count("consent.access_requests").await
        ),
        (0, 1)
    );
}

#[actix_web::test]
async fn a_ticket_is_not_spent_for_nothing() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    let ticket = world.ticket(&person, ceiling()).await;
    let no_key = world.ask(&ticket, json!([detail(json!({}))])).await;
    assert_eq!(
        (no_key.status, &no_key.json()["error"]["type"]),
        (422, &json!("no_usable_key"))
    );
    world.key(&person, "openai").await;
    // A full inbox is no reason to refuse what needs no room in it, and none to spend a ticket on what does.
    world.fill_inbox(&person).await;
    let above = world
        .ask(&ticket, json!([detail(json!({"models": ["o3"]}))]))
        .await;
    assert_eq!(above.status, 429);
    let within = world.ask(&ticket, json!([detail(json!({}))])).await;
    assert_eq!(within.text("status"), "granted", "{}", within.body);
}

#[actix_web::test]
async fn a_ticket_lives_for_minutes_and_only_so_many_at_a_time() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    let ticket = world.ticket(&person, ceiling()).await;
    world.later(SignedDuration::from_mins(15));
    assert_eq!(
        world.ask(&ticket, json!([detail(json!({}))])).await.status,
        202
    );
    assert_eq!(world.count("consent.access_requests").await, 0);
    let make = || world.post(&person, "/connect-tickets", json!({"label": "Test"}));
    let made = join_all((0..60).map(|_| make())).await;
    assert_eq!(
        made.iter().filter(|answer| answer.status == 201).count(),
        50
    );
    assert_eq!(
        made.iter().filter(|answer| answer.status == 409).count(),
        10
    );
    assert!(
        made.iter()
            .all(|answer| answer.status != 201 || answer.header("cache-control") == "no-store")
    );
    world.later(SignedDuration::from_mins(15));
    assert_eq!(make().await.status, 201);
}

#[actix_web::test]
async fn a_person_has_twenty_handles_however_many_are_made_at_once() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    let made =
        join_all((0..30).map(|_| world.post(&person, "/handles", json!({"label": "Test"})))).await;
    assert_eq!(
        made.iter().filter(|answer| answer.status == 201).count(),
        20
    );
    assert!(made.iter().all(|answer| matches!(answer.status, 201 | 409)));
    let first = world.get(&person, "/handles").await.json()["items"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/handles/{first}");
    let end = || world.api(&person, Method::DELETE, &path, None);
    assert_eq!((end().await.status, end().await.status), (204, 404));
    assert_eq!(
        world
            .post(&person, "/handles", json!({"label": "Test"}))
            .await
            .status,
        201
    );
}

#[actix_web::test]
async fn a_ceiling_outside_the_rules_is_refused() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    let with = |name: &str, value: Value| {
        let mut ceiling = ceiling();
        ceiling[name] = value;
        ceiling
    };
    for wrong in [
        json!({}),
        json!("x"),
        with("providers", json!([])),
        with("providers", json!(["nobody"])),
        with("models", json!(["*"])),
        with("models", json!(vec!["m"; 65])),
        with("monthly_spend", json!(10)),
        with("monthly_spend", json!("0")),
        with("monthly_spend", json!("-1")),
        with("monthly_spend", json!("4000001")),
        with("days", json!(0)),
        with("days", json!(366)),
        with("days", json!(-1)),
        with("admin", json!(true)),
    ] {
        let answer = world
            .post(
                &person,
                "/connect-tickets",
                json!({"label": "Test", "ceiling": wrong}),
            )
            .await;
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.body);
    }
    for label in ["", " ", "\u{200b}", &"x".repeat(81)] {
        assert_eq!(
            world
                .post(&person, "/connect-tickets", json!({"label": label}))
                .await
                .status,
            400
        );
        assert_eq!(
            world
                .post(&person, "/handles", json!({"label": label}))
                .await
                .status,
            400
        );
    }
}
