//! Organizations are apart on each route, and members see their own.

use actix_web::test::TestRequest;
use money::Nanodollars;
use serde_json::json;
use sessions::Role;

use crate::{calls::Granted, stage::Stage};

const ROUTES: [&str; 6] = [
    "/api/v1/usage?group_by=app,user,model,grant,day,provider",
    "/api/v1/usage/calls",
    "/api/v1/exports/usage?period=2026-11&format=csv",
    "/api/v1/exports/usage?period=2026-11&format=jsonl",
    "/api/v1/exports/usage/manifest?period=2026-11",
    "/usage?month=2026-11",
];

#[tokio::test]
async fn another_organizations_calls_are_invisible_on_each_route() {
    let stage = Stage::new().await;
    let (ours, theirs) = (stage.tenant(), stage.tenant());
    let us = stage.person(ours, Role::Owner).await;
    let granted = Granted::by(ours, us.user);
    stage.booked(&[granted.call("2026-11-02T10:00:00Z")]).await;
    let before = snapshot(&stage, &us).await;

    let them = stage.person(theirs, Role::Owner).await;
    // The same grant and even the same person, as if ids were stolen.
    let mut foreign = Granted {
        tenant: theirs,
        ..granted
    }
    .call("2026-11-02T10:00:00Z");
    foreign.app_name = "Foreign canary".to_owned();
    foreign.model = "foreign-canary".to_owned();
    foreign.cost = Nanodollars::from_dollars(77);
    stage.booked(&[foreign]).await;

    assert_eq!(snapshot(&stage, &us).await, before);
    for answer in snapshot(&stage, &us).await {
        assert!(!answer.to_lowercase().contains("canary"), "{answer}");
    }
    let of_theirs = snapshot(&stage, &them).await;
    assert!(
        of_theirs
            .iter()
            .take(4)
            .all(|answer| answer.contains("canary")),
        "{of_theirs:?}"
    );
    assert!(!of_theirs.concat().contains("0.010000001"), "{of_theirs:?}");
    let path = format!("/api/v1/usage/calls?grant={}", granted.grant);
    assert_eq!(
        stage.get(&us, &path).await.ok().json()["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

async fn snapshot(stage: &Stage, person: &crate::stage::Person) -> Vec<String> {
    let mut answers = Vec::new();
    for route in ROUTES {
        answers.push(stage.get(person, route).await.ok().body);
    }
    answers
}

#[tokio::test]
async fn a_member_sees_what_their_own_grants_cost_and_exports_nothing() {
    let stage = Stage::new().await;
    let tenant = stage.tenant();
    let member = stage.person(tenant, Role::Member).await;
    let colleague = stage.person(tenant, Role::Member).await;
    let finance = stage.person(tenant, Role::Finance).await;
    let own = Granted::by(tenant, member.user).call("2026-11-02T10:00:00Z");
    let mut other = Granted::by(tenant, colleague.user).call("2026-11-02T10:00:00Z");
    other.app_name = "Colleague's app".to_owned();
    other.cost = Nanodollars::from_dollars(5);
    stage.booked(&[own.clone(), other.clone()]).await;

    let report = stage
        .get(&member, "/api/v1/usage?group_by=app,user")
        .await
        .ok()
        .json();
    assert_eq!(report["items"].as_array().unwrap().len(), 1);
    assert_eq!(report["total"]["cost"], json!(own.cost));
    let calls = stage.get(&member, "/api/v1/usage/calls").await.ok().json();
    assert_eq!(calls["items"].as_array().unwrap().len(), 1);
    assert_eq!(calls["items"][0]["id"], json!(own.call));
    let path = format!("/api/v1/usage/calls?grant={}", other.grant);
    assert_eq!(
        stage.get(&member, &path).await.ok().json()["items"],
        json!([])
    );
    let page = stage.get(&member, "/usage").await.ok().body;
    assert!(
        page.contains("exactly 0.010000001 USD") && !page.contains("Colleague"),
        "{page}"
    );
    assert!(!page.contains("/api/v1/exports/"), "{page}");
    for path in &ROUTES[2..5] {
        assert_eq!(stage.get(&member, path).await.status, 403, "{path}");
    }
    for role in [Role::Owner, Role::Admin, Role::Finance] {
        let person = stage.person(tenant, role).await;
        let report = stage.get(&person, "/api/v1/usage").await.ok().json();
        assert_eq!(report["total"]["cost"], "5.010000001", "{role}");
        assert_eq!(
            stage
                .get(&person, ROUTES[3])
                .await
                .ok()
                .body
                .lines()
                .count(),
            2,
            "{role}"
        );
    }
    assert!(
        stage
            .get(&finance, "/usage")
            .await
            .ok()
            .body
            .contains("/api/v1/exports/usage?period=2026-11")
    );
}

#[tokio::test]
async fn nobody_signed_in_sees_nothing() {
    let stage = Stage::new().await;
    for route in &ROUTES[..5] {
        assert_eq!(
            stage.send(TestRequest::get().uri(route)).await.status,
            401,
            "{route}"
        );
        let okap = TestRequest::get()
            .uri(route)
            .insert_header(("authorization", "Bearer okap_x"));
        assert_eq!(stage.send(okap).await.status, 401, "{route}");
    }
    let page = stage
        .send(TestRequest::get().uri("/usage?month=2026-11"))
        .await;
    assert_eq!(page.status, 303);
    assert!(
        page.header("location").starts_with("/sign-in"),
        "{}",
        page.header("location")
    );
}
