//! A grant whose token can no longer be collected by anybody ends by itself.

use actix_web::test::TestRequest;
use consent::access_request::Requests;
use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::{Value, json};
use sessions::Role;

use crate::{
    callback::redeem,
    oauth::{asking, authorize, code, post_form, redeeming, register},
    step_up::ask_with,
    world::{Person, World, detail, parameters_of},
};

const MINUTE: SignedDuration = SignedDuration::from_secs(60);
const TEN_MINUTES: SignedDuration = SignedDuration::from_secs(600);
const A_SECOND: SignedDuration = SignedDuration::from_secs(1);

async fn owner(world: &World) -> Person {
    let person = world.person(Role::Owner).await;
    world.key(&person, "openai").await;
    person
}

/// An approved request that has a callback: its id, its poll secret, its code and its grant.
async fn on_the_way(world: &World, person: &Person) -> (String, String, String, String) {
    let client = json!({"name": "Notebook", "callback": "http://127.0.0.1:9000/back"});
    let body =
        json!({"okap": "1.0", "authorization_details": [detail(json!({}))], "client": client});
    let path = format!("/v/{}/okap/authorize", world.handle(person).await);
    let asked = world
        .send(TestRequest::post().uri(&path).set_json(body))
        .await;
    let id = asked.text("request_id");
    let approved = world.approve(person, &id).await;
    let (_, query) = parameters_of(&approved.text("redirect_to"));
    let code = query.iter().find(|(name, _)| name == "code").unwrap();
    let (secret, grant) = (asked.text("poll_secret"), approved.text("grant_id"));
    (id, secret, code.1.clone(), grant)
}

/// An approved request whose asker polls: its id, its poll secret and its grant.
async fn approved(world: &World, person: &Person) -> (String, String, String) {
    let asked = world.pending(person, json!([detail(json!({}))])).await;
    let id = asked.text("request_id");
    let approved = world.approve(person, &id).await;
    (id, asked.text("poll_secret"), approved.text("grant_id"))
}

async fn ended(world: &World) -> usize {
    world.requests().end_uncollected().await.unwrap()
}

async fn state(world: &World, person: &Person, grant: &str) -> String {
    world
        .get(person, &format!("/grants/{grant}"))
        .await
        .text("state")
}

async fn causes(world: &World) -> Option<String> {
    world
        .look("SELECT string_agg(payload->>'reason', ',') FROM store.events WHERE type = 'grant.revoked'")
        .await
}

#[actix_web::test]
async fn a_callbacks_grant_ends_when_its_code_lapses_undelivered() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (id, secret, code, grant) = on_the_way(&world, &person).await;
    let (other_id, other_secret, other_code, other) = on_the_way(&world, &person).await;
    let collected = redeem(&world, &other_id, &other_secret, &other_code).await;
    assert_eq!(collected.status, 200, "{}", collected.body);

    world.later(MINUTE - A_SECOND);
    assert_eq!(ended(&world).await, 0);
    assert_eq!(world.poll(&id, &secret).await.status, 409);
    world.later(A_SECOND);
    // From the moment that the code lapsed the app is told, before anybody wrote it down.
    let told = world.poll(&id, &secret).await;
    assert_eq!((told.status, told.text("status").as_str()), (200, "denied"));
    assert_eq!(ended(&world).await, 1);
    assert_eq!(state(&world, &person, &grant).await, "revoked");
    assert_eq!(state(&world, &person, &other).await, "live");
    assert_eq!(causes(&world).await.as_deref(), Some("never collected"));
    assert_eq!(redeem(&world, &id, &secret, &code).await.status, 400);
    assert_eq!(world.live_tokens().await, 1);

    world.later(TEN_MINUTES * 100);
    assert_eq!(ended(&world).await, 0);
    assert_eq!(causes(&world).await.as_deref(), Some("never collected"));
}

#[actix_web::test]
async fn the_holder_of_a_poll_secret_has_ten_minutes() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (late, late_secret, late_grant) = approved(&world, &person).await;
    let (id, secret, grant) = approved(&world, &person).await;
    world.later(TEN_MINUTES - A_SECOND);
    assert_eq!(ended(&world).await, 0);
    assert!(world.poll(&id, &secret).await.body.contains("okap_"));
    world.later(A_SECOND);
    assert_eq!(ended(&world).await, 1);
    assert_eq!(state(&world, &person, &grant).await, "live");
    assert_eq!(state(&world, &person, &late_grant).await, "revoked");
    let told = world.poll(&late, &late_secret).await;
    assert_eq!((told.status, told.text("status").as_str()), (200, "denied"));
    assert_eq!(world.live_tokens().await, 1);
}

#[actix_web::test]
async fn an_oauth_grant_ends_when_its_code_lapses_and_not_while_a_browser_may_still_be_led_back() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    // Decided through the API: the browser that asked still waits, and is led back within its time.
    let (_, waiting) = code(&world, &person, &client).await;
    world.later(MINUTE);
    assert_eq!(ended(&world).await, 0);
    assert_eq!(state(&world, &person, &waiting).await, "live");
    let (page, _) = authorize(&world, &person, &asking(&client)).await.sent_to();
    let request = page.rsplit('/').next().unwrap();
    assert_eq!(world.approve(&person, request).await.status, 200);
    let led_back = world.browse(&person, &format!("/requests/{request}")).await;
    let brought = led_back.sent_to().1.remove(0).1;
    world.later(MINUTE - A_SECOND);
    assert_eq!(ended(&world).await, 0);
    world.later(A_SECOND);
    assert_eq!(ended(&world).await, 1);
    let refused = post_form(&world, "/oauth/token", &redeeming(&client, &brought)).await;
    assert_eq!(refused.text("error"), "invalid_grant");
    world.later(TEN_MINUTES * 2);
    assert_eq!(ended(&world).await, 1);
    assert_eq!(state(&world, &person, &waiting).await, "revoked");
    assert_eq!(world.live_tokens().await, 0);
}

#[actix_web::test]
async fn of_a_delivery_and_an_end_at_the_same_moment_one_counts() {
    let world = World::open().await;
    let person = owner(&world).await;
    let mut secrets = Vec::new();
    for _ in 0..8 {
        let (id, secret, _) = approved(&world, &person).await;
        secrets.push((id, secret));
    }
    world.later(TEN_MINUTES);
    let polls = join_all(secrets.iter().map(|(id, secret)| world.poll(id, secret)));
    let requests = [world.requests(), world.requests()];
    let ends = join_all(requests.iter().map(Requests::end_uncollected));
    let (answers, _) = futures_util::future::join(polls, ends).await;
    ended(&world).await;
    let tokens = answers.iter().filter(|a| a.body.contains("okap_")).count();
    let live: Vec<Value> = world.get(&person, "/grants").await.json()["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|grant| grant["state"] == "live")
        .cloned()
        .collect();
    assert_eq!(live.len(), tokens);
    assert_eq!(world.live_tokens().await, i64::try_from(tokens).unwrap());
    let revoked: i64 = world
        .look("SELECT count(*) FROM store.events WHERE type = 'grant.revoked'")
        .await;
    assert_eq!(revoked, 8 - i64::try_from(tokens).unwrap());
}

#[actix_web::test]
async fn a_grant_that_was_given_more_stays_when_nobody_comes_for_the_next_token() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (grant, token) = world.granted(&person, json!([detail(json!({}))])).await;
    let more = json!([detail(json!({"models": ["o1"]}))]);
    let asked = ask_with(&world, &token, more).await;
    let approved = world.approve(&person, &asked.text("request_id")).await;
    assert_eq!(approved.status, 200, "{}", approved.body);
    let seen = "SELECT count(*) FROM consent.delivery_channels WHERE delivered_at IS NULL";
    assert_eq!(world.look::<i64>(seen).await, 1);
    world.later(TEN_MINUTES * 2);
    assert_eq!(ended(&world).await, 0);
    assert_eq!(state(&world, &person, &grant).await, "live");
}
