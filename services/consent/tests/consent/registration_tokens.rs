//! Registration tokens: for so many apps, so many days, and made by those who manage apps.

use actix_web::http::Method;
use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::json;
use sessions::Role;

use crate::{
    oauth::owner,
    registration::{app, register, token},
    world::World,
};

#[actix_web::test]
async fn a_token_registers_as_many_as_it_is_for_however_many_come_at_once() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (_, token) = token(&world, &person, json!({"registrations": 3})).await;
    let app = app();
    let answers = join_all((0..10).map(|_| register(&world, Some(&token), &app))).await;
    let registered = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!((registered, world.count("consent.apps").await), (3, 3));
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(
            (refused.status, refused.text("error").as_str()),
            (401, "invalid_token")
        );
        assert!(refused.header("www-authenticate").starts_with("Bearer"));
    }
}

#[actix_web::test]
async fn a_token_that_expired_or_was_ended_registers_nobody() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (_, week) = token(&world, &person, json!({})).await;
    let (id, ended) = token(&world, &person, json!({"days": 90})).await;
    world
        .done(
            &person,
            Method::DELETE,
            &format!("/registration-tokens/{id}"),
            None,
        )
        .await;
    assert_eq!(register(&world, Some(&ended), &app()).await.status, 401);
    // A request that cannot be registered spends nothing.
    assert_eq!(register(&world, Some(&week), &json!({})).await.status, 400);
    world.later(SignedDuration::from_hours(7 * 24));
    assert_eq!(register(&world, Some(&week), &app()).await.status, 401);
    for wrong in ["", "irt_x", "lk_x"] {
        assert_eq!(register(&world, Some(wrong), &app()).await.status, 401);
    }
    assert_eq!(world.count("consent.apps").await, 0);
    let listed = world.get(&person, "/registration-tokens").await;
    assert_eq!(listed.json()["items"].as_array().unwrap().len(), 2);
    assert!(!listed.body.contains("irt_"));
    let stored: String = world
        .look("SELECT string_agg(t::text, ' ') FROM consent.registration_tokens t")
        .await;
    assert!(!stored.contains("irt_"));
}

#[actix_web::test]
async fn only_who_manages_apps_makes_and_ends_registration_tokens() {
    let world = World::open().await;
    let person = owner(&world).await;
    let member = world.member(person.tenant, Role::Member).await;
    let other = owner(&world).await;
    let (id, _) = token(&world, &person, json!({})).await;
    let path = format!("/registration-tokens/{id}");
    assert_eq!(
        world
            .post(&member, "/registration-tokens", json!({"label": "x"}))
            .await
            .status,
        403
    );
    assert_eq!(world.get(&member, "/registration-tokens").await.status, 403);
    assert_eq!(
        world.api(&member, Method::DELETE, &path, None).await.status,
        403
    );
    assert_eq!(
        world.api(&other, Method::DELETE, &path, None).await.status,
        404
    );
    assert_eq!(
        world.get(&other, "/registration-tokens").await.json()["items"],
        json!([])
    );
    for wrong in [
        json!({"label": "x", "days": 91}),
        json!({"label": "x", "registrations": 0}),
        json!({"label": ""}),
    ] {
        assert_eq!(
            world
                .post(&person, "/registration-tokens", wrong)
                .await
                .status,
            400
        );
    }
}
