//! A pushed request comes by reference, becomes one access request, and nothing beside it counts.

use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::json;
use sessions::Role;

use crate::{
    oauth::{CALLBACK, asking, owner, post_form, redeeming, register},
    world::{Answer, ORIGIN, Person, World, detail, parameters_of},
};

type Form = Vec<(&'static str, String)>;

/// The parameters of a good request, as a form.
fn form(client: &str) -> Form {
    let names = [
        "response_type",
        "client_id",
        "redirect_uri",
        "code_challenge",
        "code_challenge_method",
        "authorization_details",
        "state",
    ];
    let values = asking(client).into_iter().map(|(_, value)| value);
    names.into_iter().zip(values).collect()
}

fn with(form: &Form, name: &'static str, value: &str) -> Form {
    let mut changed: Form = form.iter().filter(|(n, _)| *n != name).cloned().collect();
    changed.push((name, value.to_owned()));
    changed
}

async fn push(world: &World, client: &str) -> String {
    let answer = post_form(world, "/oauth/par", &form(client)).await;
    assert_eq!(
        (answer.status, answer.header("cache-control")),
        (201, "no-store"),
        "{}",
        answer.body
    );
    assert_eq!(answer.json()["expires_in"], json!(60));
    answer.text("request_uri")
}

/// The address that the app sends its person to, with more beside the reference.
fn address(client: &str, reference: &str, more: &str) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", client)
        .append_pair("request_uri", reference)
        .finish();
    format!("/oauth/authorize?{query}{more}")
}

async fn visit(world: &World, person: &Person, client: &str, reference: &str) -> Answer {
    world.browse(person, &address(client, reference, "")).await
}

#[actix_web::test]
async fn what_was_pushed_counts_and_nothing_that_the_browser_adds() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    let reference = push(&world, &client).await;
    assert!(reference.starts_with("urn:ietf:params:oauth:request_uri:pr_"));
    let more = "&redirect_uri=https%3A%2F%2Fevil.test%2F&state=other&response_type=token&authorization_details=x";
    let (page, _) = world
        .browse(&person, &address(&client, &reference, more))
        .await
        .sent_to();
    let request = page.rsplit('/').next().unwrap();
    let asked = world
        .get(&person, &format!("/requests/{request}"))
        .await
        .json();
    assert_eq!(
        asked["authorization_details"][0]["limits"]["monthly_spend"],
        json!(3)
    );
    let approved = world.approve(&person, request).await;
    let (back, query) = parameters_of(&approved.text("redirect_to"));
    assert_eq!((back.as_str(), query[1].1.as_str()), (CALLBACK, "a b&c"));
    let token = post_form(&world, "/oauth/token", &redeeming(&client, &query[0].1)).await;
    assert_eq!(token.status, 200, "{}", token.body);
}

#[actix_web::test]
async fn it_becomes_one_access_request_however_many_come_with_it() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    let reference = push(&world, &client).await;
    let visits = join_all((0..20).map(|_| visit(&world, &person, &client, &reference))).await;
    let pages: std::collections::BTreeSet<String> =
        visits.iter().map(|answer| answer.sent_to().0).collect();
    assert_eq!(pages.len(), 1, "{pages:?}");
    assert_eq!(world.count("consent.access_requests").await, 1);
    // A colleague who has the reference sees nothing of it and starts nothing with it.
    let colleague = world.member(person.tenant, Role::Owner).await;
    let (page, _) = visit(&world, &colleague, &client, &reference)
        .await
        .sent_to();
    let page = page.strip_prefix(ORIGIN).unwrap();
    assert_eq!(world.browse(&colleague, page).await.status, 404);
    // Decided is decided: nobody is asked a second time.
    let request = page.rsplit('/').next().unwrap();
    assert_eq!(world.deny(&person, request).await.status, 204);
    let (again, _) = visit(&world, &person, &client, &reference).await.sent_to();
    assert!(again.ends_with(request));
    assert_eq!(world.count("consent.access_requests").await, 1);
}

#[actix_web::test]
async fn it_waits_a_minute_for_a_browser_and_ten_for_the_person_to_sign_in() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    let (late, kept) = (push(&world, &client).await, push(&world, &client).await);
    world.later(SignedDuration::from_secs(59));
    let nobody = actix_web::test::TestRequest::get().uri(&address(&client, &kept, ""));
    let (sign_in, next) = world.send(nobody).await.sent_to();
    assert_eq!(sign_in, format!("{ORIGIN}/sign-in"));
    assert!(next[0].1.contains("request_uri="), "{next:?}");
    world.later(SignedDuration::from_secs(1));
    let refused = visit(&world, &person, &client, &late).await;
    assert_eq!(
        (refused.status, refused.problem().as_str()),
        (400, "invalid-request-uri")
    );
    world.later(SignedDuration::from_secs(590));
    assert_eq!(visit(&world, &person, &client, &kept).await.status, 303);
    world.later(SignedDuration::from_secs(10));
    assert_eq!(visit(&world, &person, &client, &kept).await.status, 400);
}

#[actix_web::test]
async fn a_reference_is_good_for_its_own_client_alone() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    let other = register(&world, &person).await;
    let reference = push(&world, &client).await;
    let never = format!("urn:ietf:params:oauth:request_uri:pr_{}", "0".repeat(49));
    for (client, reference) in [
        (other.as_str(), reference.as_str()),
        ("", &reference),
        ("app_00000000000070008000000000000000", &reference),
        (&client, &never),
        (&client, "https://recipes.test/request.jwt"),
        (&client, "urn:ietf:params:oauth:request_uri:"),
    ] {
        let refused = visit(&world, &person, client, reference).await;
        assert_eq!(
            (refused.status, refused.header("location")),
            (400, ""),
            "{reference}"
        );
        assert_eq!(refused.problem(), "invalid-request-uri");
    }
    assert_eq!(world.count("consent.access_requests").await, 0);
    assert_eq!(
        visit(&world, &person, &client, &reference).await.status,
        303
    );
}

#[actix_web::test]
async fn what_is_wrong_is_told_when_it_is_pushed() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    let good = form(&client);
    let many = vec!["x".repeat(120); 64];
    let large = json!([detail(json!({"models": many, "reason": "r".repeat(400)}))]).to_string();
    assert!(large.len() > 8 * 1024);
    for (form, status, error) in [
        (with(&good, "client_id", ""), 400, "invalid_request"),
        (with(&good, "client_id", "app_x"), 401, "invalid_client"),
        (with(&good, "redirect_uri", ""), 400, "invalid_request"),
        (
            with(&good, "redirect_uri", "https://evil.test/"),
            400,
            "invalid_request",
        ),
        (with(&good, "request_uri", "urn:x"), 400, "invalid_request"),
        (
            with(&good, "response_type", "token"),
            400,
            "unsupported_response_type",
        ),
        (with(&good, "code_challenge", ""), 400, "invalid_request"),
        (
            with(&good, "code_challenge_method", "plain"),
            400,
            "invalid_request",
        ),
        (
            with(&good, "authorization_details", "[]"),
            400,
            "invalid_authorization_details",
        ),
        (with(&good, "request", "x"), 400, "request_not_supported"),
    ] {
        let answer = post_form(&world, "/oauth/par", &form).await;
        let told = (answer.status, answer.text("error"));
        assert_eq!(told, (status, error.to_owned()), "{form:?}");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    assert_eq!(world.count("consent.pushed_requests").await, 0);
    // More than an address may hold is no trouble here.
    let large = with(&good, "authorization_details", &large);
    assert_eq!(post_form(&world, "/oauth/par", &large).await.status, 201);
}
