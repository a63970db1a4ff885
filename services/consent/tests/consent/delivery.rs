//! A token goes once, down the one channel of its request.

use std::time::Duration;

use actix_web::rt;
use jiff::SignedDuration;
use serde_json::json;
use sessions::Role;

use crate::answer::at_once;
use crate::world::{Person, World, asking, detail, request_id, until};

async fn person_with_key(world: &World) -> Person {
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    person
}

#[actix_web::test]
async fn a_hundred_who_collect_at_once_get_one_token() {
    let world = World::open().await;
    let person = person_with_key(&world).await;
    let pending = world.pending(&person, json!([detail(json!({}))])).await;
    let (id, secret) = (pending.text("request_id"), pending.text("poll_secret"));
    assert_eq!(world.approve(&person, &id).await.status, 200);
    let answers = at_once(100, || world.poll(&id, &secret)).await;
    let with_token = answers
        .iter()
        .filter(|answer| answer.body.contains("okap_"))
        .count();
    assert_eq!(with_token, 1);
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer.status, 200 | 410))
    );
    assert_eq!(world.live_tokens().await, 1);
    let issued: i64 = world
        .look("SELECT count(*) FROM store.events WHERE type = 'grant.token_issued'")
        .await;
    assert_eq!(issued, 1);
    assert_eq!(
        world.poll(&id, &secret).await.problem(),
        "already-delivered"
    );
}

#[actix_web::test]
async fn what_was_approved_before_a_restart_is_delivered_after_it() {
    let mut world = World::open().await;
    let person = person_with_key(&world).await;
    let pending = world.pending(&person, json!([detail(json!({}))])).await;
    let (id, secret) = (pending.text("request_id"), pending.text("poll_secret"));
    assert_eq!(world.approve(&person, &id).await.status, 200);
    world.restarted();
    let collected = world.poll(&id, &secret).await;
    assert_eq!(collected.text("status"), "granted");
    assert!(collected.text("token").starts_with("okap_"));
    assert_eq!(collected.header("cache-control"), "no-store");
}

#[actix_web::test]
async fn a_decision_answers_the_connection_that_waits() {
    let world = World::open().await;
    let person = person_with_key(&world).await;
    let address = world.handle(&person).await;
    let details = json!([detail(json!({}))]);
    let waiting = world.send(asking(&address, &details).insert_header(("prefer", "wait=20")));
    let deciding = async {
        let request = world.the_request(&person).await;
        world.approve(&person, &request).await
    };
    let (answer, decided) = futures_util::join!(waiting, deciding);
    assert_eq!((decided.status, answer.status), (200, 200));
    assert_eq!(answer.text("status"), "granted");
}

#[actix_web::test]
async fn a_grant_that_ended_before_it_was_collected_gives_no_token() {
    let world = World::open().await;
    let person = person_with_key(&world).await;
    for ending in ["revoked", "expired"] {
        let pending = world
            .pending(
                &person,
                json!([detail(json!({"expires": "2026-11-22T12:04:00Z"}))]),
            )
            .await;
        let (id, secret) = (pending.text("request_id"), pending.text("poll_secret"));
        let grant = world.approve(&person, &id).await.text("grant_id");
        if ending == "revoked" {
            assert_eq!(
                world
                    .post(&person, &format!("/grants/{grant}/revoke"), json!({}))
                    .await
                    .status,
                204
            );
        } else {
            world.later(SignedDuration::from_secs(240));
        }
        let answer = world.poll(&id, &secret).await;
        assert_eq!(
            (answer.status, answer.text("status").as_str()),
            (200, "denied"),
            "{ending}"
        );
        assert!(!answer.body.contains("okap_"));
    }
    assert_eq!(world.live_tokens().await, 0);
}

#[actix_web::test]
async fn a_revocation_that_races_a_delivery_leaves_no_live_token() {
    let world = World::open().await;
    let person = person_with_key(&world).await;
    for _ in 0..10 {
        let pending = world.pending(&person, json!([detail(json!({}))])).await;
        let (id, secret) = (pending.text("request_id"), pending.text("poll_secret"));
        let grant = world.approve(&person, &id).await.text("grant_id");
        let path = format!("/grants/{grant}/revoke");
        let (revoked, collected) = futures_util::join!(
            world.post(&person, &path, json!({})),
            world.poll(&id, &secret)
        );
        assert_eq!(revoked.status, 204, "{}", revoked.body);
        assert_eq!(collected.status, 200, "{}", collected.body);
        assert_eq!(world.live_tokens().await, 0);
    }
}

#[actix_web::test]
async fn another_requests_secret_collects_nothing() {
    let world = World::open().await;
    let person = person_with_key(&world).await;
    let (mine, other) = (
        world.pending(&person, json!([detail(json!({}))])).await,
        world.pending(&person, json!([detail(json!({}))])).await,
    );
    for request in [&mine, &other] {
        let approved = world.approve(&person, &request.text("request_id")).await;
        assert_eq!(approved.status, 200);
    }
    let foreign = world
        .poll(&mine.text("request_id"), &other.text("poll_secret"))
        .await;
    assert_eq!(
        (foreign.status, foreign.text("status").as_str()),
        (202, "pending")
    );
    let nameless = world.poll(&mine.text("request_id"), "nothing").await;
    assert_eq!(
        (nameless.status, nameless.header("www-authenticate")),
        (401, "Bearer realm=\"latchkey\"")
    );
    assert_eq!(
        world
            .poll(&mine.text("request_id"), &mine.text("poll_secret"))
            .await
            .text("status"),
        "granted"
    );
}

#[actix_web::test]
async fn who_goes_away_without_a_way_back_has_its_request_ended() {
    let world = World::open().await;
    let person = person_with_key(&world).await;
    let address = world.handle(&person).await;
    let details = json!([detail(json!({}))]);
    let waiting = world.send(asking(&address, &details).insert_header(("prefer", "wait=20")));
    // The connection breaks once the request is in the inbox.
    let request = tokio::select! {
        _ = waiting => unreachable!("nobody decided"),
        request = world.the_request(&person) => request,
    };
    let path = format!("/requests/{request}");
    until("the end of the request", async || {
        let state = world.get(&person, &path).await.text("state");
        (state == "abandoned").then_some(())
    })
    .await;
    assert_eq!(world.approve(&person, &request).await.status, 409);
}

#[actix_web::test]
async fn what_is_granted_to_who_went_away_is_revoked() {
    let world = World::open().await;
    let person = person_with_key(&world).await;
    let id = world
        .pending(&person, json!([detail(json!({}))]))
        .await
        .text("request_id");
    let grant = world.approve(&person, &id).await.text("grant_id");
    world
        .requests()
        .abandon(&person.actor(), request_id(&id))
        .await
        .unwrap();
    assert_eq!(
        world
            .get(&person, &format!("/grants/{grant}"))
            .await
            .text("state"),
        "revoked"
    );

    // Who has its token is not gone.
    let (grant, _) = world.granted(&person, json!([detail(json!({}))])).await;
    let request: String = world
        .look(&format!(
            "SELECT request_id::text FROM consent.grants WHERE grant_id = '{}'",
            &grant["grant_".len()..]
        ))
        .await;
    let request = ids::RequestId::from_uuid(request.parse().unwrap());
    world
        .requests()
        .abandon(&person.actor(), request)
        .await
        .unwrap();
    assert_eq!(
        world
            .get(&person, &format!("/grants/{grant}"))
            .await
            .text("state"),
        "live"
    );
}

#[actix_web::test]
async fn a_caller_that_stays_is_told_of_a_decision_taken_in_another_process() {
    let world = World::open().await;
    let person = person_with_key(&world).await;
    let address = world.handle(&person).await;
    let details = json!([detail(json!({}))]);
    let waiting = world.send(asking(&address, &details).insert_header(("prefer", "wait=20")));
    let deciding = async {
        let request = world.the_request(&person).await;
        // The rooms of `world.vault` share nothing with the service but the database.
        world
            .requests()
            .deny(
                &person.actor(),
                request_id(&request),
                Some("no".to_owned()),
                consent::access_request::DecidedAt::Api,
            )
            .await
            .unwrap();
    };
    let (answer, ()) = rt::time::timeout(Duration::from_secs(15), async {
        futures_util::join!(waiting, deciding)
    })
    .await
    .unwrap();
    assert_eq!(
        (
            answer.text("status").as_str(),
            answer.text("reason").as_str()
        ),
        ("denied", "no")
    );
}
