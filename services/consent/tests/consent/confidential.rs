//! A client that can keep a secret proves itself with it, the one way it is registered with.

use actix_web::{http::Method, test::TestRequest};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{
    oauth::{CALLBACK, asking, code, owner, post_form, redeeming, register},
    world::{Answer, Person, World},
};

/// An app on a server: its client id and its secret.
async fn registered(world: &World, person: &Person, method: &str) -> (String, String) {
    let app = json!({"name": "Recipes", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": method,
                     "grant_types": ["authorization_code", "refresh_token"]});
    let answer = world.post(person, "/apps", app).await;
    assert_eq!(
        (answer.status, answer.header("cache-control")),
        (201, "no-store")
    );
    (answer.text("client_id"), answer.text("client_secret"))
}

type Form = Vec<(&'static str, String)>;

async fn with_basic(world: &World, path: &str, form: &Form, id: &str, secret: &str) -> Answer {
    let credentials = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    let request = TestRequest::post().uri(path).set_form(form);
    world
        .send(request.insert_header(("authorization", credentials)))
        .await
}

fn without_client_id(form: Form) -> Form {
    form.into_iter()
        .filter(|(name, _)| *name != "client_id")
        .collect()
}

#[actix_web::test]
async fn a_secret_in_basic_opens_every_endpoint_that_clients_call() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (client, secret) = registered(&world, &person, "client_secret_basic").await;
    assert!(secret.starts_with("cs_"));
    let (code, _) = code(&world, &person, &client).await;
    let redeem = without_client_id(redeeming(&client, &code));
    let token = with_basic(&world, "/oauth/token", &redeem, &client, &secret).await;
    assert_eq!(token.status, 200, "{}", token.body);
    let renew: Form = vec![
        ("grant_type", "refresh_token".to_owned()),
        ("refresh_token", token.text("refresh_token")),
    ];
    let renewed = with_basic(&world, "/oauth/token", &renew, &client, &secret).await;
    assert_eq!(renewed.status, 200, "{}", renewed.body);
    let of = vec![("token", renewed.text("access_token"))];
    let known = with_basic(&world, "/oauth/introspect", &of, &client, &secret).await;
    assert_eq!(known.json()["active"], json!(true));
    let back = with_basic(&world, "/oauth/revoke", &of, &client, &secret).await;
    assert_eq!((back.status, world.live_tokens().await), (200, 0));
    let names = [
        "response_type",
        "client_id",
        "redirect_uri",
        "code_challenge",
        "code_challenge_method",
        "authorization_details",
    ];
    let values = asking(&client).into_iter().map(|(_, value)| value);
    let pushed: Form = names.into_iter().zip(values).collect();
    let pushed = with_basic(
        &world,
        "/oauth/par",
        &without_client_id(pushed),
        &client,
        &secret,
    )
    .await;
    assert_eq!(pushed.status, 201, "{}", pushed.body);
    // Neither secret nor anything it could be made from is kept.
    let kept: String = world
        .look("SELECT string_agg(to_jsonb(p)::text, '') || (SELECT string_agg(to_jsonb(e)::text, '') FROM store.events e) FROM consent.pushed_requests p")
        .await;
    assert!(!kept.contains(&secret));
}

#[actix_web::test]
async fn a_secret_in_the_body_is_not_kept_with_what_was_pushed() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (client, secret) = registered(&world, &person, "client_secret_post").await;
    let names = [
        "response_type",
        "client_id",
        "redirect_uri",
        "code_challenge",
        "code_challenge_method",
        "authorization_details",
    ];
    let values = asking(&client).into_iter().map(|(_, value)| value);
    let mut form: Form = names.into_iter().zip(values).collect();
    assert_eq!(
        post_form(&world, "/oauth/par", &form).await.text("error"),
        "invalid_client"
    );
    form.push(("client_secret", secret.clone()));
    assert_eq!(post_form(&world, "/oauth/par", &form).await.status, 201);
    let kept: String = world
        .look("SELECT to_jsonb(p)::text FROM consent.pushed_requests p")
        .await;
    assert!(!kept.contains(&secret) && !kept.contains("client_secret"));
}

#[actix_web::test]
async fn who_does_not_prove_itself_as_registered_is_refused_and_spends_nothing() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (client, secret) = registered(&world, &person, "client_secret_basic").await;
    let (other, others) = registered(&world, &person, "client_secret_basic").await;
    let public = register(&world, &person).await;
    let (code, _) = code(&world, &person, &client).await;
    let redeem = without_client_id(redeeming(&client, &code));
    let never = format!("cs_{}", "0".repeat(49));
    for (id, secret) in [
        (&client, &others),
        (&client, &never),
        (&client, &"guess".to_owned()),
        (&public, &secret),
    ] {
        let answer = with_basic(&world, "/oauth/token", &redeem, id, secret).await;
        assert_eq!(
            (answer.status, answer.text("error").as_str()),
            (401, "invalid_client")
        );
        assert!(answer.header("www-authenticate").starts_with("Basic"));
    }
    let mut posted = redeeming(&client, &code);
    let unproven = post_form(&world, "/oauth/token", &posted).await;
    assert_eq!(unproven.text("error"), "invalid_client");
    posted.push(("client_secret", secret.clone()));
    let elsewhere = post_form(&world, "/oauth/token", &posted).await;
    assert_eq!(elsewhere.text("error"), "invalid_client");
    let twice = with_basic(&world, "/oauth/token", &posted, &client, &secret).await;
    assert_eq!(twice.text("error"), "invalid_request");
    let two = with_basic(
        &world,
        "/oauth/token",
        &redeeming(&other, &code),
        &client,
        &secret,
    )
    .await;
    assert_eq!(two.text("error"), "invalid_request");
    assert_eq!(world.live_tokens().await, 0);
    let good = with_basic(&world, "/oauth/token", &redeem, &client, &secret).await;
    assert_eq!(good.status, 200, "{}", good.body);
}

#[actix_web::test]
async fn a_renewed_secret_takes_the_place_of_the_old() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (client, old) = registered(&world, &person, "client_secret_post").await;
    let path = format!("/apps/{client}/secret");
    let new = world.post(&person, &path, json!({})).await;
    assert_eq!((new.status, new.header("cache-control")), (200, "no-store"));
    let ask = async |secret: &str| {
        let form: Form = vec![
            ("token", "x".to_owned()),
            ("client_id", client.clone()),
            ("client_secret", secret.to_owned()),
        ];
        post_form(&world, "/oauth/introspect", &form).await.status
    };
    assert_eq!(
        (ask(&old).await, ask(&new.text("client_secret")).await),
        (401, 200)
    );
    let stranger = owner(&world).await;
    assert_eq!(world.post(&stranger, &path, json!({})).await.status, 404);
    let public = register(&world, &person).await;
    let none = world
        .post(&person, &format!("/apps/{public}/secret"), json!({}))
        .await;
    assert_eq!((none.status, none.problem().as_str()), (409, "no-secret"));
    let unknown =
        json!({"name": "App", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "tls"});
    assert_eq!(world.post(&person, "/apps", unknown).await.status, 400);
    let listed = world.get(&person, "/apps").await.json();
    assert_eq!(
        listed["items"][0]["token_endpoint_auth_method"],
        json!("client_secret_post")
    );
    assert_eq!(listed["items"][0]["client_secret"], Value::Null);
    let removed = format!("/apps/{client}");
    world.done(&person, Method::DELETE, &removed, None).await;
    assert_eq!(world.count("consent.client_secrets").await, 0);
}
