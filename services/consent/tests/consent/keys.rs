//! Provider keys: sealed on arrival, rotated, destroyed.

use actix_web::http::Method;
use futures_util::future::join_all;
use serde_json::{Value, json};
use sessions::Role;

use crate::answer::at_once;
use crate::world::{World, detail};

#[actix_web::test]
async fn a_rotation_leaves_one_sealed_secret_and_every_grant() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    let key = world.key(&person, "openai").await;
    let (grant, _) = world.granted(&person, json!([detail(json!({}))])).await;
    let rotate = |number: usize| {
        let (world, person, path) = (&world, &person, format!("/provider-keys/{key}/rotate"));
        async move {
            world
                .post(
                    person,
                    &path,
                    json!({"secret": format!("sk-CANARY-rotated-{number:04}")}),
                )
                .await
                .status
        }
    };
    assert_eq!(rotate(1).await, 204);
    let answers = join_all((2..12).map(rotate)).await;
    let rotated = answers.iter().filter(|status| **status == 204).count();
    assert!(
        rotated >= 1 && answers.iter().all(|status| matches!(status, 204 | 409)),
        "{answers:?}"
    );
    let version = i32::try_from(rotated).unwrap() + 2;
    let sealed: Vec<i32> = world
        .look("SELECT array_agg(version) FROM consent.sealed_keys")
        .await;
    assert_eq!(sealed, [version]);
    let listed = &world.get(&person, "/provider-keys").await.json()["items"][0];
    assert_eq!(
        (&listed["version"], &listed["health"]),
        (&json!(version), &json!("usable"))
    );
    assert_eq!(
        world
            .get(&person, &format!("/grants/{grant}"))
            .await
            .text("state"),
        "live"
    );
}

#[actix_web::test]
async fn a_destroyed_key_is_gone_and_its_grants_stay_for_their_person_to_see() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    let key = world.key(&person, "openai").await;
    let (grant, _) = world.granted(&person, json!([detail(json!({}))])).await;
    let path = format!("/provider-keys/{key}");
    let destroy = || world.api(&person, Method::DELETE, &path, None);
    assert_eq!((destroy().await.status, destroy().await.status), (204, 404));
    assert_eq!(world.count("consent.sealed_keys").await, 0);
    assert!(
        world.get(&person, "/provider-keys").await.json()["items"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    let rotate = world
        .post(
            &person,
            &format!("/provider-keys/{key}/rotate"),
            json!({"secret": "sk-CANARY-0123456789"}),
        )
        .await;
    assert_eq!(rotate.status, 404);
    assert_eq!(
        world
            .get(&person, &format!("/grants/{grant}"))
            .await
            .text("state"),
        "live"
    );
}

#[actix_web::test]
async fn a_person_keeps_a_hundred_keys_however_many_are_stored_at_once() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    let body = json!({"provider": "openai", "name": "Main", "secret": "sk-CANARY-0123456789"});
    let stored = at_once(105, || world.post(&person, "/provider-keys", body.clone())).await;
    assert_eq!(
        stored.iter().filter(|answer| answer.status == 201).count(),
        100
    );
    assert!(
        stored
            .iter()
            .all(|answer| matches!(answer.status, 201 | 409))
    );
    assert_eq!(world.count("consent.sealed_keys").await, 100);
}

#[actix_web::test]
async fn what_cannot_be_a_key_is_refused_and_never_repeated() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    let good = json!({"provider": "openai", "name": "Main", "secret": "sk-CANARY-0123456789"});
    for (name, value) in [
        ("provider", json!("nobody")),
        ("provider", json!("OpenAI")),
        ("provider", json!("")),
        ("name", json!("")),
        ("name", json!("x".repeat(81))),
        ("secret", json!("short")),
        ("secret", json!("sk-CANARY with a space")),
        ("secret", json!("sk-CANARY-\u{e9}\u{e9}\u{e9}")),
        ("secret", json!("x".repeat(4097))),
        ("secret", json!(1)),
        ("secret", Value::Null),
        ("base_url", json!("https://a.test")),
    ] {
        let mut body = good.clone();
        body[name] = value.clone();
        let answer = world.post(&person, "/provider-keys", body).await;
        assert_eq!(answer.status, 400, "{name}: {}", answer.body);
        answer.problem();
        assert!(!answer.body.contains("CANARY"), "{}", answer.body);
    }
    assert_eq!(world.count("consent.sealed_keys").await, 0);
    let finance = world.member(person.tenant, Role::Finance).await;
    assert_eq!(
        world.post(&finance, "/provider-keys", good).await.status,
        403
    );
}

#[actix_web::test]
async fn its_owner_sees_each_time_a_key_was_opened_and_nobody_else_does() {
    let world = World::open().await;
    let (owner, other) = (
        world.person(Role::Member).await,
        world.person(Role::Member).await,
    );
    let key = world.key(&owner, "openai").await;
    let path = format!("/provider-keys/{key}/unwraps");
    let none = world.get(&owner, &path).await.json();
    assert_eq!(
        (&none["items"], &none["next_cursor"]),
        (&json!([]), &Value::Null)
    );
    for number in 1..=3 {
        let sql = format!(
            "INSERT INTO consent.key_unwraps (id, tenant_id, key_id, version, wrapping_key, correlation_id, asked_at)
             SELECT ('01234567-0000-7000-8000-00000000000' || {number})::uuid, tenant_id, key_id, {number},
                    'alias/latchkey', 'request-{number}', now() FROM consent.provider_keys
             RETURNING version"
        );
        assert_eq!(world.look::<i32>(&sql).await, number);
    }
    let first = world.get(&owner, &format!("{path}?limit=2")).await.json();
    let of = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap().iter();
        items
            .map(|item| item["request_id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(of(&first), ["request-3", "request-2"]);
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = world
        .get(&owner, &format!("{path}?cursor={cursor}"))
        .await
        .json();
    assert_eq!(
        (of(&rest), &rest["next_cursor"]),
        (vec!["request-1".to_owned()], &Value::Null)
    );
    assert_eq!(world.get(&other, &path).await.status, 404);
}
