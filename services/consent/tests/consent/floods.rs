//! Nobody who knows a handle fills an inbox with it, or learns from it that it is full.

use actix_web::test::TestRequest;
use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::{Value, json};
use sessions::Role;

use crate::world::{Answer, Person, World, detail};

async fn ask(world: &World, handle: &str) -> Answer {
    let answer = world.ask(handle, json!([detail(json!({}))])).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    answer
}

/// Asks as an app of `app.test`, which answers are brought back to.
pub async fn ask_of_domain(world: &World, handle: &str) -> Answer {
    let client = json!({"name": "Digest", "callback": "https://app.test/back"});
    let details = json!([detail(json!({}))]);
    let body = json!({"okap": "1.0", "authorization_details": details, "client": client});
    let path = format!("/v/{handle}/okap/authorize");
    let answer = world
        .send(TestRequest::post().uri(&path).set_json(body))
        .await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    answer
}

async fn deny(world: &World, person: &Person, asked: &Answer) {
    let path = format!("/requests/{}/deny", asked.text("request_id"));
    world
        .done(
            person,
            actix_web::http::Method::POST,
            &path,
            Some(json!({})),
        )
        .await;
}

#[actix_web::test]
async fn one_handle_brings_five_at_a_time_however_many_ask_at_once() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    let handle = world.handle(&person).await;
    join_all((0..15).map(|_| ask(&world, &handle))).await;
    assert_eq!(world.waiting(&person).await, 5);
    assert_eq!(world.count("consent.access_requests").await, 5);
    // Another handle goes on as ever.
    let other = world.handle(&person).await;
    ask(&world, &other).await;
    assert_eq!(world.waiting(&person).await, 6);
}

#[actix_web::test]
async fn one_handle_brings_twenty_a_day_that_were_not_approved() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    let handle = world.handle(&person).await;
    let approved = ask(&world, &handle).await.text("request_id");
    assert_eq!(world.approve(&person, &approved).await.status, 200);
    for _ in 0..20 {
        let asked = ask(&world, &handle).await;
        deny(&world, &person, &asked).await;
    }
    ask(&world, &handle).await;
    assert_eq!(world.waiting(&person).await, 0);
    world.later(SignedDuration::from_hours(24));
    ask(&world, &handle).await;
    assert_eq!(world.waiting(&person).await, 1);
}

#[actix_web::test]
async fn a_full_handle_answers_as_an_unknown_one() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    let handle = world.handle(&person).await;
    for _ in 0..5 {
        ask(&world, &handle).await;
    }
    let unknown = "h7777777777777777777777777";
    let shape = |answer: &Answer| {
        let mut body = answer.json();
        for own in ["request_id", "authorize_url", "poll_url", "poll_secret"] {
            body[own] = Value::Null;
        }
        body
    };
    let (full, nobody) = (ask(&world, &handle).await, ask(&world, unknown).await);
    assert_eq!(shape(&full), shape(&nobody));
    for answer in [&full, &nobody] {
        let polled = world
            .poll(&answer.text("request_id"), &answer.text("poll_secret"))
            .await;
        assert_eq!((polled.status, shape(&polled)), (202, shape(&full)));
    }
}

#[actix_web::test]
async fn an_app_that_was_denied_three_times_in_a_row_is_not_asked_about_for_a_day() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    let handle = world.handle(&person).await;
    for _ in 0..3 {
        let asked = ask_of_domain(&world, &handle).await;
        assert_eq!(world.waiting(&person).await, 1);
        deny(&world, &person, &asked).await;
    }
    let asked = ask_of_domain(&world, &handle).await;
    assert_eq!(world.waiting(&person).await, 0);
    // It is told what a denied app is told, and no sooner than a person could.
    let (id, secret) = (asked.text("request_id"), asked.text("poll_secret"));
    let poll = || world.poll(&id, &secret);
    assert_eq!(poll().await.status, 202);
    world.later(SignedDuration::from_secs(11));
    let told = poll().await;
    assert_eq!(
        (told.text("status"), told.text("reason")),
        ("denied".to_owned(), "user_denied".to_owned())
    );
    // At another handle it asks as ever, and at this one so does everybody else.
    let other = world.handle(&person).await;
    ask_of_domain(&world, &other).await;
    ask(&world, &handle).await;
    assert_eq!(world.waiting(&person).await, 2);
    world.later(SignedDuration::from_hours(24));
    ask_of_domain(&world, &handle).await;
    assert_eq!(world.waiting(&person).await, 1);
}
