//! What is wrong with an authorization request is told to the app, or to nobody but the person.

use actix_web::test::TestRequest;
use serde_json::json;
use sessions::Role;

use crate::{
    oauth::{CALLBACK, asking, authorize, post_form, register},
    world::{ORIGIN, Person, World, detail},
};

type Parameters = Vec<(String, String)>;

/// A good request with this parameter changed, or left out.
fn with(good: &Parameters, name: &str, value: Option<&str>) -> Parameters {
    let mut changed: Parameters = good.iter().filter(|(n, _)| n != name).cloned().collect();
    changed.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    changed
}

/// A good request with this parameter once more.
fn again(good: &Parameters, name: &str, value: &str) -> Parameters {
    let mut changed = good.clone();
    changed.push((name.to_owned(), value.to_owned()));
    changed
}

async fn world_with_app() -> (World, Person, String) {
    let world = World::open().await;
    let person = world.person(Role::Owner).await;
    let client = register(&world, &person).await;
    (world, person, client)
}

#[actix_web::test]
async fn mistakes_of_a_known_app_go_back_to_it_with_issuer_and_state() {
    let (world, person, client) = world_with_app().await;
    let good = asking(&client);
    let details = "authorization_details";
    let large = json!([detail(json!({"reason": "x"}))]).to_string() + &" ".repeat(9_000);
    for (parameters, error) in [
        (with(&good, "response_type", None), "invalid_request"),
        (with(&good, "response_type", Some("")), "invalid_request"),
        (
            with(&good, "response_type", Some("token")),
            "unsupported_response_type",
        ),
        (with(&good, "code_challenge", None), "invalid_request"),
        (
            with(&good, "code_challenge", Some("short")),
            "invalid_request",
        ),
        (
            with(&good, "code_challenge_method", None),
            "invalid_request",
        ),
        (
            with(&good, "code_challenge_method", Some("plain")),
            "invalid_request",
        ),
        (with(&good, details, None), "invalid_authorization_details"),
        (
            with(&good, details, Some("{")),
            "invalid_authorization_details",
        ),
        (
            with(&good, details, Some("[]")),
            "invalid_authorization_details",
        ),
        (
            with(&good, details, Some(r#"[{"type":"payment"}]"#)),
            "invalid_authorization_details",
        ),
        (
            with(
                &good,
                details,
                Some(r#"[{"type":"ai_model_access","provider":"openai","base_url":"x"}]"#),
            ),
            "invalid_authorization_details",
        ),
        (with(&good, details, Some(&large)), "invalid_request"),
        (again(&good, "prompt", "none"), "interaction_required"),
        (again(&good, "request", "x"), "request_not_supported"),
        (again(&good, "response_type", "code"), "invalid_request"),
        (
            again(&good, "scope", "a")
                .into_iter()
                .chain([("scope".to_owned(), "b".to_owned())])
                .collect(),
            "invalid_request",
        ),
    ] {
        let answer = authorize(&world, &person, &parameters).await;
        let (back, query) = answer.sent_to();
        assert_eq!(back, CALLBACK);
        let one = |name: &str| {
            let mut values = query
                .iter()
                .filter(|(n, _)| n == name)
                .map(|(_, value)| value.as_str());
            (
                values.next().unwrap_or_default().to_owned(),
                values.next().is_none(),
            )
        };
        assert_eq!(one("error"), (error.to_owned(), true), "{parameters:?}");
        assert_eq!(
            (one("iss").0.as_str(), one("state").0.as_str()),
            (ORIGIN, "a b&c")
        );
        assert!(one("code").0.is_empty() && (1..=300).contains(&one("error_description").0.len()));
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    assert_eq!(world.count("consent.access_requests").await, 0);
}

#[actix_web::test]
async fn nothing_is_sent_to_an_address_that_is_not_proven() {
    let (world, person, client) = world_with_app().await;
    let good = asking(&client);
    for parameters in [
        with(&good, "client_id", None),
        with(&good, "client_id", Some("app_x")),
        with(
            &good,
            "client_id",
            Some("app_00000000000070008000000000000000"),
        ),
        with(&good, "client_id", Some("https://recipes.test/client.json")),
        with(&good, "redirect_uri", None),
        with(
            &good,
            "redirect_uri",
            Some("https://recipes.test/callback/"),
        ),
        with(
            &good,
            "redirect_uri",
            Some("https://recipes.test/callback?x=1"),
        ),
        with(
            &good,
            "redirect_uri",
            Some("https://recipes.test.evil.test/callback"),
        ),
        with(&good, "redirect_uri", Some("http://localhost:8000/cb")),
        with(&good, "redirect_uri", Some("javascript:alert(1)")),
        again(&good, "client_id", &client),
        again(&good, "redirect_uri", CALLBACK),
        again(
            &again(&good, "redirect_uri", "https://evil.test/"),
            "state",
            "x",
        ),
        again(
            &again(&again(&good, "client_id", "x"), "state", "x"),
            "scope",
            "y",
        ),
    ] {
        let answer = authorize(&world, &person, &parameters).await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (400, ""),
            "{parameters:?}"
        );
        assert_eq!(answer.problem(), "invalid-client-request");
    }
}

#[actix_web::test]
async fn only_who_may_decide_and_belongs_to_the_organization_is_asked() {
    let (world, person, client) = world_with_app().await;
    let good = asking(&client);
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(&good)
        .finish();
    let nobody = world
        .send(TestRequest::get().uri(&format!("/oauth/authorize?{query}")))
        .await;
    let (sign_in, next) = nobody.sent_to();
    assert_eq!(sign_in, format!("{ORIGIN}/sign-in"));
    assert!(
        next[0]
            .1
            .starts_with("/oauth/authorize?response_type=code&"),
        "{next:?}"
    );
    let stranger = authorize(&world, &world.person(Role::Owner).await, &good).await;
    assert_eq!(
        (stranger.status, stranger.problem().as_str()),
        (400, "unknown-client")
    );
    let finance = world.member(person.tenant, Role::Finance).await;
    assert_eq!(authorize(&world, &finance, &good).await.status, 403);
    let member = world.member(person.tenant, Role::Member).await;
    assert_eq!(authorize(&world, &member, &good).await.status, 303);
    assert_eq!(world.count("consent.access_requests").await, 1);
}

#[actix_web::test]
async fn a_full_inbox_is_told_to_the_app() {
    let (world, person, client) = world_with_app().await;
    world.fill_inbox(&person).await;
    // What anybody asks who knows an address does not stand in the way of the person's own browser.
    for number in 0..20 {
        let parameters = with(
            &asking(&client),
            "state",
            Some(&format!("attempt {number}")),
        );
        let (page, _) = authorize(&world, &person, &parameters).await.sent_to();
        assert!(
            page.starts_with(&format!("{ORIGIN}/requests/req_")),
            "{page}"
        );
    }
    let (back, query) = authorize(&world, &person, &asking(&client)).await.sent_to();
    assert_eq!(
        (back.as_str(), query[0].1.as_str()),
        (CALLBACK, "temporarily_unavailable")
    );
    assert!(query.contains(&("iss".to_owned(), ORIGIN.to_owned())));
}

#[actix_web::test]
async fn a_form_that_is_no_form_or_says_a_thing_twice_is_refused() {
    let (world, _, client) = world_with_app().await;
    for path in ["/oauth/token", "/oauth/revoke"] {
        let request = || TestRequest::post().uri(path);
        let form = ("content-type", "application/x-www-form-urlencoded");
        for wrong in [
            request().set_json(json!({"grant_type": "authorization_code"})),
            request()
                .insert_header(form)
                .set_payload(format!("token=a&token=b&client_id={client}")),
            request().insert_header(form).set_payload(format!(
                "grant_type=authorization_code&client_id={client}&client_id={client}"
            )),
            request()
                .insert_header(form)
                .set_payload("grant_type=%ff&token=%ff"),
            request().insert_header(form).set_payload(""),
            request(),
        ] {
            let answer = world.send(wrong).await;
            assert_eq!(
                (answer.status, answer.text("error").as_str()),
                (400, "invalid_request"),
                "{}",
                answer.body
            );
            assert!(!answer.text("error_description").is_empty());
            assert_eq!(
                (answer.header("cache-control"), answer.header("pragma")),
                ("no-store", "no-cache")
            );
        }
    }
    let narrowing = [
        ("authorization_details", "[]".to_owned()),
        ("grant_type", "authorization_code".to_owned()),
    ];
    assert_eq!(
        post_form(&world, "/oauth/token", &narrowing)
            .await
            .text("error"),
        "invalid_request"
    );
}

#[actix_web::test]
async fn only_redirect_uris_that_are_safe_can_be_registered() {
    let (world, person, _) = world_with_app().await;
    let register = |app| world.post(&person, "/apps", app);
    for uri in [
        "http://recipes.test/cb",
        "javascript:alert(1)",
        "https://recipes.test/cb#x",
        "https://u@recipes.test/",
        "/cb",
        "https://recipes.test/c b",
        "http://127.0.0.1.evil.test/",
        "com.example.app:/cb",
        "",
    ] {
        let answer = register(json!({"name": "App", "redirect_uris": [CALLBACK, uri]})).await;
        assert_eq!(
            (answer.status, &answer.json()["errors"][0]["pointer"]),
            (400, &json!("/redirect_uris/1")),
            "{uri}"
        );
    }
    for wrong in [
        json!({"name": "App", "redirect_uris": []}),
        json!({"name": "App", "redirect_uris": vec![CALLBACK; 21]}),
        json!({"name": "", "redirect_uris": [CALLBACK]}),
        json!({"name": "App", "redirect_uris": [CALLBACK], "url": "https://:p@a.test"}),
        json!({"name": "App", "redirect_uris": CALLBACK}),
    ] {
        assert_eq!(register(wrong.clone()).await.status, 400, "{wrong}");
    }
    let member = world.member(person.tenant, Role::Member).await;
    assert_eq!(
        world
            .post(
                &member,
                "/apps",
                json!({"name": "App", "redirect_uris": [CALLBACK]})
            )
            .await
            .status,
        403
    );
    assert_eq!(
        world.get(&person, "/apps").await.json()["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[actix_web::test]
async fn one_network_calls_three_hundred_times_a_minute_and_is_told_to_wait() {
    let world = World::open().await;
    let call = |path: &str, peer: &str| {
        let form = [("token", "x"), ("grant_type", "x")];
        let request = TestRequest::post().uri(path).set_form(form);
        world.send(request.peer_addr(peer.parse().unwrap()))
    };
    let mut number = 0;
    let refused = loop {
        let path = ["/oauth/token", "/oauth/revoke"][number % 2];
        let answer = call(path, "192.0.2.1:443").await;
        if answer.status == 429 {
            break answer;
        }
        number += 1;
        // Some of its times come back while this goes on.
        assert!(number < 3_000, "nobody is ever refused");
    };
    assert!(number >= 300, "{number}");
    assert_eq!(refused.text("error"), "temporarily_unavailable");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert_eq!(refused.header("cache-control"), "no-store");
    assert_eq!(call("/oauth/revoke", "192.0.2.2:443").await.status, 200);
}
