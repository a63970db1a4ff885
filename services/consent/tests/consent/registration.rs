//! Apps that register themselves: with an organization's token, or openly where the operator lets
//! anybody.

use actix_web::{http::Method, test::TestRequest};
use serde_json::{Value, json};
use server::Environment;
use sessions::Role;

use crate::{
    oauth::{self, CALLBACK, asking, authorize, owner, post_form, redeeming},
    organization_policy,
    world::{Answer, Person, World},
};

const PATH: &str = "/oauth/register";

pub fn app() -> Value {
    json!({"client_name": "Recipes", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none"})
}

pub async fn register(world: &World, token: Option<&str>, metadata: &Value) -> Answer {
    let from = "203.0.113.7:1000".parse().unwrap();
    let request = TestRequest::post()
        .uri(PATH)
        .set_json(metadata)
        .peer_addr(from);
    world
        .send(match token {
            Some(token) => request.insert_header(("authorization", format!("Bearer {token}"))),
            None => request,
        })
        .await
}

/// A registration token of this person's organization.
pub async fn token(world: &World, person: &Person, options: Value) -> (String, String) {
    let mut wanted = json!({"label": "CI"});
    for (name, value) in options.as_object().unwrap() {
        wanted[name] = value.clone();
    }
    let answer = world.post(person, "/registration-tokens", wanted).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(
        answer.text("registration_endpoint"),
        "https://vault.example.com/oauth/register"
    );
    (answer.text("id"), answer.text("registration_token"))
}

/// A vault where anybody may register.
async fn open_world() -> World {
    let mut world = World::open().await;
    world.restarted_as(Environment::Development, true);
    world
}

async fn own(world: &World, method: Method, client: &str, access: &str) -> Answer {
    let request = TestRequest::default()
        .method(method)
        .uri(&format!("{PATH}/{client}"));
    world
        .send(request.insert_header(("authorization", format!("bearer {access}"))))
        .await
}

#[actix_web::test]
async fn an_app_that_registers_with_a_token_belongs_to_its_organization() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (_, token) = token(&world, &person, json!({})).await;
    let metadata = json!({"client_name": "Recipes", "client_uri": "https://recipes.test/", "redirect_uris": [CALLBACK],
                          "grant_types": ["authorization_code", "refresh_token", "implicit"], "logo_uri": "https://recipes.test/l.png"});
    let registered = register(&world, Some(&token), &metadata).await;
    assert_eq!(
        (registered.status, registered.header("cache-control")),
        (201, "no-store"),
        "{}",
        registered.body
    );
    let told = registered.json();
    // An app that does not say has a secret (RFC 7591 section 2).
    assert_eq!(told["token_endpoint_auth_method"], "client_secret_basic");
    assert!(registered.text("client_secret").starts_with("cs_"));
    assert_eq!(told["client_secret_expires_at"], 0);
    assert_eq!(
        told["grant_types"],
        json!(["authorization_code", "refresh_token"])
    );
    assert_eq!(told["redirect_uris"], json!([CALLBACK]));
    assert_eq!(told.get("logo_uri"), None);
    let client = registered.text("client_id");
    assert!(client.starts_with("app_"));
    let apps = world.get(&person, "/apps").await.json();
    assert_eq!(
        (
            &apps["items"][0]["id"],
            &apps["items"][0]["self_registered"]
        ),
        (&json!(client), &json!(true))
    );
    let (page, _) = authorize(&world, &person, &asking(&client)).await.sent_to();
    let request = page.rsplit('/').next().unwrap();
    let page = world
        .browse(&person, &format!("/requests/{request}"))
        .await
        .body;
    assert!(
        page.contains("registered itself with a token of your organization"),
        "{page}"
    );
    let code = oauth::code(&world, &person, &client).await.0;
    let mut form = redeeming(&client, &code);
    form.retain(|(name, _)| *name != "client_id");
    let basic = TestRequest::post().uri("/oauth/token").set_form(&form);
    let basic = basic.insert_header((
        "authorization",
        basic_of(&client, &registered.text("client_secret")),
    ));
    let given = world.send(basic).await;
    assert_eq!(given.status, 200, "{}", given.body);
}

fn basic_of(client: &str, secret: &str) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    format!("Basic {}", STANDARD.encode(format!("{client}:{secret}")))
}

#[actix_web::test]
async fn nobody_registers_without_a_token_unless_the_operator_lets_them() {
    let world = World::open().await;
    let refused = register(&world, None, &app()).await;
    assert_eq!(
        (refused.status, refused.text("error").as_str()),
        (401, "invalid_token")
    );
    let world = open_world().await;
    let registered = register(&world, None, &app()).await;
    assert_eq!(registered.status, 201, "{}", registered.body);
    assert_eq!(registered.json().get("client_secret"), None);
}

#[actix_web::test]
async fn an_app_that_registered_openly_is_unverified_and_for_those_whose_organization_lets_them() {
    let world = open_world().await;
    let (strict, free) = (owner(&world).await, owner(&world).await);
    organization_policy::set(&world, &free, json!({"dynamic_apps": "any"})).await;
    let client = register(&world, None, &app()).await.text("client_id");
    let refused = authorize(&world, &strict, &asking(&client)).await;
    assert_eq!(
        (refused.status, refused.problem().as_str()),
        (403, "app-not-allowed")
    );
    let (page, _) = authorize(&world, &free, &asking(&client)).await.sent_to();
    let request = page.rsplit('/').next().unwrap();
    let shown = world.get(&free, &format!("/requests/{request}")).await;
    assert_eq!(shown.text("verification"), "unverified");
    // Nobody vouches for its address, so no error leads there.
    let mut wrong = asking(&client);
    for (name, value) in &mut wrong {
        if name == "response_type" {
            "token".clone_into(value);
        }
    }
    let refused = authorize(&world, &free, &wrong).await;
    assert_eq!((refused.status, refused.header("location")), (400, ""));
    let (code, grant) = oauth::code(&world, &free, &client).await;
    let given = post_form(&world, "/oauth/token", &redeeming(&client, &code)).await;
    // A day, as every unverified app.
    assert_eq!(
        (given.status, given.json()["expires_in"].as_i64()),
        (200, Some(86_400))
    );
    assert_eq!(
        world
            .get(&free, &format!("/grants/{grant}"))
            .await
            .text("state"),
        "live"
    );
    for person in [&strict, &free] {
        assert_eq!(world.get(person, "/apps").await.json()["items"], json!([]));
        let path = format!("/apps/{client}");
        assert_eq!(
            world.api(person, Method::DELETE, &path, None).await.status,
            404
        );
    }
}

#[actix_web::test]
async fn an_organization_may_keep_its_people_from_apps_that_registered_with_its_token() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (_, token) = token(&world, &person, json!({})).await;
    let client = register(&world, Some(&token), &app())
        .await
        .text("client_id");
    organization_policy::set(&world, &person, json!({"dynamic_apps": "none"})).await;
    let refused = authorize(&world, &person, &asking(&client)).await;
    assert_eq!(refused.problem(), "app-not-allowed");
    let other = owner(&world).await;
    let strange = authorize(&world, &other, &asking(&client)).await;
    assert_eq!(strange.problem(), "unknown-client");
}

#[actix_web::test]
async fn metadata_that_breaks_a_rule_is_refused_by_the_code_of_the_rfc() {
    let world = open_world().await;
    let with = |name: &str, value: Value| {
        let mut metadata = app();
        metadata[name] = value;
        metadata
    };
    for (metadata, code) in [
        (
            with("redirect_uris", json!(["http://recipes.test/cb"])),
            "invalid_redirect_uri",
        ),
        (
            with("redirect_uris", json!(["https://recipes.test/cb#x"])),
            "invalid_redirect_uri",
        ),
        (with("redirect_uris", json!([])), "invalid_redirect_uri"),
        (
            with("redirect_uris", json!("https://recipes.test/cb")),
            "invalid_client_metadata",
        ),
        (
            with("grant_types", json!(["client_credentials"])),
            "invalid_client_metadata",
        ),
        (
            with(
                "grant_types",
                json!(["urn:ietf:params:oauth:grant-type:device_code"]),
            ),
            "invalid_client_metadata",
        ),
        (
            with("token_endpoint_auth_method", json!("private_key_jwt")),
            "invalid_client_metadata",
        ),
        (
            with("jwks_uri", json!("https://169.254.169.254/keys")),
            "invalid_client_metadata",
        ),
        (with("client_name", json!(7)), "invalid_client_metadata"),
        (json!([]), "invalid_client_metadata"),
    ] {
        let refused = register(&world, None, &metadata).await;
        assert_eq!(
            (refused.status, refused.text("error").as_str()),
            (400, code),
            "{metadata}"
        );
    }
    assert_eq!(world.count("consent.apps").await, 0);
}

#[actix_web::test]
async fn one_address_registers_only_so_often() {
    let world = open_world().await;
    let mut answers = Vec::new();
    for _ in 0..25 {
        answers.push(register(&world, None, &app()).await.status);
    }
    assert!(
        answers[..20].iter().all(|status| *status == 201),
        "{answers:?}"
    );
    assert!(answers.ends_with(&[429; 3]), "{answers:?}");
}

#[actix_web::test]
async fn an_app_reads_and_ends_its_own_registration_and_no_other() {
    let world = open_world().await;
    let person = owner(&world).await;
    let (_, token) = token(&world, &person, json!({})).await;
    let one = register(&world, Some(&token), &app()).await;
    let other = register(&world, None, &app()).await;
    let (client, access) = (one.text("client_id"), one.text("registration_access_token"));
    assert_eq!(
        one.text("registration_client_uri"),
        format!("https://vault.example.com/oauth/register/{client}")
    );
    let shown = own(&world, Method::GET, &client, &access).await;
    assert_eq!(
        (shown.status, shown.text("client_name").as_str()),
        (200, "Recipes"),
        "{}",
        shown.body
    );
    for (of, with) in [
        (client.as_str(), other.text("registration_access_token")),
        (client.as_str(), token.clone()),
        (other.text("client_id").as_str(), access.clone()),
    ] {
        assert_eq!(own(&world, Method::GET, of, &with).await.status, 401);
        assert_eq!(own(&world, Method::DELETE, of, &with).await.status, 401);
    }
    assert_eq!(
        own(&world, Method::DELETE, &client, &access).await.status,
        204
    );
    assert_eq!(own(&world, Method::GET, &client, &access).await.status, 401);
    assert_eq!(
        authorize(&world, &person, &asking(&client)).await.problem(),
        "invalid-client-request"
    );
}

#[actix_web::test]
async fn the_metadata_names_the_registration_endpoint() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    let metadata = world
        .browse(&person, "/.well-known/oauth-authorization-server")
        .await
        .json();
    assert_eq!(
        metadata["registration_endpoint"],
        "https://vault.example.com/oauth/register"
    );
}
