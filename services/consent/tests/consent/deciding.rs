//! One decision, by the person who was asked, and never more than was asked.

use actix_web::http::Method;
use consent::access_request::RequestState;
use futures_util::future::{join, join_all};
use jiff::SignedDuration;
use serde_json::{Value, json};
use sessions::Role;

use crate::world::{World, at, detail, request_id};

#[actix_web::test]
async fn fifty_decisions_at_once_are_one() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    let request = world
        .pending(&person, json!([detail(json!({}))]))
        .await
        .text("request_id");
    let decisions = (0..50).map(|number| {
        let (world, person, request) = (&world, &person, &request);
        async move {
            let answer = if number % 2 == 0 {
                world.approve(person, request).await
            } else {
                world.deny(person, request).await
            };
            (answer.status, number % 2 == 0)
        }
    });
    let answers = join_all(decisions).await;
    let won: Vec<_> = answers
        .iter()
        .filter(|(status, _)| matches!(status, 200 | 204))
        .collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    assert!(
        answers
            .iter()
            .all(|(status, _)| matches!(status, 200 | 204 | 409)),
        "{answers:?}"
    );
    let approved = won[0].1;
    assert_eq!(world.count("consent.grants").await, i64::from(approved));
    let events: i64 = world
        .look("SELECT count(*) FROM store.events WHERE stream LIKE 'access_request-%'")
        .await;
    assert_eq!(events, 2);
    let state = world
        .get(&person, &format!("/requests/{request}"))
        .await
        .text("state");
    assert_eq!(state, if approved { "approved" } else { "denied" });
}

#[actix_web::test]
async fn nobody_gets_more_than_was_asked_for() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    let limits = json!({"monthly_spend": 4, "daily_spend": 2, "requests_per_minute": 5, "requests_per_day": 50, "tokens_per_request": 500});
    let asked = detail(json!({"limits": limits, "expires": "2026-11-22T18:00:00Z"}));
    let pending = world.pending(&person, json!([asked])).await;
    let path = format!("/requests/{}/approve", pending.text("request_id"));
    let with = |name: &str, value: Value| {
        let mut limits = limits.clone();
        limits[name] = value;
        detail(json!({"limits": limits}))
    };
    for wider in [
        detail(json!({"models": ["gpt-4o-mini", "o3"]})),
        detail(json!({"models": ["gpt-4o*"]})),
        detail(json!({"models": []})),
        detail(json!({"capabilities": ["chat", "images"]})),
        detail(json!({"provider": "anthropic"})),
        detail(json!({"expires": "2026-11-22T18:00:01Z"})),
        with("monthly_spend", json!(4.000_000_001)),
        with("daily_spend", json!(3)),
        with("requests_per_minute", json!(6)),
        with("requests_per_day", json!(51)),
        with("tokens_per_request", json!(501)),
    ] {
        let answer = world
            .post(&person, &path, json!({"authorization_details": [wider]}))
            .await;
        assert_eq!(answer.status, 422, "{wider}: {}", answer.body);
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (422, "beyond-request"),
            "{wider}"
        );
    }
    for wrong in [
        json!([]),
        json!([detail(json!({})), detail(json!({"provider": "google"}))]),
        json!("x"),
        json!([[]]),
        json!([{"a": 1}]),
    ] {
        let answer = world
            .post(&person, &path, json!({"authorization_details": wrong}))
            .await;
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.body);
    }
    assert_eq!(
        world.get(&person, "/requests").await.json()["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(world.count("consent.grants").await, 0);
}

#[actix_web::test]
async fn what_was_narrowed_is_what_is_granted() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    let asked = detail(
        json!({"models": ["gpt-4o*"], "capabilities": ["chat", "vision"], "limits": {"monthly_spend": 4}}),
    );
    let pending = world.pending(&person, json!([asked])).await;
    let narrowed =
        detail(json!({"limits": {"monthly_spend": 1.5}, "expires": "2026-11-22T20:00:00Z"}));
    let path = format!("/requests/{}/approve", pending.text("request_id"));
    let approved = world
        .post(&person, &path, json!({"authorization_details": [narrowed]}))
        .await;
    assert_eq!(approved.status, 200, "{}", approved.body);
    let told = world
        .poll(&pending.text("request_id"), &pending.text("poll_secret"))
        .await
        .json()["authorization_details"][0]
        .clone();
    let kept = world
        .get(&person, &format!("/grants/{}", approved.text("grant_id")))
        .await
        .json()["authorization_details"][0]
        .clone();
    assert_eq!(told, kept);
    let expected = json!({
        "type": "ai_model_access", "provider": "openai", "models": ["gpt-4o-mini"], "capabilities": ["chat"],
        "limits": {"monthly_spend": 1.5, "daily_spend": 1.5, "requests_per_minute": 60, "requests_per_day": 2000, "tokens_per_request": 400_000},
        "expires": "2026-11-22T20:00:00Z", "base_url": "https://vault.example.com/v1/openai",
    });
    assert_eq!(told, expected);
}

#[actix_web::test]
async fn an_unverified_app_gets_named_models_a_small_cap_and_a_day() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    let asked = detail(
        json!({"limits": {"monthly_spend": 500, "requests_per_day": 90_000}, "expires": "2027-11-01"}),
    );
    let (grant, _) = world.granted(&person, json!([asked])).await;
    let grant = world.get(&person, &format!("/grants/{grant}")).await;
    let granted = &grant.json()["authorization_details"][0];
    assert_eq!(
        (
            &granted["limits"]["monthly_spend"],
            &granted["limits"]["requests_per_day"]
        ),
        (&json!(5), &json!(2000))
    );
    assert_eq!(granted["expires"], "2026-11-23T12:00:00Z");
    assert_eq!(grant.text("verification"), "unverified");

    let every_model = world
        .pending(&person, json!([detail(json!({"models": []}))]))
        .await
        .text("request_id");
    let refused = world.approve(&person, &every_model).await;
    assert_eq!(
        (refused.status, refused.problem().as_str()),
        (422, "beyond-request")
    );
}

#[actix_web::test]
async fn only_a_key_of_ones_own_that_works_can_pay() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    let colleague = world.member(person.tenant, Role::Member).await;
    let pending = world
        .pending(&person, json!([detail(json!({}))]))
        .await
        .text("request_id");
    let path = format!("/requests/{pending}/approve");
    assert_eq!(
        world.approve(&person, &pending).await.problem(),
        "no-usable-key"
    );
    let colleagues = world.key(&colleague, "openai").await;
    let others = world.key(&world.person(Role::Member).await, "openai").await;
    let elsewhere = world.key(&person, "anthropic").await;
    for key in [&colleagues, &others, &elsewhere] {
        let answer = world
            .post(&person, &path, json!({"key_ids": {"openai": key}}))
            .await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (422, "no-usable-key")
        );
    }
    let stray = world
        .post(&person, &path, json!({"key_ids": {"google": elsewhere}}))
        .await;
    assert_eq!(stray.status, 400);

    let mine = world.key(&person, "openai").await;
    let keys = consent::provider_key::ProviderKeys::new(world.vault.clone());
    keys.found_invalid(&person.actor(), mine.parse().unwrap(), 1)
        .await
        .unwrap();
    let broken = world
        .post(&person, &path, json!({"key_ids": {"openai": mine}}))
        .await;
    assert_eq!(
        (broken.status, broken.problem().as_str()),
        (422, "no-usable-key")
    );
    world.key(&person, "openai").await;
    assert_eq!(world.approve(&person, &pending).await.status, 200);
}

#[actix_web::test]
async fn the_sandbox_is_granted_without_a_key_and_takes_none() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    let asked = json!([detail(
        json!({"provider": "sandbox", "models": ["sandbox-*"]})
    )]);
    let pending = world.pending(&person, asked).await.text("request_id");
    let key = world.key(&person, "openai").await;
    let path = format!("/requests/{pending}/approve");
    let with_key = world
        .post(&person, &path, json!({"key_ids": {"sandbox": key}}))
        .await;
    assert_eq!(
        (with_key.status, with_key.problem().as_str()),
        (422, "no-usable-key")
    );
    assert_eq!(world.approve(&person, &pending).await.status, 200);
    let stored = world
        .post(
            &person,
            "/provider-keys",
            json!({"provider": "sandbox", "name": "None", "secret": "sk-none-0123456789abcdef"}),
        )
        .await;
    assert_eq!(stored.status, 400);
}

#[actix_web::test]
async fn what_nobody_decided_in_time_expires_once_and_for_the_record() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    let pending = world.pending(&person, json!([detail(json!({}))])).await;
    let other = world
        .pending(
            &world.person(Role::Member).await,
            json!([detail(json!({}))]),
        )
        .await;
    assert_eq!(world.requests().end_overdue().await.unwrap(), 0);
    world.later(SignedDuration::from_secs(600));
    let id = pending.text("request_id");
    for answer in [
        world.approve(&person, &id).await,
        world.deny(&person, &id).await,
    ] {
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (409, "request-decided")
        );
    }
    assert!(
        world.get(&person, "/requests").await.json()["items"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    let (one, two) = (world.requests(), world.requests());
    let (one, two) = join(one.end_overdue(), two.end_overdue()).await;
    assert!(one.unwrap() <= 2 && two.unwrap() <= 2);
    let expired: i64 = world
        .look("SELECT count(*) FROM store.events WHERE type = 'access_request.expired'")
        .await;
    assert_eq!(expired, 2);
    assert_eq!(world.requests().end_overdue().await.unwrap(), 0);
    let row = world
        .requests()
        .one(person.tenant, person.user, request_id(&id))
        .await
        .unwrap();
    assert_eq!(row.state, RequestState::Expired);
    for (id, secret) in [&pending, &other].map(|p| (p.text("request_id"), p.text("poll_secret"))) {
        assert_eq!(
            world.poll(&id, &secret).await.json()["reason"],
            "request_expired"
        );
    }
}

#[actix_web::test]
async fn what_was_asked_for_until_then_is_not_granted_after_it() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    let soon = detail(json!({"expires": "2026-11-22T12:05:00Z"}));
    let pending = world
        .pending(&person, json!([soon]))
        .await
        .text("request_id");
    world.clock.move_to(at("2026-11-22T12:05:00Z"));
    let late = world.approve(&person, &pending).await;
    assert_eq!(
        (late.status, late.problem().as_str()),
        (422, "beyond-request")
    );
    assert_eq!(world.count("consent.grants").await, 0);
}

#[actix_web::test]
async fn an_inbox_takes_twenty_however_many_ask_at_once() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    let addresses = join_all((0..8).map(|_| world.handle(&person))).await;
    let asks = (0..40).map(|number| world.ask(&addresses[number % 8], json!([detail(json!({}))])));
    let answers = join_all(asks).await;
    assert!(answers.iter().all(|answer| answer.status == 202));
    assert_eq!(
        world.get(&person, "/requests").await.json()["items"]
            .as_array()
            .unwrap()
            .len(),
        20
    );
    assert_eq!(world.count("consent.access_requests").await, 20);
}

#[actix_web::test]
async fn bad_decisions_are_refused_by_what_is_wrong_with_them() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    let pending = world
        .pending(&person, json!([detail(json!({}))]))
        .await
        .text("request_id");
    let (approve, deny) = (
        format!("/requests/{pending}/approve"),
        format!("/requests/{pending}/deny"),
    );
    for (path, body, status) in [
        (&approve, json!({"admin": true}), 400),
        (&approve, json!({"key_ids": {"openai": "key_x"}}), 400),
        (&approve, json!({"key_ids": []}), 400),
        (&deny, json!({"reason": 1}), 400),
        (&deny, json!({"reason": "x".repeat(201)}), 400),
        (&deny, json!({"why": "x"}), 400),
    ] {
        let answer = world.post(&person, path, body.clone()).await;
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.body);
        answer.problem();
    }
    assert_eq!(world.get(&person, "/requests?state=all").await.status, 400);
    assert_eq!(world.get(&person, "/requests?limit=1").await.status, 400);
    assert_eq!(world.get(&person, "/requests/req_x").await.status, 404);
    let finance = world.member(person.tenant, Role::Finance).await;
    assert_eq!(
        world
            .api(&finance, Method::POST, &approve, Some(json!({})))
            .await
            .status,
        403
    );
}
