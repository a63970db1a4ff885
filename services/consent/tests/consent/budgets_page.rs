//! The page of budgets: what the API does, by its rules, for the same people.

use serde_json::json;
use sessions::Role;

use crate::world::{Person, World};

const PAGE: &str = "/budgets";

/// Sends the form; gives the status and what came of it.
async fn send(
    world: &World,
    person: &Person,
    action: &str,
    fields: &[(&str, &str)],
) -> (u16, String) {
    let answer = world.submit(person, PAGE, action, fields).await;
    (answer.status, answer.body)
}

#[actix_web::test]
async fn a_budget_is_set_changed_and_removed_on_a_page() {
    let world = World::open().await;
    let person = world.person(Role::Finance).await;
    let empty = world.browse(&person, PAGE).await;
    assert_eq!(empty.status, 200, "{}", empty.body);
    assert!(empty.body.contains("No budget is set") && !empty.body.contains("href=\"/policy\""));
    let everything = [
        ("scope", "organization"),
        ("monthly_spend", "$50"),
        ("daily_spend", ""),
        ("label", "Pilot"),
    ];
    assert_eq!(send(&world, &person, PAGE, &everything).await.0, 303);
    let listed = world.get(&person, "/budgets").await.json();
    let budget = &listed["items"][0];
    assert_eq!(
        (&budget["scope"], &budget["monthly_spend"], &budget["label"]),
        (&json!("organization"), &json!("50"), &json!("Pilot"))
    );
    assert!(budget["daily_spend"].is_null());

    let id = budget["id"].as_str().unwrap();
    let form = world.browse(&person, &format!("{PAGE}?change={id}")).await;
    assert!(form.body.contains("value=\"50.00\"") && form.body.contains("Everything · Pilot"));
    let change = [("monthly_spend", ""), ("daily_spend", "2.5"), ("label", "")];
    let action = format!("{PAGE}/{id}/change");
    assert_eq!(send(&world, &person, &action, &change).await.0, 303);
    let changed = world.get(&person, "/budgets").await.json()["items"][0].clone();
    assert_eq!(changed["daily_spend"], "2.5");
    assert!(changed["monthly_spend"].is_null() && changed["label"].is_null());

    let remove = format!("{PAGE}/{id}/remove");
    assert_eq!(send(&world, &person, &remove, &[]).await.0, 303);
    assert_eq!(send(&world, &person, &remove, &[]).await.0, 404);
    assert_eq!(
        world.get(&person, "/budgets").await.json()["items"],
        json!([])
    );
}

#[actix_web::test]
async fn what_the_rules_refuse_stands_beside_its_field_and_changes_nothing() {
    let world = World::open().await;
    let person = world.person(Role::Owner).await;
    for (fields, told) in [
        (
            &[("scope", "organization")][..],
            "give monthly_spend or daily_spend",
        ),
        (
            &[("scope", "organization"), ("monthly_spend", "much")],
            "Write an amount in dollars",
        ),
        (
            &[("scope", "organization"), ("daily_spend", "-1")],
            "out of range",
        ),
        (
            &[("scope", "everybody"), ("daily_spend", "1")],
            "Choose whose calls",
        ),
        (
            &[("scope", "provider:nobody"), ("daily_spend", "1")],
            "provider is one of",
        ),
    ] {
        let (status, body) = send(&world, &person, PAGE, fields).await;
        assert_eq!(status, 422, "{body}");
        assert!(body.contains(told), "{told}: {body}");
    }
    let at_openai = [("scope", "provider:openai"), ("daily_spend", "1")];
    assert_eq!(send(&world, &person, PAGE, &at_openai).await.0, 303);
    let (status, body) = send(&world, &person, PAGE, &at_openai).await;
    assert_eq!(status, 409, "{body}");
    assert!(
        body.contains("There is a budget for this scope already"),
        "{body}"
    );
    let listed = world.get(&person, "/budgets").await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
}

#[actix_web::test]
async fn others_see_and_set_none() {
    let world = World::open().await;
    let owner = world.person(Role::Owner).await;
    let fields = [("scope", "organization"), ("daily_spend", "1")];
    assert_eq!(send(&world, &owner, PAGE, &fields).await.0, 303);
    let listed = world.get(&owner, "/budgets").await.json();
    let id = listed["items"][0]["id"].as_str().unwrap();
    let member = world.member(owner.tenant, Role::Member).await;
    assert_eq!(world.browse(&member, PAGE).await.status, 403);
    let stranger = world.person(Role::Owner).await;
    let theirs = format!("{PAGE}/{id}/remove");
    assert_eq!(send(&world, &stranger, &theirs, &[]).await.0, 404);
    let change = format!("{PAGE}?change={id}");
    assert_eq!(world.browse(&stranger, &change).await.status, 404);
    assert!(
        world
            .browse(&owner, "/policy")
            .await
            .body
            .contains("href=\"/budgets\"")
    );
}
