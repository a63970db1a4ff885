//! What an organization lets its people allow.

use actix_web::http::Method;
use serde_json::{Value, json};
use sessions::Role;

use crate::{
    oauth,
    world::{Answer, Person, World, detail},
};

/// What an organization has that never set a policy, with other values for these members.
fn policy(changes: &Value) -> Value {
    let mut policy = json!({"client_documents": true, "dynamic_apps": "with_token", "every_model": true, "longest_grant_days": 365, "response_cache": "off"});
    for (name, value) in changes.as_object().unwrap() {
        policy[name] = value.clone();
    }
    policy
}

async fn put(world: &World, person: &Person, policy: Value) -> Answer {
    world
        .api(person, Method::PUT, "/policy", Some(policy))
        .await
}

/// Sets the policy of this person's organization.
pub async fn set(world: &World, person: &Person, changes: Value) {
    let answer = put(world, person, policy(&changes)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// An access request through the browser, of an app that an administrator registered.
async fn asked(world: &World, person: &Person, details: &Value) -> String {
    let client = oauth::register(world, person).await;
    let mut parameters = oauth::asking(&client);
    for (name, value) in &mut parameters {
        if name == "authorization_details" {
            *value = details.to_string();
        }
    }
    let (page, _) = oauth::authorize(world, person, &parameters).await.sent_to();
    page.rsplit('/').next().unwrap().to_owned()
}

#[actix_web::test]
async fn a_policy_is_set_as_a_whole_by_those_who_may_and_read_by_everybody() {
    let world = World::open().await;
    let owner = world.person(Role::Owner).await;
    let member = world.member(owner.tenant, Role::Member).await;
    let other = world.person(Role::Owner).await;
    assert_eq!(
        world.get(&member, "/policy").await.json(),
        policy(&json!({}))
    );
    let stricter = policy(&json!({
        "client_documents": false, "longest_grant_days": 7, "response_cache": "allowed",
    }));
    let mut shown = stricter.clone();
    shown["changed_at"] = json!("2026-11-22T12:00:00Z");
    assert_eq!(put(&world, &member, stricter.clone()).await.status, 403);
    for _ in 0..2 {
        assert_eq!(put(&world, &owner, stricter.clone()).await.json(), shown);
    }
    assert_eq!(world.get(&member, "/policy").await.json(), shown);
    assert_eq!(
        world.get(&other, "/policy").await.json(),
        policy(&json!({}))
    );
    let events = "SELECT count(*) FROM store.events WHERE type = 'organization_policy.set'";
    assert_eq!(world.look::<i64>(events).await, 1);
}

#[actix_web::test]
async fn a_policy_that_cannot_be_kept_is_refused_and_changes_nothing() {
    let world = World::open().await;
    let owner = world.person(Role::Owner).await;
    for wrong in [
        policy(&json!({"longest_grant_days": 0})),
        policy(&json!({"longest_grant_days": 366})),
        policy(&json!({"longest_grant_days": "7"})),
        policy(&json!({"dynamic_apps": "all"})),
        policy(&json!({"unheard_of": true})),
        policy(&json!({"response_cache": true})),
        json!({"longest_grant_days": 7}),
    ] {
        assert_eq!(
            put(&world, &owner, wrong.clone()).await.status,
            400,
            "{wrong}"
        );
    }
    assert_eq!(world.count("consent.organization_policies").await, 0);
}

#[actix_web::test]
async fn a_grant_lasts_no_longer_than_the_organization_lets_it() {
    let world = World::open().await;
    let person = oauth::owner(&world).await;
    set(&world, &person, json!({"longest_grant_days": 7})).await;
    let details = json!([detail(json!({"expires": "2027-03-01"}))]);
    let request = asked(&world, &person, &details).await;
    let longer =
        json!({"authorization_details": [detail(json!({"expires": "2026-11-30T00:00:00Z"}))]});
    let path = format!("/requests/{request}/approve");
    assert_eq!(
        world.post(&person, &path, longer).await.problem(),
        "beyond-request"
    );
    let grant = world.approve(&person, &request).await.text("grant_id");
    let path = format!("/grants/{grant}");
    let granted = world.get(&person, &path).await;
    assert_eq!(granted.text("expires_at"), "2026-11-29T12:00:00Z");
    // Nor is it made longer afterwards; and a later, looser policy lets it be.
    let longer =
        json!({"authorization_details": [detail(json!({"expires": "2026-12-10T00:00:00Z"}))]});
    let change = async || {
        world
            .api(&person, Method::PATCH, &path, Some(longer.clone()))
            .await
    };
    assert_eq!(change().await.problem(), "beyond-grant");
    set(&world, &person, json!({"longest_grant_days": 30})).await;
    assert_eq!(change().await.status, 204);
}

#[actix_web::test]
async fn every_model_is_granted_only_where_the_organization_lets_it() {
    let world = World::open().await;
    let person = oauth::owner(&world).await;
    let details = json!([detail(json!({"models": []}))]);
    let request = asked(&world, &person, &details).await;
    set(&world, &person, json!({"every_model": false})).await;
    let refused = world.approve(&person, &request).await;
    assert_eq!(refused.problem(), "beyond-request");
    let page = world.browse(&person, &format!("/requests/{request}")).await;
    assert!(page.body.contains("It may get named models only"));
    set(&world, &person, json!({"every_model": true})).await;
    assert_eq!(world.approve(&person, &request).await.status, 200);
}

#[actix_web::test]
async fn a_ticket_gives_at_once_only_what_the_policy_lets_a_person_give() {
    let world = World::open().await;
    let person = oauth::owner(&world).await;
    let ceiling = json!({"providers": ["openai"], "monthly_spend": "10", "days": 30});
    set(
        &world,
        &person,
        json!({"longest_grant_days": 7, "every_model": false}),
    )
    .await;
    for above in [
        detail(json!({"models": []})),
        detail(json!({"expires": "2026-12-01"})),
    ] {
        let ticket = world.ticket(&person, ceiling.clone()).await;
        assert_eq!(
            world.ask(&ticket, json!([above])).await.status,
            202,
            "{above}"
        );
    }
    let ticket = world.ticket(&person, ceiling).await;
    let granted = world.ask(&ticket, json!([detail(json!({}))])).await.json();
    assert_eq!(
        granted["authorization_details"][0]["expires"],
        "2026-11-29T12:00:00Z"
    );
}

#[actix_web::test]
async fn the_policy_is_set_on_its_page() {
    let world = World::open().await;
    let owner = world.person(Role::Owner).await;
    let member = world.member(owner.tenant, Role::Member).await;
    assert_eq!(world.browse(&member, "/policy").await.status, 403);
    let fields = |days| {
        [
            ("client_documents", "no"),
            ("dynamic_apps", "any"),
            ("every_model", "no"),
            ("longest_grant_days", days),
            ("response_cache", "yes"),
        ]
    };
    let faulty = world
        .submit(&owner, "/policy", "/policy", &fields("0"))
        .await;
    assert_eq!(faulty.status, 422);
    assert!(faulty.body.contains("1 to 365 days"), "{}", faulty.body);
    let saved = world
        .submit(&owner, "/policy", "/policy", &fields("14"))
        .await;
    assert_eq!(
        saved.header("location"),
        "/policy?done=set",
        "{}",
        saved.body
    );
    let holds = world.get(&member, "/policy").await.json();
    assert_eq!(
        (
            &holds["dynamic_apps"],
            &holds["longest_grant_days"],
            &holds["response_cache"]
        ),
        (&json!("any"), &json!(14), &json!("allowed"))
    );
}
