//! The audit record: everything that was decided in an organization, for those who may read it.

use actix_web::http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};
use sessions::Role;

use crate::{
    oauth,
    world::{Person, World, detail},
};

/// Every entry, by pages of this many.
async fn record(world: &World, person: &Person, limit: usize) -> Vec<Value> {
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/audit?limit={limit}{cursor}");
        let answer = world.get(person, &path).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        seen.extend(answer.json()["items"].as_array().unwrap().clone());
        match answer.json()["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return seen,
        }
    }
}

#[actix_web::test]
async fn everything_that_was_decided_is_told_with_who_and_upon_what() {
    let world = World::open().await;
    let admin = world.person(Role::Admin).await;
    let member = world.member(admin.tenant, Role::Member).await;
    let key = world.key(&member, "openai").await;
    world.later(SignedDuration::from_secs(1));
    let (grant, token) = world.granted(&member, json!([detail(json!({}))])).await;
    world.later(SignedDuration::from_secs(1));
    let app = oauth::register(&world, &admin).await;
    world.later(SignedDuration::from_secs(1));
    let path = format!("/grants/{grant}/revoke");
    let revoked = world.api(&admin, Method::POST, &path, None).await;
    assert_eq!(revoked.status, 204);

    let entries = record(&world, &admin, 200).await;
    let actions: Vec<_> = entries
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions[..2], ["grant.revoked", "app.registered"]);
    // The two oldest are of one instant.
    let mut oldest: Vec<_> = actions.iter().rev().take(2).collect();
    oldest.sort_unstable();
    assert_eq!(
        oldest,
        [&"provider_key.check_requested", &"provider_key.stored"]
    );
    let newest = &entries[0];
    assert_eq!(
        newest["actor"],
        json!({"kind": "person", "id": admin.user.to_string()})
    );
    assert_eq!(newest["subjects"], json!({"grant": grant}));
    assert_eq!(newest["request_id"], json!(revoked.header("x-request-id")));
    assert_eq!(newest["at"], json!("2026-11-22T12:00:03Z"));
    assert_eq!(entries[1]["subjects"], json!({"app": app}));
    let stored = entries
        .iter()
        .find(|entry| entry["action"] == json!("provider_key.stored"))
        .unwrap();
    let subjects = json!({"provider_key": key, "user": member.user.to_string()});
    assert_eq!(stored["subjects"], subjects);
    let received = entries
        .iter()
        .find(|entry| entry["action"] == json!("access_request.received"));
    assert_eq!(
        received.unwrap()["actor"],
        json!({"kind": "program", "id": null})
    );
    // The same in small pieces, and never a secret or what was asked.
    assert_eq!(record(&world, &admin, 2).await, entries);
    let text = Value::from(entries).to_string();
    for hidden in [token.as_str(), "CANARY", "Notebook", "gpt-4o-mini"] {
        assert!(!text.contains(hidden), "{hidden}");
    }
}

#[actix_web::test]
async fn a_rule_is_named_where_it_decided() {
    let world = World::open().await;
    let owner = oauth::owner(&world).await;
    let client = oauth::register(&world, &owner).await;
    let rule = crate::approval_rules::granting(&world, &owner, &client).await;
    let entries = record(&world, &owner, 200).await;
    for action in ["access_request.approved", "grant.granted"] {
        let by_rule = entries.iter().find(|entry| {
            entry["action"] == json!(action) && entry["actor"]["kind"] == json!("rule")
        });
        assert_eq!(by_rule.unwrap()["actor"]["id"], json!(rule), "{action}");
    }
}

#[actix_web::test]
async fn the_record_is_for_those_who_may_read_it_and_of_their_organization_alone() {
    let world = World::open().await;
    let admin = world.person(Role::Admin).await;
    oauth::register(&world, &admin).await;
    let stranger = world.person(Role::Owner).await;
    assert_eq!(record(&world, &stranger, 50).await, Vec::<Value>::new());
    assert_eq!(record(&world, &admin, 50).await.len(), 1);
    for role in [Role::Member, Role::Finance] {
        let colleague = world.member(admin.tenant, role).await;
        assert_eq!(world.get(&colleague, "/audit").await.status, 403, "{role}");
    }
    for wrong in ["limit=0", "cursor=x", "x=1"] {
        let answer = world.get(&admin, &format!("/audit?{wrong}")).await;
        assert_eq!(answer.status, 400, "{wrong}");
    }
}
