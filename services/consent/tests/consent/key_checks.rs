//! Checks of provider keys: asked for, answered by proxies, and never believed of another version.

use actix_web::http::Method;
use consent::provider_key::ProviderKeys;
use jiff::SignedDuration;
use serde_json::{Value, json};
use sessions::Role;

use crate::world::{Person, World};

const ASKED: &str = "SELECT count(*) FROM store.events WHERE type = 'provider_key.check_requested'";

/// A member with one key, and what notes what proxies tell.
async fn kept() -> (World, Person, String, ProviderKeys) {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    let key = world.key(&person, "openai").await;
    let keys = ProviderKeys::new(world.vault.clone());
    world.later(SignedDuration::from_secs(1));
    (world, person, key, keys)
}

async fn listed(world: &World, person: &Person) -> Value {
    world.get(person, "/provider-keys").await.json()["items"][0].clone()
}

async fn check(world: &World, person: &Person, key: &str) -> u16 {
    let path = format!("/provider-keys/{key}/check");
    world.api(person, Method::POST, &path, None).await.status
}

#[actix_web::test]
async fn a_stored_key_is_to_be_checked_and_what_its_provider_says_is_shown() {
    let (world, person, key, keys) = kept().await;
    let id = key.parse().unwrap();
    let stored = listed(&world, &person).await;
    assert_eq!(stored["check_requested_at"], "2026-11-22T12:00:00Z");
    assert_eq!(
        (&stored["health"], &stored["checked_at"]),
        (&json!("usable"), &Value::Null)
    );
    let page = world.browse(&person, "/provider-keys").await.body;
    assert!(page.contains("Works, as far as known") && page.contains("no answer yet"));

    keys.found_working(&person.actor(), id, 1).await.unwrap();
    let works = listed(&world, &person).await;
    assert_eq!(works["checked_at"], "2026-11-22T12:00:01Z");
    assert_eq!(works["changed_at"], stored["changed_at"]);
    let page = world.browse(&person, "/provider-keys").await.body;
    assert!(!page.contains("as far as known") && !page.contains("no answer yet"));
    assert!(
        !world
            .browse(&person, "/inbox")
            .await
            .body
            .contains("refuses your key")
    );

    keys.found_invalid(&person.actor(), id, 1).await.unwrap();
    assert_eq!(listed(&world, &person).await["health"], "invalid");
    assert!(
        world
            .browse(&person, "/inbox")
            .await
            .body
            .contains("OpenAI refuses your key “Main”")
    );
    // Nobody asked: it may be older than the refusal.
    keys.found_working(&person.actor(), id, 1).await.unwrap();
    assert_eq!(listed(&world, &person).await["health"], "invalid");

    world.later(SignedDuration::from_secs(1));
    assert_eq!(check(&world, &person, &key).await, 202);
    keys.found_working(&person.actor(), id, 1).await.unwrap();
    assert_eq!(listed(&world, &person).await["health"], "usable");
}

#[actix_web::test]
async fn what_a_provider_says_of_a_version_that_was_replaced_is_not_believed() {
    let (world, person, key, keys) = kept().await;
    let id = key.parse().unwrap();
    let rotate = Some(json!({"secret": "sk-CANARY-rotated-0123"}));
    let path = format!("/provider-keys/{key}/rotate");
    world.done(&person, Method::POST, &path, rotate).await;
    let rotated = listed(&world, &person).await;
    keys.found_invalid(&person.actor(), id, 1).await.unwrap();
    keys.found_working(&person.actor(), id, 1).await.unwrap();
    assert_eq!(listed(&world, &person).await, rotated);
    assert_eq!(rotated["check_requested_at"], "2026-11-22T12:00:01Z");
    keys.found_invalid(&person.actor(), id, 2).await.unwrap();
    assert_eq!(listed(&world, &person).await["health"], "invalid");
    let secrets = "SELECT count(*) FROM store.events WHERE payload::text LIKE '%CANARY%'";
    assert_eq!(world.look::<i64>(secrets).await, 0);
}

#[actix_web::test]
async fn a_check_is_asked_for_once_while_its_answer_may_come() {
    let (world, person, key, _) = kept().await;
    assert_eq!(check(&world, &person, &key).await, 202);
    assert_eq!(world.look::<i64>(ASKED).await, 1, "the one of storing it");
    world.later(SignedDuration::from_secs(30));
    assert_eq!(check(&world, &person, &key).await, 202);
    assert_eq!(check(&world, &person, &key).await, 202);
    assert_eq!(world.look::<i64>(ASKED).await, 2);
    let pressed = world
        .submit(
            &person,
            "/provider-keys",
            &format!("/provider-keys/{key}/check"),
            &[],
        )
        .await;
    assert_eq!(pressed.status, 303, "{}", pressed.body);
}

#[actix_web::test]
async fn a_key_is_checked_for_its_owner_alone_and_so_often() {
    let (world, person, key, _) = kept().await;
    let other = world.member(person.tenant, Role::Owner).await;
    let finance = world.member(person.tenant, Role::Finance).await;
    assert_eq!(check(&world, &other, &key).await, 404);
    assert_eq!(check(&world, &finance, &key).await, 403);
    let mut taken = 0;
    while check(&world, &person, &key).await == 202 {
        taken += 1;
        assert!(taken <= 30, "nobody counts");
    }
    assert_eq!(taken, 30);
    assert_eq!(
        check(&world, &other, &key).await,
        404,
        "each person is counted alone"
    );
    assert_eq!(world.look::<i64>(ASKED).await, 1);
}

#[actix_web::test]
async fn a_key_that_nobody_used_is_checked_by_one_process_once_in_its_time() {
    let (world, person, key, keys) = kept().await;
    let used = world.key(&person, "mistral").await;
    let refused = world.key(&person, "anthropic").await;
    let day = SignedDuration::from_hours(24);
    assert_eq!(keys.check_idle(day).await.unwrap(), 0);
    keys.found_invalid(&person.actor(), refused.parse().unwrap(), 1)
        .await
        .unwrap();
    world.later(SignedDuration::from_hours(25));
    let opened = format!(
        "INSERT INTO consent.key_unwraps (id, tenant_id, key_id, version, wrapping_key, correlation_id, asked_at)
         SELECT '01234567-0000-7000-8000-000000000001', tenant_id, key_id, 1, 'alias/latchkey', 'test',
                '2026-11-23T12:30:00Z' FROM consent.provider_keys WHERE key_id = '{}'
         RETURNING version",
        used.parse::<ids::ProviderKeyId>().unwrap().uuid()
    );
    assert_eq!(world.look::<i32>(&opened).await, 1);
    let another = ProviderKeys::new(world.vault.clone());
    let (one, other) = tokio::join!(keys.check_idle(day), another.check_idle(day));
    assert_eq!(one.unwrap() + other.unwrap(), 1);
    let idle = "SELECT key_id FROM consent.provider_keys WHERE check_requested_at > '2026-11-23'";
    assert_eq!(
        world.look::<uuid::Uuid>(idle).await,
        key.parse::<ids::ProviderKeyId>().unwrap().uuid()
    );
    world.later(SignedDuration::from_mins(10));
    assert_eq!(
        keys.check_idle(day).await.unwrap(),
        0,
        "it is being checked"
    );
}
