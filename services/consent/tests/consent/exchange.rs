//! A token is exchanged for one that may do less: a child of its grant, which ends with it.

use actix_web::http::Method;
use ids::TokenDigest;
use serde_json::{Value, json};

use crate::{
    oauth::{CALLBACK, code, owner, post_form, redeeming, register},
    world::{Answer, Person, World, detail},
};

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

type More<'a> = &'a [(&'static str, &'a str)];

/// The form by which a client exchanges its token.
pub fn asking_for_child(token: &str, client: &str) -> Vec<(&'static str, String)> {
    vec![
        ("grant_type", EXCHANGE.to_owned()),
        ("subject_token", token.to_owned()),
        ("subject_token_type", ACCESS_TOKEN.to_owned()),
        ("client_id", client.to_owned()),
    ]
}

pub async fn exchange(world: &World, token: &str, more: More<'_>) -> Answer {
    let mut form = asking_for_child(token, "");
    form.pop();
    for (name, value) in more {
        form.retain(|(known, _)| known != name);
        form.push((*name, (*value).to_owned()));
    }
    post_form(world, "/oauth/token", &form).await
}

/// Exchanges, and expects a token.
pub async fn child(world: &World, token: &str, more: More<'_>) -> String {
    let answer = exchange(world, token, more).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.text("access_token")
}

/// An OAuth client that renews and exchanges, and its first token.
pub async fn connected(world: &World, person: &Person) -> (String, Answer, String) {
    let types = ["authorization_code", "refresh_token", EXCHANGE];
    let app = json!({"name": "Recipes", "redirect_uris": [CALLBACK], "grant_types": types});
    let client = world.post(person, "/apps", app).await.text("client_id");
    let (code, grant) = code(world, person, &client).await;
    let answer = post_form(world, "/oauth/token", &redeeming(&client, &code)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    (client, answer, grant)
}

/// A token that came through OKAP, of $4 a month and $4 a day, and its grant.
pub async fn granted(world: &World, person: &Person) -> (String, String) {
    let asked = detail(
        json!({"models": ["gpt-4o*"], "capabilities": ["chat", "embeddings"],
                               "limits": {"monthly_spend": 4, "requests_per_minute": 20}}),
    );
    let (grant, token) = world.granted(person, json!([asked])).await;
    (grant, token)
}

pub async fn grants(world: &World, person: &Person) -> Vec<Value> {
    let answer = world.get(person, "/grants?limit=100").await;
    answer.json()["items"].as_array().unwrap().clone()
}

pub async fn children(world: &World, person: &Person, parent: &str) -> Vec<Value> {
    let mut grants = grants(world, person).await;
    grants.retain(|grant| grant["parent"] == json!(parent));
    grants
}

/// A grant with a child and a grandchild, of a token that was narrowed.
pub async fn exchanged(world: &World, person: &Person) {
    let (client, first, _) = connected(world, person).await;
    let less = detail(json!({"limits": {"monthly_spend": 1}}));
    let refresh = first.text("refresh_token");
    let narrow = crate::refresh::renew(world, &client, &refresh, Some(less)).await;
    let mine = [("client_id", client.as_str())];
    let made = child(world, &narrow.text("access_token"), &mine).await;
    child(world, &made, &mine).await;
}

/// A column of the row by which the proxy lets a token in.
pub async fn access(world: &World, token: &str, column: &str) -> Value {
    let digest = TokenDigest::of(token).to_hex();
    let row = "SELECT to_jsonb(a) FROM consent.grant_access a WHERE token_digest = '\\x";
    let row: Value = world.look(&format!("{row}{digest}'")).await;
    row[column].clone()
}

pub async fn grant_of(world: &World, token: &str) -> String {
    let grant = access(world, token, "grant_id").await;
    let grant: uuid::Uuid = serde_json::from_value(grant).unwrap();
    ids::GrantId::from_uuid(grant).to_string()
}

pub async fn patch(world: &World, person: &Person, grant: &str, members: Value) -> Answer {
    let mut detail = json!({"type": "ai_model_access", "provider": "openai"});
    let members = members.as_object().unwrap().clone();
    detail.as_object_mut().unwrap().extend(members);
    let body = json!({"authorization_details": [detail]});
    let path = format!("/grants/{grant}");
    world.api(person, Method::PATCH, &path, Some(body)).await
}

pub async fn revoke(world: &World, person: &Person, grant: &str) {
    let path = format!("/grants/{grant}/revoke");
    world.done(person, Method::POST, &path, None).await;
}

#[actix_web::test]
async fn a_token_becomes_one_that_may_do_less() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (parent, token) = granted(&world, &person).await;
    let less = json!([detail(
        json!({"capabilities": ["chat"], "limits": {"monthly_spend": 1}})
    )])
    .to_string();
    let answer = exchange(&world, &token, &[("authorization_details", &less)]).await;
    assert_eq!(
        (answer.status, answer.header("cache-control")),
        (200, "no-store"),
        "{}",
        answer.body
    );
    let told = answer.json();
    assert_eq!(told["issued_token_type"], json!(ACCESS_TOKEN));
    assert_eq!(told["token_type"], json!("Bearer"));
    assert_eq!(told["expires_in"], json!(86_400));
    assert_eq!(told["refresh_token"], Value::Null);
    let details = &told["authorization_details"][0];
    assert_eq!(details["models"], json!(["gpt-4o-mini"]));
    assert_eq!(details["capabilities"], json!(["chat"]));
    assert_eq!(details["limits"]["monthly_spend"], json!(1));
    assert_eq!(details["limits"]["daily_spend"], json!(1));
    assert_eq!(details["limits"]["requests_per_minute"], json!(20));
    assert_eq!(
        details["base_url"],
        json!("https://vault.example.com/v1/openai")
    );

    let made = children(&world, &person, &parent).await;
    assert_eq!(made.len(), 1);
    assert_eq!(made[0]["state"], json!("live"));
    assert_eq!(
        made[0]["authorization_details"],
        told["authorization_details"]
    );
    let above = access(&world, &answer.text("access_token"), "ancestors").await;
    assert_eq!(above[0]["grant"], json!(parent));
    assert_eq!(above[0]["limits"]["openai"]["monthly_spend"], json!("4"));
    assert_eq!(access(&world, &token, "ancestors").await, Value::Null);
    let own = world.get(&person, &format!("/grants/{parent}")).await;
    assert_eq!(own.json().get("parent"), None);
}

#[actix_web::test]
async fn without_details_it_is_the_whole_token_and_more_is_never_given() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (parent, token) = granted(&world, &person).await;
    for more in [
        json!({"models": ["o1"]}),
        json!({"models": []}),
        json!({"capabilities": ["images"]}),
        json!({"limits": {"monthly_spend": 4.01}}),
        json!({"limits": {"requests_per_minute": 21}}),
        json!({"expires": "2026-11-23T12:00:01Z"}),
        json!({"provider": "google"}),
        json!({"limits": {"monthly_spend": 0}}),
    ] {
        let asked = json!([detail(more)]).to_string();
        let answer = exchange(&world, &token, &[("authorization_details", &asked)]).await;
        assert_eq!(
            (answer.status, answer.text("error").as_str()),
            (400, "invalid_authorization_details"),
            "{asked}"
        );
    }
    assert_eq!(
        children(&world, &person, &parent).await,
        Vec::<Value>::new()
    );
    let child = child(&world, &token, &[]).await;
    for column in ["details", "expires_at", "app", "user_id"] {
        let [own, of_child] = [&token, &child].map(|token| access(&world, token, column));
        assert_eq!(own.await, of_child.await, "{column}");
    }
    assert_eq!(world.live_tokens().await, 2);
}

#[actix_web::test]
async fn what_is_no_good_is_refused_in_the_words_of_the_rfc() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (parent, token) = granted(&world, &person).await;
    let unknown = ids::OkapToken::mint().unwrap();
    for (more, error) in [
        (("subject_token", ""), "invalid_request"),
        (("subject_token", "okap_x"), "invalid_request"),
        (("subject_token", unknown.reveal()), "invalid_request"),
        (("subject_token_type", ""), "invalid_request"),
        (
            (
                "subject_token_type",
                "urn:ietf:params:oauth:token-type:refresh_token",
            ),
            "invalid_request",
        ),
        (
            (
                "requested_token_type",
                "urn:ietf:params:oauth:token-type:jwt",
            ),
            "invalid_request",
        ),
        (("actor_token", "x"), "invalid_request"),
        (("actor_token_type", ACCESS_TOKEN), "invalid_request"),
        (("resource", "https://elsewhere.test/"), "invalid_target"),
        (
            ("resource", "https://vault.example.com/v1/google"),
            "invalid_target",
        ),
        (("audience", "nobody"), "invalid_target"),
        (("audience", "google"), "invalid_target"),
        (
            ("client_id", "app_00000000000070008000000000000000"),
            "invalid_client",
        ),
    ] {
        let answer = exchange(&world, &token, &[more]).await;
        assert_eq!(answer.text("error"), error, "{more:?} {}", answer.body);
        let status = if error == "invalid_client" { 401 } else { 400 };
        assert_eq!(answer.status, status);
    }
    let actor = exchange(&world, &token, &[("actor_token", "x")]).await;
    assert!(actor.text("error_description").contains("actor_token"));
    assert_eq!(world.live_tokens().await, 1);
    let good = [
        ("requested_token_type", ACCESS_TOKEN),
        ("resource", "https://vault.example.com/v1/openai"),
        ("audience", "openai"),
    ];
    child(&world, &token, &good).await;
    revoke(&world, &person, &parent).await;
    let ended = exchange(&world, &token, &[]).await;
    assert_eq!(ended.text("error"), "invalid_request");
}

#[actix_web::test]
async fn only_the_app_that_has_the_token_exchanges_it() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (client, first, grant) = connected(&world, &person).await;
    let (other, _, _) = connected(&world, &person).await;
    let plain = register(&world, &person).await;
    let token = first.text("access_token");
    let (_, of_okap) = granted(&world, &person).await;
    for (token, by, error) in [
        (&token, None, "invalid_client"),
        (&token, Some(&other), "invalid_request"),
        (&token, Some(&plain), "unauthorized_client"),
        (&of_okap, Some(&client), "invalid_request"),
    ] {
        let by: Vec<_> = by
            .map(|by| ("client_id", by.as_str()))
            .into_iter()
            .collect();
        let answer = exchange(&world, token, &by).await;
        assert_eq!(answer.text("error"), error, "{}", answer.body);
    }
    let mine = [("client_id", client.as_str())];
    let child = child(&world, &token, &mine).await;
    let form = [("token", child.clone()), ("client_id", client.clone())];
    let known = post_form(&world, "/oauth/introspect", &form).await.json();
    assert_eq!(
        (&known["active"], &known["client_id"]),
        (&json!(true), &json!(client))
    );
    assert_ne!(known["grant_id"], json!(grant));
    // It gives the child back, and keeps its own.
    post_form(&world, "/oauth/revoke", &form).await;
    let known = post_form(&world, "/oauth/introspect", &form).await.json();
    assert_eq!(known, json!({"active": false}));
    assert_eq!(access(&world, &token, "closed_at").await, Value::Null);
}
