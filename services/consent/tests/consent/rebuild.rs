//! The tables are what the events add up to.

use actix_web::http::Method;
use consent::{projections::Projections, provider_key::ProviderKeys};
use jiff::SignedDuration;
use serde_json::{Value, json};
use sessions::Role;

use crate::{
    dpop, exchange, oauth, organization_policy, refresh, step_up,
    world::{Person, World, detail, request_id},
};

const TABLES: [(&str, &str); 12] = [
    ("consent.provider_keys", "key_id"),
    ("consent.apps", "app_id"),
    ("consent.custom_providers", "provider_id"),
    ("consent.model_aliases", "alias_id"),
    ("consent.organization_policies", "tenant_id"),
    ("consent.budgets", "budget_id"),
    ("consent.access_requests", "request_id"),
    ("consent.grants", "grant_id"),
    ("consent.shadow_limits", "shadow_id"),
    ("consent.decisions", "decision_id"),
    ("consent.blocked_apps", "block_id"),
    ("consent.approval_rules", "rule_id"),
];

async fn rows(world: &World) -> Vec<Value> {
    let mut rows = Vec::new();
    for (table, id) in TABLES {
        let sql =
            format!("SELECT coalesce(jsonb_agg(to_jsonb(t) ORDER BY {id}), '[]') FROM {table} t");
        rows.push(world.look::<Value>(&sql).await);
    }
    rows
}

/// A life with every kind of event in it.
async fn live(world: &World, person: &Person) {
    keep_keys(world, person).await;
    organization_policy::set(world, person, json!({"longest_grant_days": 90})).await;
    crate::budgets::lived(world, person).await;
    grant(world, person).await;
    leave_ungranted(world, person).await;
    let client = oauth::register(world, person).await;
    oauth::code(world, person, &client).await;
    refresh::renewed(world, person).await;
    dpop::bound(world, person).await;
    crate::approval_rules::lived(world, person, &client).await;
    crate::blocked_apps::lived(world, person).await;
    crate::custom_providers::lived(world, person).await;
    crate::model_aliases::lived(world, person).await;
    exchange::exchanged(world, person).await;
    let removed = oauth::register(world, person).await;
    let changed = Some(json!({"name": "Renamed", "url": "https://renamed.test/"}));
    let path = format!("/apps/{removed}");
    assert_eq!(
        world
            .api(person, Method::PATCH, &path, changed)
            .await
            .status,
        200
    );
    world
        .done(person, Method::DELETE, &format!("/apps/{removed}"), None)
        .await;
}

async fn keep_keys(world: &World, person: &Person) {
    let keys = ProviderKeys::new(world.vault.clone());
    let refuse = async |key: &str| {
        keys.found_invalid(&person.actor(), key.parse().unwrap(), 1)
            .await
            .unwrap();
    };
    let rotated = world.key(person, "openai").await;
    refuse(&rotated).await;
    world.later(SignedDuration::from_secs(1));
    let secret = Some(json!({"secret": "sk-CANARY-0123456789"}));
    let path = format!("/provider-keys/{rotated}/rotate");
    world.done(person, Method::POST, &path, secret).await;
    let gone = world.key(person, "anthropic").await;
    world
        .done(
            person,
            Method::DELETE,
            &format!("/provider-keys/{gone}"),
            None,
        )
        .await;
    refuse(&world.key(person, "google").await).await;
    let works = world.key(person, "mistral").await;
    let id = works.parse().unwrap();
    keys.found_working(&person.actor(), id, 1).await.unwrap();
    world.later(SignedDuration::from_secs(60));
    keys.check(&person.actor(), id).await.unwrap();
}

async fn grant(world: &World, person: &Person) {
    // More digits than the database keeps of an instant.
    let expires = "2026-11-22T23:00:00.123456789+01:00";
    let limits = json!({"monthly_spend": 0.123_456_789});
    let asked = detail(json!({"reason": "For my work", "limits": limits, "expires": expires}));
    let (changed, _) = world.granted(person, json!([asked])).await;
    world.later(SignedDuration::from_secs(1));
    let lower = detail(json!({"limits": {"daily_spend": 0.01}}));
    let change = Some(json!({"authorization_details": [lower]}));
    world
        .done(person, Method::PATCH, &format!("/grants/{changed}"), change)
        .await;
    crate::shadow_limits::lived(world, person, &changed).await;
    let (revoked, _) = world.granted(person, json!([detail(json!({}))])).await;
    world
        .done(
            person,
            Method::POST,
            &format!("/grants/{revoked}/revoke"),
            None,
        )
        .await;
    let (_, token) = world.granted(person, json!([detail(json!({}))])).await;
    step_up::widened(world, person, &token).await;
}

async fn leave_ungranted(world: &World, person: &Person) {
    let denied = world
        .pending(person, json!([detail(json!({}))]))
        .await
        .text("request_id");
    let reason = Some(json!({"reason": "no"}));
    world
        .done(
            person,
            Method::POST,
            &format!("/requests/{denied}/deny"),
            reason,
        )
        .await;
    world.pending(person, json!([detail(json!({}))])).await;
    world.later(SignedDuration::from_secs(600));
    world.requests().end_overdue().await.unwrap();
    let left = world
        .pending(person, json!([detail(json!({}))]))
        .await
        .text("request_id");
    world
        .requests()
        .abandon(&person.actor(), request_id(&left))
        .await
        .unwrap();
    world
        .pending(person, json!([detail(json!({"models": []}))]))
        .await;
}

#[actix_web::test]
async fn every_projection_made_anew_from_its_events_is_the_same() {
    let world = World::open().await;
    let person = world.person(Role::Owner).await;
    let other = world.person(Role::Owner).await;
    live(&world, &person).await;
    live(&world, &other).await;
    let before = rows(&world).await;
    assert!(
        before.iter().zip(TABLES).all(|(rows, (table, _))| {
            // Each of two organizations has one policy, one provider of its own, one model alias, and
            // one grant of which tighter limits are tried.
            let of_one = [
                "policies",
                "custom_providers",
                "model_aliases",
                "shadow_limits",
            ];
            let one_each = of_one.iter().any(|name| table.ends_with(name));
            let least = if one_each { 2 } else { 4 };
            rows.as_array().unwrap().len() >= least
        }),
        "{before:#?}"
    );
    let kinds: i64 = world
        .look("SELECT count(DISTINCT type) FROM store.events")
        .await;
    assert_eq!(kinds, 39);
    for tenant in [person.tenant, other.tenant] {
        let tx = world.vault.begin("rebuild", tenant).await.unwrap();
        let events = event_store::rebuild(&tx, tenant, &Projections)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert!(events > 20);
        assert_eq!(rows(&world).await, before);
    }
}
