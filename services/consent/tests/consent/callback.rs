//! A callback gets the browser back with a code, and only the code with the poll secret is worth anything.

use std::time::Duration;

use actix_web::test::TestRequest;
use jiff::SignedDuration;
use serde_json::{Value, json};
use sessions::Role;
use tokio::time::Instant;

use crate::{
    answer::at_once,
    doors::{UNKNOWN, shape},
    world::{Answer, ORIGIN, Person, World, detail, parameters_of, request_id},
};

const CALLBACK: &str = "https://app.test:8443/back?page=1";

/// Asks at a person's handle as a client with these members; says nothing of waiting.
async fn ask(world: &World, address: &str, client: Value) -> Answer {
    let details = json!([detail(json!({}))]);
    let body = json!({"okap": "1.0", "authorization_details": details, "client": client});
    let path = format!("/v/{address}/okap/authorize");
    world
        .send(TestRequest::post().uri(&path).set_json(body))
        .await
}

fn client() -> Value {
    json!({"name": "Notebook", "url": "https://app.test:8443", "callback": CALLBACK})
}

async fn pending(world: &World, person: &Person) -> Answer {
    let answer = ask(world, &world.handle(person).await, client()).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    answer
}

async fn owner(world: &World) -> Person {
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    person
}

pub async fn redeem(world: &World, request: &str, secret: &str, code: &str) -> Answer {
    let path = format!("/okap/requests/{request}");
    let post = TestRequest::post().uri(&path);
    let post = post.insert_header(("authorization", format!("Bearer {secret}")));
    world.send(post.set_json(json!({"code": code}))).await
}

/// The code that an approval sends to the callback.
async fn approved(world: &World, person: &Person, request: &str) -> String {
    let answer = world.approve(person, request).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let (back, query) = parameters_of(&answer.text("redirect_to"));
    assert_eq!(back, "https://app.test:8443/back");
    let names: Vec<&str> = query.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["page", "request_id", "code", "iss"]);
    assert_eq!(
        (query[1].1.as_str(), query[3].1.as_str()),
        (request, ORIGIN)
    );
    assert!(!answer.text("redirect_to").contains("okap_"));
    query[2].1.clone()
}

#[track_caller]
fn is_refused(answer: &Answer) {
    assert_eq!(answer.status, 400, "{}", answer.body);
    assert_eq!(answer.json()["error"]["type"], "invalid_code");
    assert!(!answer.body.contains("okap_"));
}

#[actix_web::test]
async fn the_code_and_the_poll_secret_together_get_the_token_once() {
    let world = World::open().await;
    let person = owner(&world).await;
    let began = Instant::now();
    let (mine, other) = (
        pending(&world, &person).await,
        pending(&world, &person).await,
    );
    // The app has to know first where to send the person: nobody is kept waiting.
    assert!(began.elapsed() < Duration::from_secs(10));
    let (id, secret) = (mine.text("request_id"), mine.text("poll_secret"));
    let other_id = other.text("request_id");
    assert_eq!(world.poll(&id, &secret).await.status, 202);
    let code = approved(&world, &person, &id).await;
    let other_code = approved(&world, &person, &other_id).await;

    let polled = world.poll(&id, &secret).await;
    assert_eq!(
        (polled.status, &polled.json()["error"]["type"]),
        (409, &json!("code_required"))
    );
    assert!(!polled.body.contains("okap_"));
    is_refused(&redeem(&world, &id, &secret, &other_code).await);
    is_refused(&redeem(&world, &id, &other.text("poll_secret"), &code).await);
    is_refused(&redeem(&world, &other_id, &secret, &code).await);
    is_refused(&redeem(&world, &id, &secret, "oc_nothing").await);
    is_refused(&redeem(&world, &id, &"a".repeat(43), &code).await);
    let nameless = redeem(&world, &id, &code, &code).await;
    assert_eq!(nameless.status, 400, "{}", nameless.body);
    let without = TestRequest::post().uri(&format!("/okap/requests/{id}"));
    let without = world.send(without.set_json(json!({"code": code}))).await;
    assert_eq!(without.status, 401, "{}", without.body);
    assert_eq!(world.live_tokens().await, 0);

    let granted = redeem(&world, &id, &secret, &code).await;
    assert_eq!(
        (granted.status, granted.text("status").as_str()),
        (200, "granted")
    );
    assert!(granted.text("token").starts_with("okap_"));
    assert_eq!(granted.header("cache-control"), "no-store");
    is_refused(&redeem(&world, &id, &secret, &code).await);
    assert_eq!(
        world.poll(&id, &secret).await.problem(),
        "already-delivered"
    );
    assert_eq!(world.live_tokens().await, 1);
}

#[actix_web::test]
async fn a_hundred_who_send_a_code_at_once_get_one_token() {
    let world = World::open().await;
    let person = owner(&world).await;
    let asked = pending(&world, &person).await;
    let (id, secret) = (asked.text("request_id"), asked.text("poll_secret"));
    let code = approved(&world, &person, &id).await;
    let answers = at_once(100, || redeem(&world, &id, &secret, &code)).await;
    let granted = answers
        .iter()
        .filter(|answer| answer.body.contains("okap_"));
    assert_eq!(granted.count(), 1);
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer.status, 200 | 400))
    );
    assert_eq!(world.live_tokens().await, 1);
}

#[actix_web::test]
async fn a_code_lives_for_a_minute() {
    let world = World::open().await;
    let person = owner(&world).await;
    for (seconds, lives) in [(59, true), (60, false)] {
        let asked = pending(&world, &person).await;
        let (id, secret) = (asked.text("request_id"), asked.text("poll_secret"));
        let code = approved(&world, &person, &id).await;
        world.later(SignedDuration::from_secs(seconds));
        let answer = redeem(&world, &id, &secret, &code).await;
        assert_eq!(answer.status == 200, lives, "{seconds}: {}", answer.body);
    }
}

#[actix_web::test]
async fn a_denial_sends_the_browser_back_and_tells_the_holder_of_the_poll_secret() {
    let world = World::open().await;
    let person = owner(&world).await;
    let asked = pending(&world, &person).await;
    let (id, secret) = (asked.text("request_id"), asked.text("poll_secret"));
    assert_eq!(world.deny(&person, &id).await.status, 204);
    let tx = world.vault.begin("test", person.tenant).await.unwrap();
    let back = consent::way_back::after_denial(&world.vault, &tx, request_id(&id))
        .await
        .unwrap()
        .unwrap();
    let expected = format!(
        "{CALLBACK}&request_id={id}&error=access_denied&iss=https%3A%2F%2Fvault.example.com"
    );
    assert_eq!(back, expected);
    assert_eq!(world.poll(&id, &secret).await.text("status"), "denied");
}

#[actix_web::test]
async fn a_grant_that_ended_before_its_code_came_gives_nothing() {
    let world = World::open().await;
    let person = owner(&world).await;
    let asked = pending(&world, &person).await;
    let (id, secret) = (asked.text("request_id"), asked.text("poll_secret"));
    let code = approved(&world, &person, &id).await;
    let grant = world.get(&person, "/grants").await.json()["items"][0]["id"].clone();
    let path = format!("/grants/{}/revoke", grant.as_str().unwrap());
    assert_eq!(world.post(&person, &path, json!({})).await.status, 204);
    let answer = redeem(&world, &id, &secret, &code).await;
    assert_eq!(
        (answer.status, answer.text("status").as_str()),
        (200, "denied")
    );
    assert_eq!(world.live_tokens().await, 0);
}

#[actix_web::test]
async fn an_odd_callback_is_refused_by_name_and_reaches_nobody() {
    let world = World::open().await;
    let person = owner(&world).await;
    let handle = world.handle(&person).await;
    for callback in [
        "javascript:alert(1)",
        "data:text/html,x",
        "http://app.test/cb",
        "https://me@app.test/cb",
        "https://app.test/cb#x",
        "https://APP.test/cb",
        "https://app.test/a/../cb",
        "//app.test/cb",
        "com.example.app:/cb",
        "https://app.test/cb?code=x",
        "",
    ] {
        let answer = ask(
            &world,
            &handle,
            json!({"name": "App", "callback": callback}),
        )
        .await;
        let error = &answer.json()["error"];
        assert_eq!(
            (answer.status, &error["param"]),
            (400, &json!("client.callback")),
            "{callback}"
        );
    }
    let challenge = json!({"name": "App", "callback": CALLBACK, "code_challenge": "a".repeat(43)});
    let answer = ask(&world, &handle, challenge).await;
    assert_eq!(answer.json()["error"]["param"], "client.code_challenge");
    assert_eq!(world.count("consent.access_requests").await, 0);
}

#[actix_web::test]
async fn the_page_lets_its_form_lead_to_the_callback_and_nowhere_else() {
    let world = World::open().await;
    let person = owner(&world).await;
    let with = pending(&world, &person).await.text("request_id");
    let without = world
        .pending(&person, json!([detail(json!({}))]))
        .await
        .text("request_id");
    for (request, form_action) in [
        (with, "form-action 'self' https://app.test:8443"),
        (without, "form-action 'self'"),
    ] {
        let page = world.browse(&person, &format!("/requests/{request}")).await;
        assert_eq!(page.status, 200);
        let policy = page.header("content-security-policy");
        assert!(policy.ends_with(form_action), "{policy}");
        assert_eq!(page.header("cross-origin-opener-policy"), "same-origin");
    }
}

#[actix_web::test]
async fn nobody_with_a_callback_cannot_be_told_from_somebody_who_does_not_answer() {
    let world = World::open().await;
    let person = owner(&world).await;
    let known = ask(&world, &world.handle(&person).await, client()).await;
    let nobody = ask(&world, UNKNOWN, client()).await;
    assert_eq!(shape(&known), shape(&nobody));
    let of = |answer: &Answer| (answer.text("request_id"), answer.text("poll_secret"));
    let (known, nobody) = (of(&known), of(&nobody));
    let code = format!("oc_{}", "0".repeat(49));
    assert_eq!(
        shape(&world.poll(&known.0, &known.1).await),
        shape(&world.poll(&nobody.0, &nobody.1).await)
    );
    assert_eq!(
        shape(&redeem(&world, &known.0, &known.1, &code).await),
        shape(&redeem(&world, &nobody.0, &nobody.1, &code).await)
    );
}

#[actix_web::test]
async fn a_callback_on_its_own_domain_verifies_an_app() {
    let world = World::open().await;
    let person = owner(&world).await;
    let handle = world.handle(&person).await;
    for (client, verification) in [
        (
            json!({"name": "A", "url": "https://app.test", "callback": "https://app.test/cb"}),
            "domain_verified",
        ),
        (
            json!({"name": "A", "url": "https://bank.test", "callback": "https://app.test/cb"}),
            "unverified",
        ),
        (
            json!({"name": "A", "callback": "http://127.0.0.1:8000/cb"}),
            "unverified",
        ),
    ] {
        let asked = ask(&world, &handle, client.clone())
            .await
            .text("request_id");
        let shown = world.get(&person, &format!("/requests/{asked}")).await;
        assert_eq!(shown.text("verification"), verification, "{client}");
    }
}
