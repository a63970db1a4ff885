//! The flat form that the released Python SDK speaks: exactly these answers, always with status 200.

use actix_web::test::TestRequest;
use futures_util::join;
use jiff::SignedDuration;
use serde_json::{Value, json};
use sessions::Role;

use crate::world::{Answer, World};

/// Asks in the flat form at an address.
async fn ask(world: &World, address: &str, members: Value) -> Answer {
    let mut body = json!({"okap": "1.0", "provider": "openai", "models": ["gpt-4o-mini"], "app_name": "My AI App"});
    for (name, value) in members.as_object().unwrap() {
        body[name] = value.clone();
    }
    world
        .send(
            TestRequest::post()
                .uri(&format!("/v/{address}/okap/request"))
                .set_json(body),
        )
        .await
}

async fn with_ticket(world: &World, ticket: &str, body: Value) -> Answer {
    let request = TestRequest::post()
        .uri("/okap/request")
        .insert_header(("authorization", format!("Bearer {ticket}")));
    world.send(request.set_json(body)).await
}

fn text_of(answer: &Answer) -> String {
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "application/json")
    );
    assert_eq!(answer.header("cache-control"), "no-store");
    answer.body.trim_start().to_owned()
}

#[actix_web::test]
async fn a_grant_is_told_in_exactly_these_words() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    let ticket = world
        .ticket(
            &person,
            json!({"providers": ["openai"], "capabilities": ["vision", "chat", "code", "embeddings"],
                "monthly_spend": "10", "days": 30}),
        )
        .await;
    let body = json!({
        "okap": "1.0", "provider": "openai", "models": ["gpt-4o-mini", "o3*"], "capabilities": ["vision", "chat", "code", "embeddings"],
        "limits": {"monthly_spend": 7.25}, "expires": "2026-12-01", "reason": "For my work", "app_name": "My AI App", "app_url": "https://app.test",
    });
    let answer = with_ticket(&world, &ticket, body).await;
    let token = answer.json()["token"]["token"].as_str().unwrap().to_owned();
    assert_eq!(token.len(), 54);
    insta::assert_snapshot!(text_of(&answer).replace(&token, "okap_TOKEN"), @r#"{"okap":"1.0","approved":true,"token":{"token":"okap_TOKEN","base_url":"https://vault.example.com/v1/openai","provider":"openai","models":["gpt-4o-mini","o3*"],"capabilities":["chat","embeddings"],"limits":{"monthly_spend":7.25,"daily_spend":7.25,"requests_per_minute":60,"requests_per_day":5000,"tokens_per_request":400000},"expires_at":"2026-12-02T00:00:00Z","created_at":"2026-11-22T12:00:00Z"},"error":null,"error_code":null}"#);
    let detail: Value = world
        .look("SELECT details->0->'capabilities' FROM consent.grants")
        .await;
    assert_eq!(detail, json!(["chat", "embeddings", "code", "vision"]));
}

#[actix_web::test]
async fn refusals_are_told_in_exactly_these_words() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    let ticket = world
        .ticket(
            &person,
            json!({"providers": ["openai"], "monthly_spend": "10", "days": 30}),
        )
        .await;
    let openai = json!({"okap": "1.0", "provider": "openai", "models": ["gpt-4o-mini"]});
    insta::assert_snapshot!(text_of(&with_ticket(&world, &ticket, openai).await), @r#"{"okap":"1.0","approved":false,"token":null,"error":"No key configured for provider: OpenAI","error_code":"invalid_request"}"#);
    let handle = world.handle(&person).await;
    let mistral = ask(&world, &handle, json!({"provider": "mistral"})).await;
    insta::assert_snapshot!(text_of(&mistral), @r#"{"okap":"1.0","approved":false,"token":null,"error":"request.provider: this form of the protocol cannot name it in an answer; ask at /okap/authorize","error_code":"invalid_request"}"#);
    for wrong in [
        json!({"okap": "2.0"}),
        json!({"redirect_uri": "https://a.test"}),
        json!({"limits": {"monthly_spend": "10"}}),
        json!({"limits": {"daily_spend": 0}}),
        json!({"admin": true}),
        json!({"models": "gpt-4o"}),
        json!({"expires": "tomorrow"}),
        json!({"app_name": ""}),
        json!({"app_url": "javascript:x"}),
    ] {
        let answer = ask(&world, &handle, wrong.clone()).await;
        assert_eq!(answer.status, 200);
        assert_eq!(
            (&answer.json()["approved"], &answer.json()["error_code"]),
            (&json!(false), &json!("invalid_request")),
            "{wrong}"
        );
    }
    let plain = TestRequest::post()
        .uri("/okap/request")
        .insert_header(("content-type", "text/plain"))
        .set_payload("{}");
    assert_eq!(
        world.send(plain).await.text("error_code"),
        "invalid_request"
    );
    let large = TestRequest::post()
        .uri("/okap/request")
        .set_json(json!({"okap": "1.0", "provider": "openai", "reason": "x".repeat(20_000)}));
    assert_eq!(
        world.send(large).await.text("error_code"),
        "invalid_request"
    );
    assert_eq!(world.count("consent.access_requests").await, 0);
}

#[actix_web::test]
async fn a_person_says_no_while_the_connection_waits() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    let handle = world.handle(&person).await;
    let denying = async {
        let request = world.the_request(&person).await;
        world
            .post(
                &person,
                &format!("/requests/{request}/deny"),
                json!({"reason": "not this month"}),
            )
            .await
    };
    let (answer, denied) = join!(ask(&world, &handle, json!({})), denying);
    assert_eq!(denied.status, 204);
    insta::assert_snapshot!(text_of(&answer), @r#"{"okap":"1.0","approved":false,"token":null,"error":"not this month","error_code":"user_denied"}"#);
}

#[actix_web::test]
async fn a_person_says_yes_while_the_connection_waits() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    let handle = world.handle(&person).await;
    let approving = async {
        let request = world.the_request(&person).await;
        world.approve(&person, &request).await
    };
    let (answer, approved) = join!(ask(&world, &handle, json!({})), approving);
    assert_eq!(approved.status, 200);
    assert_eq!(answer.json()["approved"], true);
    assert!(
        answer.json()["token"]["token"]
            .as_str()
            .unwrap()
            .starts_with("okap_")
    );
    assert_eq!(world.live_tokens().await, 1);
}

#[actix_web::test]
async fn nobody_decides_in_time() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    let handle = world.handle(&person).await;
    let time_passes = async {
        world.the_request(&person).await;
        world.later(SignedDuration::from_secs(600));
    };
    let (answer, ()) = join!(ask(&world, &handle, json!({})), time_passes);
    insta::assert_snapshot!(text_of(&answer), @r#"{"okap":"1.0","approved":false,"token":null,"error":"nobody decided in time; ask again","error_code":"request_expired"}"#);
}
