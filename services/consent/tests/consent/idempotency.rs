//! An unsafe call that is sent again with its key is answered again, and done once.

use actix_web::{http::Method, test::TestRequest};
use consent::leftovers;
use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::{Value, json};
use sessions::Role;

use crate::{
    oauth::{self, CALLBACK},
    world::{Answer, ORIGIN, Person, World, detail, until},
};

async fn once(
    world: &World,
    person: &Person,
    key: &str,
    (method, path): (Method, &str),
    body: Option<&Value>,
) -> Answer {
    let request = TestRequest::default()
        .method(method)
        .uri(&format!("/api/v1{path}"))
        .insert_header(("idempotency-key", key));
    let request = person.programming(request);
    world
        .send(match body {
            Some(body) => request.set_json(body),
            None => request,
        })
        .await
}

async fn store_key(world: &World, person: &Person, key: &str, name: &str) -> Answer {
    let body = json!({"provider": "openai", "name": name, "secret": "sk-CANARY-once-0123456789"});
    once(
        world,
        person,
        key,
        (Method::POST, "/provider-keys"),
        Some(&body),
    )
    .await
}

#[actix_web::test]
async fn twenty_at_once_make_one_thing() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    let answers = join_all((0..20).map(|_| store_key(&world, &person, "\"k-1\"", "Main"))).await;
    let made: Vec<_> = answers.iter().filter(|a| a.status == 201).collect();
    assert!(!made.is_empty());
    for answer in &answers {
        match answer.status {
            201 => assert_eq!(answer.body, made[0].body),
            409 => assert_eq!(answer.problem(), "idempotency-key-in-use"),
            status => panic!("{status}: {}", answer.body),
        }
    }
    let again = store_key(&world, &person, "k-1", "Main").await;
    assert_eq!(
        (again.status, &again.body, again.header("content-type")),
        (201, &made[0].body, made[0].header("content-type"))
    );
    assert_eq!(world.count("consent.provider_keys").await, 1);
    // What was sent is nowhere, and a key is nowhere in clear.
    let kept: String = world
        .look("SELECT string_agg(to_jsonb(a)::text || convert_from(body, 'UTF8'), '') FROM consent.kept_answers a")
        .await;
    assert!(!kept.contains("CANARY") && !kept.contains("k-1"), "{kept}");
}

#[actix_web::test]
async fn a_key_is_one_persons_and_for_one_call() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    let first = store_key(&world, &person, "k", "Main").await;
    assert_eq!(first.status, 201, "{}", first.body);
    let rotate = format!("/provider-keys/{}/rotate", first.text("id"));
    let secret = json!({"secret": "sk-other-0123456789"});
    for other in [
        store_key(&world, &person, "k", "Other").await,
        once(&world, &person, "k", (Method::POST, &rotate), Some(&secret)).await,
    ] {
        assert_eq!(
            (other.status, other.problem().as_str()),
            (422, "idempotency-key-reused")
        );
    }
    let colleague = world.member(person.tenant, Role::Member).await;
    let stranger = world.person(Role::Member).await;
    for who in [&colleague, &stranger] {
        let theirs = store_key(&world, who, "k", "Main").await;
        assert_eq!(theirs.status, 201);
        assert_ne!(theirs.text("id"), first.text("id"));
    }
    for wrong in ["", "a b", "\"", &"k".repeat(256)] {
        let answer = store_key(&world, &person, wrong, "Main").await;
        assert_eq!(answer.status, 400, "{wrong}");
        assert_eq!(
            answer.json()["errors"][0]["pointer"],
            json!("idempotency-key")
        );
    }
    assert_eq!(world.count("consent.provider_keys").await, 3);
}

#[actix_web::test]
async fn changes_removals_and_refusals_are_answered_again() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    let (grant, _) = world.granted(&person, json!([detail(json!({}))])).await;
    let path = format!("/grants/{grant}");
    let expires = json!({"expires": "2026-11-22T13:00:00Z"});
    let handle = world
        .post(&person, "/handles", json!({"label": "Home"}))
        .await;
    let handle = format!("/handles/{}", handle.text("id"));
    let wrong = json!({"models": 5});
    for (key, method, path, body, status) in [
        ("change", Method::PATCH, &path, Some(&expires), 204),
        ("remove", Method::DELETE, &handle, None, 204),
        ("refused", Method::PATCH, &path, Some(&wrong), 400),
    ] {
        let first = once(&world, &person, key, (method.clone(), path), body).await;
        let again = once(&world, &person, key, (method, path), body).await;
        assert_eq!((first.status, again.status), (status, status), "{key}");
        assert_eq!(first.body, again.body, "{key}");
        assert_eq!(
            first.header("content-type"),
            again.header("content-type"),
            "{key}"
        );
    }
    let changes: i64 = world
        .look("SELECT count(*) FROM store.events WHERE type = 'grant.changed'")
        .await;
    assert_eq!(changes, 1);
}

#[actix_web::test]
async fn an_answer_with_a_secret_is_not_kept_and_nothing_is_made_twice() {
    let world = World::open().await;
    let person = oauth::owner(&world).await;
    let app = json!({"name": "App", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "client_secret_post"});
    let token = json!({"label": "Build"});
    let ticket = json!({"label": "Test", "ceiling": null});
    for (path, body, prefix, table) in [
        ("/apps", &app, "cs_", "consent.apps"),
        (
            "/registration-tokens",
            &token,
            "irt_",
            "consent.registration_tokens",
        ),
        (
            "/connect-tickets",
            &ticket,
            "ct_",
            "consent.connect_tickets",
        ),
    ] {
        let first = once(&world, &person, path, (Method::POST, path), Some(body)).await;
        assert_eq!(first.status, 201, "{path}: {}", first.body);
        assert!(first.body.contains(prefix), "{}", first.body);
        let again = once(&world, &person, path, (Method::POST, path), Some(body)).await;
        assert_eq!(
            (again.status, again.problem().as_str()),
            (409, "answer-not-kept"),
            "{path}"
        );
        assert_eq!(world.count(table).await, 1, "{path}");
    }
    // Nor is the code that an approval ends in.
    let client = oauth::register(&world, &person).await;
    let (page, _) = oauth::authorize(&world, &person, &oauth::asking(&client))
        .await
        .sent_to();
    let path = format!("/requests/{}/approve", page.rsplit('/').next().unwrap());
    let approved = once(
        &world,
        &person,
        "approve",
        (Method::POST, &path),
        Some(&json!({})),
    )
    .await;
    assert!(approved.body.contains("code="), "{}", approved.body);
    let kept = "SELECT count(*) FROM consent.kept_answers WHERE body IS NOT NULL";
    assert_eq!(world.look::<i64>(kept).await, 0);
}

#[actix_web::test]
async fn what_our_fault_broke_can_be_sent_again() {
    let mut world = World::open_with("redis://127.0.0.1:9").await;
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    let (grant, _) = world.granted(&person, json!([detail(json!({}))])).await;
    let path = format!("/grants/{grant}/revoke");
    let revoke = (Method::POST, path.as_str());
    let broken = once(&world, &person, "k", revoke.clone(), None).await;
    assert_eq!(broken.status, 503, "{}", broken.body);
    world.restarted();
    let done = once(&world, &person, "k", revoke, None).await;
    assert_eq!(done.status, 204, "{}", done.body);
}

#[actix_web::test]
async fn a_call_goes_on_when_its_sender_hangs_up() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    // It cannot be done before its sender is gone.
    let mut owner = world.scratch.owner().await;
    let lock = owner.transaction().await.unwrap();
    let sql = "LOCK TABLE consent.provider_keys IN EXCLUSIVE MODE";
    lock.batch_execute(sql).await.unwrap();
    let begun = until("the call", async || {
        (world.count("consent.kept_answers").await == 1).then_some(())
    });
    tokio::select! {
        () = begun => {}
        answer = store_key(&world, &person, "k", "Main") => panic!("{}", answer.body),
    }
    lock.commit().await.unwrap();
    let answered = "SELECT count(*) FROM consent.kept_answers WHERE status = 201";
    until("the answer", async || {
        (world.look::<i64>(answered).await == 1).then_some(())
    })
    .await;
    let again = store_key(&world, &person, "k", "Main").await;
    assert_eq!(again.status, 201, "{}", again.body);
    assert_eq!(world.count("consent.provider_keys").await, 1);
}

#[actix_web::test]
async fn a_foreign_page_is_refused_as_without_a_key() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    let foreign = TestRequest::post()
        .uri("/api/v1/handles")
        .insert_header(("cookie", person.cookie.as_ref()))
        .insert_header(("origin", "https://evil.test"))
        .insert_header(("idempotency-key", "k"))
        .set_json(json!({"label": "Home"}));
    assert_eq!(world.send(foreign).await.problem(), "csrf");
    let nobody = TestRequest::post()
        .uri("/api/v1/handles")
        .insert_header(("origin", ORIGIN))
        .insert_header(("idempotency-key", "k"))
        .set_json(json!({"label": "Home"}));
    assert_eq!(world.send(nobody).await.status, 401);
    assert_eq!(world.count("consent.kept_answers").await, 0);
}

#[actix_web::test]
async fn a_key_counts_for_a_day() {
    let world = World::open().await;
    let people = [
        world.person(Role::Member).await,
        world.person(Role::Member).await,
    ];
    for person in &people {
        assert_eq!(store_key(&world, person, "k", "Main").await.status, 201);
    }
    world.later(SignedDuration::from_hours(24));
    assert_eq!(leftovers::remove(&world.vault).await.unwrap(), 0);
    world.later(SignedDuration::from_mins(11));
    assert_eq!(leftovers::remove(&world.vault).await.unwrap(), 2);
    assert_eq!(
        store_key(&world, &people[0], "k", "Other").await.status,
        201
    );
    assert_eq!(world.count("consent.provider_keys").await, 3);
}
