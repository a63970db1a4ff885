//! A client whose id is the address of its metadata document: believed as far as the address goes.

use actix_web::test::TestRequest;
use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::{Value, json};
use server::Environment;
use sessions::Role;

use crate::{
    client_site::{Page, Site},
    oauth::{self, authorize, owner, post_form},
    organization_policy,
    world::{Answer, Person, World, parameters_of},
};

/// The parameters of a good authorization request of this client.
pub fn asking(site: &Site) -> Vec<(String, String)> {
    let mut parameters = oauth::asking(&site.client_id());
    for (name, value) in &mut parameters {
        if name == "redirect_uri" {
            *value = site.callback();
        }
    }
    parameters
}

pub fn redeeming(site: &Site, code: &str) -> Vec<(&'static str, String)> {
    let mut form = oauth::redeeming(&site.client_id(), code);
    for (name, value) in &mut form {
        if *name == "redirect_uri" {
            *value = site.callback();
        }
    }
    form
}

/// The request that the person then has before them.
pub async fn asked(world: &World, person: &Person, site: &Site) -> String {
    let (page, _) = authorize(world, person, &asking(site)).await.sent_to();
    page.rsplit('/').next().unwrap().to_owned()
}

/// Approves a request; gives the code that goes back to the app, and the grant.
pub async fn code(world: &World, person: &Person, site: &Site, request: &str) -> (String, String) {
    let approved = world.approve(person, request).await;
    assert_eq!(approved.status, 200, "{}", approved.body);
    let (back, query) = parameters_of(&approved.text("redirect_to"));
    assert_eq!(back, site.callback());
    (query[0].1.clone(), approved.text("grant_id"))
}

pub async fn token(world: &World, form: &[(&'static str, String)]) -> Answer {
    post_form(world, "/oauth/token", form).await
}

fn refreshing(site: &Site, token: &Answer) -> Vec<(&'static str, String)> {
    vec![
        ("grant_type", "refresh_token".to_owned()),
        ("client_id", site.client_id()),
        ("refresh_token", token.text("refresh_token")),
    ]
}

#[actix_web::test]
async fn a_client_known_by_its_document_is_shown_by_its_host_approved_and_gets_its_token() {
    let world = World::open().await;
    let person = owner(&world).await;
    let site = Site::open().await;
    site.says(&json!({"client_uri": "https://bank.test", "logo_uri": site.at("/logo.png")}));
    let request = asked(&world, &person, &site).await;
    let shown = world.get(&person, &format!("/requests/{request}")).await;
    assert_eq!(shown.text("verification"), "domain_verified");
    let page = world
        .browse(&person, &format!("/requests/{request}"))
        .await
        .body;
    assert!(page.contains("shown that it controls 127.0.0.1"), "{page}");
    assert!(!page.contains("bank.test") && !page.contains("logo.png"));
    let (code, grant) = code(&world, &person, &site, &request).await;
    let first = token(&world, &redeeming(&site, &code)).await;
    assert_eq!(first.status, 200, "{}", first.body);
    assert!(first.text("access_token").starts_with("okap_"));
    let form = [
        ("client_id", site.client_id()),
        ("token", first.text("access_token")),
    ];
    let known = post_form(&world, "/oauth/introspect", &form).await.json();
    assert_eq!(
        (&known["active"], &known["client_id"]),
        (&json!(true), &json!(site.client_id()))
    );
    let next = token(&world, &refreshing(&site, &first)).await;
    assert_eq!(next.status, 200, "{}", next.body);
    let form = [
        ("client_id", site.client_id()),
        ("token", next.text("access_token")),
    ];
    assert_eq!(post_form(&world, "/oauth/revoke", &form).await.status, 200);
    let grant = world.get(&person, &format!("/grants/{grant}")).await;
    assert_eq!(grant.text("state"), "revoked");
    assert_eq!(site.asked(), 1, "one document was enough for all of it");
}

#[actix_web::test]
async fn a_request_of_such_a_client_may_be_pushed() {
    let world = World::open().await;
    let person = owner(&world).await;
    let site = Site::open().await;
    let form: Vec<(String, String)> = asking(&site);
    let pushed = TestRequest::post().uri("/oauth/par").set_form(form);
    let pushed = world.send(pushed).await;
    assert_eq!(pushed.status, 201, "{}", pushed.body);
    let reference = [
        ("client_id".to_owned(), site.client_id()),
        ("request_uri".to_owned(), pushed.text("request_uri")),
    ];
    let (page, _) = authorize(&world, &person, &reference).await.sent_to();
    // The same reference leads to the same request.
    assert_eq!(
        authorize(&world, &person, &reference).await.sent_to().0,
        page
    );
    let request = page.rsplit('/').next().unwrap().to_owned();
    let (code, _) = code(&world, &person, &site, &request).await;
    assert_eq!(token(&world, &redeeming(&site, &code)).await.status, 200);
}

#[actix_web::test]
async fn what_is_no_document_is_refused_in_place_and_never_kept() {
    let world = World::open().await;
    let person = owner(&world).await;
    let site = Site::open().await;
    let big = format!("{{\"x\":\"{}\"", "x".repeat(5_000_000));
    let ok = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    let document = site.document(&json!({})).to_string();
    let raw = |text: String| Page::Raw(text);
    let pages = [
        // A redirect is not followed, not even to the good document.
        raw(format!(
            "HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n",
            site.client_id()
        )),
        raw("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned()),
        raw(format!(
            "HTTP/1.1 203 Other\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{document}",
            document.len()
        )),
        raw(format!("{ok}\r\n{big}")),
        raw(format!("{ok}content-length: 5000000\r\n\r\n{big}")),
        raw(format!("{ok}content-length: 500\r\n\r\n{{")),
        raw("nonsense\r\n\r\n".to_owned()),
        Page::Document("text/html", "x: y", site.document(&json!({}))),
        Page::Document(
            "application/json",
            "x: y",
            site.document(&json!({"client_id": site.at("/other.json")})),
        ),
        Page::Document(
            "application/json",
            "x: y",
            site.document(&json!({"client_secret": "x"})),
        ),
        Page::Document(
            "application/json",
            "x: y",
            site.document(&json!({"redirect_uris": ["https://evil.test/cb"]})),
        ),
    ];
    for (number, page) in pages.into_iter().enumerate() {
        site.answers(page);
        let refused = authorize(&world, &person, &asking(&site)).await;
        assert_eq!(
            (refused.status, refused.header("location")),
            (400, ""),
            "{number}: {}",
            refused.body
        );
        assert_eq!(refused.problem(), "invalid-client-request", "{number}");
        assert_eq!(site.asked(), number + 1);
    }
    assert_eq!(world.count("consent.access_requests").await, 0);
    // None of them stands in the way of a good one, of another JSON type even.
    site.answers(Page::Document(
        "application/x+json; charset=utf-8",
        "x: y",
        site.document(&json!({})),
    ));
    asked(&world, &person, &site).await;
}

#[actix_web::test]
async fn a_document_that_does_not_come_within_five_seconds_is_none() {
    let world = World::open().await;
    let person = owner(&world).await;
    let site = Site::open().await;
    site.answers(Page::Silence);
    let began = std::time::Instant::now();
    let refused = authorize(&world, &person, &asking(&site)).await;
    assert_eq!(refused.problem(), "invalid-client-request");
    assert!(
        (5..9).contains(&began.elapsed().as_secs()),
        "{:?}",
        began.elapsed()
    );
}

#[actix_web::test]
async fn a_document_is_asked_for_again_when_its_server_says_and_by_many_at_once_only_once() {
    let world = World::open().await;
    let person = owner(&world).await;
    let site = Site::open().await;
    let ten = join_all((0..10).map(|_| asked(&world, &person, &site))).await;
    assert_eq!((ten.len(), site.asked()), (10, 1));
    for (later, times) in [(599, 1), (1, 2), (599, 2), (1, 3)] {
        world.later(SignedDuration::from_secs(later));
        let browser = authorize(&world, &person, &asking(&site)).await;
        assert_eq!(browser.status, 303, "{}", browser.body);
        assert_eq!(site.asked(), times);
    }
}

#[actix_web::test]
async fn one_host_is_asked_only_so_often() {
    let world = World::open().await;
    let person = owner(&world).await;
    let site = Site::open().await;
    site.answers(Page::Raw(
        "HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n".to_owned(),
    ));
    let mut answers = Vec::new();
    for _ in 0..20 {
        answers.push(authorize(&world, &person, &asking(&site)).await.status);
    }
    assert!(answers.ends_with(&[429; 5]), "{answers:?}");
    assert!((12..16).contains(&site.asked()), "{}", site.asked());
}

#[actix_web::test]
async fn no_address_inside_is_asked_in_whatever_spelling() {
    let mut world = World::open().await;
    let person = owner(&world).await;
    let site = Site::open().await;
    world.restarted_as(Environment::Production, false);
    let port = site.at("").rsplit(':').next().unwrap().to_owned();
    for inside in [
        site.client_id(),
        format!("https://127.0.0.1:{port}/client.json"),
        format!("https://localhost:{port}/client.json"),
        format!("https://localhost.:{port}/client.json"),
        format!("https://127.0.0.1.:{port}/client.json"),
        format!("https://2130706433:{port}/client.json"),
        format!("https://017700000001:{port}/client.json"),
        format!("https://0x7f.1:{port}/client.json"),
        format!("https://[::1]:{port}/client.json"),
        format!("https://[::ffff:127.0.0.1]:{port}/client.json"),
        format!("https://[::ffff:7f00:1]:{port}/client.json"),
        "https://169.254.169.254/latest/meta-data".to_owned(),
        "https://10.0.0.1/client.json".to_owned(),
        "https://192.168.1.1/client.json".to_owned(),
    ] {
        let mut parameters = asking(&site);
        parameters[1].1.clone_from(&inside);
        let refused = authorize(&world, &person, &parameters).await;
        assert_eq!(refused.problem(), "invalid-client-request", "{inside}");
        let form = [("client_id", inside.clone()), ("token", "x".to_owned())];
        assert_ne!(
            post_form(&world, "/oauth/introspect", &form).await.status,
            200,
            "{inside}"
        );
    }
    assert_eq!(site.asked(), 0);
}

#[actix_web::test]
async fn a_document_that_changed_renews_nothing_until_its_person_approves_again() {
    let world = World::open().await;
    let person = owner(&world).await;
    let site = Site::open().await;
    let request = asked(&world, &person, &site).await;
    let (first_code, _) = code(&world, &person, &site, &request).await;
    let mut renewed = token(&world, &redeeming(&site, &first_code)).await;
    let jwks =
        json!({"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": site.at("/keys")});
    for changed in [
        json!({"client_name": "Recipes & more"}),
        json!({"redirect_uris": [site.callback(), site.at("/another")]}),
    ] {
        site.says(&changed);
        world.later(SignedDuration::from_secs(600));
        let refused = token(&world, &refreshing(&site, &renewed)).await;
        assert_eq!(refused.text("error"), "invalid_grant", "{changed}");
        // What says nothing about who it is or where people go changes nothing.
        site.says(&json!({"client_uri": "https://elsewhere.test", "contacts": ["a@b.test"]}));
        world.later(SignedDuration::from_secs(600));
        renewed = token(&world, &refreshing(&site, &renewed)).await;
        assert_eq!(renewed.status, 200, "{}", renewed.body);
    }
    site.says(&jwks);
    world.later(SignedDuration::from_secs(600));
    let refused = token(&world, &refreshing(&site, &renewed)).await;
    assert_eq!(refused.text("error"), "invalid_client");
    // Nor is a code good that was given for another document.
    site.says(&json!({}));
    world.later(SignedDuration::from_secs(600));
    let request = asked(&world, &person, &site).await;
    site.says(&json!({"client_name": "Other"}));
    world.later(SignedDuration::from_secs(599));
    let (late, _) = code(&world, &person, &site, &request).await;
    world.later(SignedDuration::from_secs(1));
    let refused = token(&world, &redeeming(&site, &late)).await;
    assert_eq!(refused.text("error"), "invalid_grant", "{}", refused.body);
}

#[actix_web::test]
async fn the_persons_own_organization_says_whether_such_clients_may_be_approved() {
    let world = World::open().await;
    let person = owner(&world).await;
    let other = owner(&world).await;
    let site = Site::open().await;
    let waiting = asked(&world, &person, &site).await;
    organization_policy::set(&world, &person, json!({"client_documents": false})).await;
    let refused = authorize(&world, &person, &asking(&site)).await;
    assert_eq!(
        (refused.status, refused.problem().as_str()),
        (403, "app-not-allowed")
    );
    // Nor what was asked before; and another organization has its own mind.
    assert_eq!(
        world.approve(&person, &waiting).await.problem(),
        "app-not-allowed"
    );
    asked(&world, &other, &site).await;
}

#[actix_web::test]
async fn such_a_client_has_no_device_grant() {
    let world = World::open().await;
    let site = Site::open().await;
    let types = [
        "authorization_code",
        "urn:ietf:params:oauth:grant-type:device_code",
    ];
    site.says(&json!({"grant_types": types}));
    let details = json!([crate::world::detail(json!({}))]).to_string();
    let form = [
        ("client_id", site.client_id()),
        ("authorization_details", details),
    ];
    let refused = post_form(&world, "/oauth/device_authorization", &form).await;
    assert_eq!(refused.text("error"), "unauthorized_client");
}

#[actix_web::test]
async fn the_metadata_says_that_documents_are_supported() {
    let world = World::open().await;
    let metadata = world.person(Role::Member).await;
    let metadata: Value = world
        .browse(&metadata, "/.well-known/oauth-authorization-server")
        .await
        .json();
    assert_eq!(
        metadata["client_id_metadata_document_supported"],
        json!(true)
    );
}
