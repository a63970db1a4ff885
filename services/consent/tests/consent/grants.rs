//! Live grants: changed by their person, ended for good.

use actix_web::http::Method;
use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::{Value, json};
use sessions::Role;

use crate::{
    oauth,
    scratch::redis_url,
    world::{Answer, Person, World, detail},
};

async fn change(world: &World, person: &Person, grant: &str, details: Value) -> Answer {
    let body = json!({"authorization_details": details});
    world
        .api(
            person,
            Method::PATCH,
            &format!("/grants/{grant}"),
            Some(body),
        )
        .await
}

async fn granted_now(world: &World, person: &Person, grant: &str) -> Value {
    world.get(person, &format!("/grants/{grant}")).await.json()["authorization_details"][0].clone()
}

/// What the proxy enforces.
async fn enforced(world: &World) -> Value {
    world
        .look("SELECT details->0 FROM consent.grant_access")
        .await
}

#[actix_web::test]
async fn a_change_moves_what_it_names_and_nothing_else() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    let asked = detail(json!({"models": ["gpt-4o*"], "capabilities": ["chat", "vision"]}));
    let (grant, _) = world.granted(&person, json!([asked])).await;
    let before = granted_now(&world, &person, &grant).await;
    let bare = json!({"type": "ai_model_access", "provider": "openai"});
    let with = |members: Value| {
        let mut detail = bare.clone();
        detail
            .as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        json!([detail])
    };
    assert_eq!(
        change(&world, &person, &grant, with(json!({"models": null})))
            .await
            .status,
        204
    );
    assert_eq!(granted_now(&world, &person, &grant).await, before);

    let lower = json!({"limits": {"monthly_spend": 3}, "models": ["gpt-4o-mini"], "expires": "2026-11-22T13:00:00Z"});
    assert_eq!(
        change(&world, &person, &grant, with(lower)).await.status,
        204
    );
    let after = granted_now(&world, &person, &grant).await;
    assert_eq!(
        (&after["models"], &after["capabilities"]),
        (&json!(["gpt-4o-mini"]), &json!(["chat", "vision"]))
    );
    assert_eq!(
        (
            &after["limits"]["monthly_spend"],
            &after["limits"]["daily_spend"]
        ),
        (&json!(3), &json!(3))
    );
    assert_eq!(
        after["limits"]["requests_per_day"],
        before["limits"]["requests_per_day"]
    );
    let held_to = enforced(&world).await;
    assert_eq!(
        (&held_to["limits"]["monthly_spend"], &held_to["expires"]),
        (&json!("3"), &json!("2026-11-22T13:00:00Z"))
    );

    for wider in [
        with(json!({"models": ["gpt-4o*"]})),
        with(json!({"models": []})),
        with(json!({"capabilities": ["chat", "code"]})),
        with(json!({"provider": "google"})),
        with(json!({"limits": {"monthly_spend": 5.01}})),
        with(json!({"expires": "2026-11-24"})),
    ] {
        let answer = change(&world, &person, &grant, wider.clone()).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (422, "beyond-grant"),
            "{wider}"
        );
    }
    for wrong in [
        json!([]),
        json!([bare, {"type": "ai_model_access", "provider": "google"}]),
        json!("x"),
        with(json!({"expires": "2020-01-01"})),
    ] {
        assert_eq!(
            change(&world, &person, &grant, wrong.clone()).await.status,
            400,
            "{wrong}"
        );
    }
    assert_eq!(granted_now(&world, &person, &grant).await, after);
    // An unverified app is raised to its cap, and for a day more.
    let raised = json!({"limits": {"monthly_spend": 5}, "expires": "2026-11-23T12:00:00Z"});
    assert_eq!(
        change(&world, &person, &grant, with(raised)).await.status,
        204
    );
    assert_eq!(enforced(&world).await["limits"]["monthly_spend"], "5");
}

#[actix_web::test]
async fn an_approved_app_may_be_raised_by_its_person() {
    let world = World::open().await;
    let person = world.person(Role::Owner).await;
    world.key(&person, "openai").await;
    let client = oauth::register(&world, &person).await;
    let (_, grant) = oauth::code(&world, &person, &client).await;
    let raised = detail(
        json!({"limits": {"monthly_spend": 4_000_000, "requests_per_minute": 1_000_000}, "expires": "2027-11-22T12:00:00Z"}),
    );
    assert_eq!(
        change(&world, &person, &grant, json!([raised]))
            .await
            .status,
        204
    );
    let too_long = detail(json!({"expires": "2027-11-22T12:00:01Z"}));
    assert_eq!(
        change(&world, &person, &grant, json!([too_long]))
            .await
            .problem(),
        "beyond-grant"
    );
    let too_much = detail(json!({"limits": {"monthly_spend": 4_000_001}}));
    assert_eq!(
        change(&world, &person, &grant, json!([too_much]))
            .await
            .status,
        400
    );
}

#[actix_web::test]
async fn a_grant_that_ended_is_not_changed_any_more() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    let (revoked, _) = world.granted(&person, json!([detail(json!({}))])).await;
    let (expired, _) = world
        .granted(
            &person,
            json!([detail(json!({"expires": "2026-11-22T12:10:00Z"}))]),
        )
        .await;
    assert_eq!(
        world
            .post(&person, &format!("/grants/{revoked}/revoke"), json!({}))
            .await
            .status,
        204
    );
    world.later(SignedDuration::from_mins(10));
    for (grant, state) in [(&revoked, "revoked"), (&expired, "expired")] {
        let longer = detail(json!({"expires": "2026-11-22T18:00:00Z"}));
        let answer = change(&world, &person, grant, json!([longer])).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (409, "grant-ended"),
            "{state}"
        );
        assert_eq!(
            world
                .get(&person, &format!("/grants/{grant}"))
                .await
                .text("state"),
            state
        );
    }
}

#[actix_web::test]
async fn a_member_revokes_what_they_granted_and_may_do_so_again() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    let (grant, _) = world.granted(&person, json!([detail(json!({}))])).await;
    let path = format!("/grants/{grant}/revoke");
    let answers = join_all((0..20).map(|_| world.post(&person, &path, json!({})))).await;
    assert!(
        answers.iter().all(|answer| answer.status == 204),
        "{:?}",
        answers.iter().map(|a| a.status).collect::<Vec<_>>()
    );
    assert_eq!(world.live_tokens().await, 0);
    assert!(
        marks(&world)
            .await
            .iter()
            .any(|key| key.contains(&grant["grant_".len()..]))
    );
    let events: i64 = world
        .look("SELECT count(*) FROM store.events WHERE type = 'grant.revoked'")
        .await;
    assert_eq!(events, 1);
}

#[actix_web::test]
async fn a_revocation_that_proxies_cannot_be_told_of_is_recorded_and_can_be_repeated() {
    let world = World::open_with("redis://127.0.0.1:9").await;
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    let (grant, _) = world.granted(&person, json!([detail(json!({}))])).await;
    let path = format!("/grants/{grant}/revoke");
    let answer = world.post(&person, &path, json!({})).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "1"));
    assert!(
        answer.text("detail").contains("revoke again"),
        "{}",
        answer.body
    );
    assert_eq!(world.live_tokens().await, 0);
    assert_eq!(
        world
            .get(&person, &format!("/grants/{grant}"))
            .await
            .text("state"),
        "revoked"
    );
    assert!(marks(&world).await.is_empty());

    let elsewhere = consent::grant::Grants::new(world.vault.clone());
    elsewhere
        .revoke(
            (&person.actor(), consent::grant::Authority::Owner),
            grant.parse().unwrap(),
            "again",
        )
        .await
        .unwrap();
    assert!(
        marks(&world)
            .await
            .iter()
            .any(|key| key.contains(&grant["grant_".len()..]))
    );
    let reason: String = world.look("SELECT reason FROM consent.grants").await;
    assert_eq!(reason, "revoked by the person");
}

/// The revocation marks that proxies see.
async fn marks(world: &World) -> Vec<String> {
    let mut redis = redis::Client::open(redis_url())
        .unwrap()
        .get_multiplexed_async_connection()
        .await
        .unwrap();
    let pattern = format!("*{}*", world.scratch.namespace());
    redis::cmd("KEYS")
        .arg(pattern)
        .query_async(&mut redis)
        .await
        .unwrap()
}

#[actix_web::test]
async fn grants_are_listed_in_pieces_the_newest_first() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(world.granted(&person, json!([detail(json!({}))])).await.0);
        world.later(SignedDuration::from_secs(1));
    }
    made.reverse();
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = world
            .get(&person, &format!("/grants?limit=2{cursor}"))
            .await
            .json();
        let ids = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["id"].as_str().unwrap().to_owned());
        seen.extend(ids);
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, made);
    for wrong in [
        "limit=0",
        "limit=201",
        "cursor=x",
        "cursor=key_00000000000070008000000000000000",
        "limit=1&limit=2",
        "x=1",
    ] {
        assert_eq!(
            world.get(&person, &format!("/grants?{wrong}")).await.status,
            400,
            "{wrong}"
        );
    }
}

#[actix_web::test]
async fn revoking_all_ends_every_grant_of_that_person_alone() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    let colleague = world.member(person.tenant, Role::Member).await;
    for who in [&person, &colleague] {
        world.key(who, "openai").await;
    }
    for _ in 0..3 {
        world.granted(&person, json!([detail(json!({}))])).await;
    }
    let (others, _) = world.granted(&colleague, json!([detail(json!({}))])).await;
    let page = world.browse(&person, "/connected-apps").await.body;
    assert!(page.contains("Revoke all 3 apps?"), "{page}");
    let sent = world
        .submit(
            &person,
            "/connected-apps",
            "/connected-apps/revoke-all",
            &[],
        )
        .await;
    assert_eq!(sent.status, 303, "{}", sent.body);
    let states = world.get(&person, "/grants").await.json();
    for grant in states["items"].as_array().unwrap() {
        assert_eq!(grant["state"], json!("revoked"));
    }
    assert_eq!(world.live_tokens().await, 1);
    assert_eq!(
        world
            .get(&colleague, &format!("/grants/{others}"))
            .await
            .text("state"),
        "live"
    );
}
