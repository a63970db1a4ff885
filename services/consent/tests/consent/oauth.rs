//! OAuth 2.1: from an app's request to a token, once, and back.

use actix_web::test::TestRequest;
use jiff::SignedDuration;
use serde_json::json;
use sessions::Role;

use crate::answer::at_once;
use crate::world::{Answer, ORIGIN, Person, World, detail, parameters_of};

pub const CALLBACK: &str = "https://recipes.test/callback";
/// The example of RFC 7636 appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub async fn register(world: &World, person: &Person) -> String {
    let app = json!({"name": "Recipes", "redirect_uris": [CALLBACK, "http://127.0.0.1:8000/cb"]});
    let answer = world.post(person, "/apps", app).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.text("client_id")
}

/// The parameters of a good authorization request.
pub fn asking(client_id: &str) -> Vec<(String, String)> {
    let details = json!([detail(json!({"limits": {"monthly_spend": 3}}))]).to_string();
    [
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", CALLBACK),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("authorization_details", &details),
        ("state", "a b&c"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

pub async fn authorize(world: &World, person: &Person, parameters: &[(String, String)]) -> Answer {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish();
    world
        .browse(person, &format!("/oauth/authorize?{query}"))
        .await
}

/// A code for what was asked, approved as it was asked; and the grant.
pub async fn code(world: &World, person: &Person, client_id: &str) -> (String, String) {
    let (page, _) = authorize(world, person, &asking(client_id)).await.sent_to();
    let request = page.rsplit('/').next().unwrap().to_owned();
    let approved = world.approve(person, &request).await;
    assert_eq!(
        (approved.status, approved.header("cache-control")),
        (200, "no-store"),
        "{}",
        approved.body
    );
    let (back, query) = parameters_of(&approved.text("redirect_to"));
    assert_eq!(back, CALLBACK);
    assert_eq!(
        query[1..],
        [
            ("state".to_owned(), "a b&c".to_owned()),
            ("iss".to_owned(), ORIGIN.to_owned())
        ]
    );
    (query[0].1.clone(), approved.text("grant_id"))
}

pub fn redeeming(client_id: &str, code: &str) -> Vec<(&'static str, String)> {
    let given = |text: &str| text.to_owned();
    vec![
        ("grant_type", given("authorization_code")),
        ("code", given(code)),
        ("code_verifier", given(VERIFIER)),
        ("client_id", given(client_id)),
        ("redirect_uri", given(CALLBACK)),
    ]
}

pub async fn post_form(world: &World, path: &str, form: &[(&'static str, String)]) -> Answer {
    world
        .send(TestRequest::post().uri(path).set_form(form))
        .await
}

pub async fn owner(world: &World) -> Person {
    let person = world.person(Role::Owner).await;
    world.key(&person, "openai").await;
    person
}

#[actix_web::test]
async fn a_code_becomes_the_token_of_what_was_granted() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    let (code, grant) = code(&world, &person, &client).await;
    let answer = post_form(&world, "/oauth/token", &redeeming(&client, &code)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(
        (answer.header("cache-control"), answer.header("pragma")),
        ("no-store", "no-cache")
    );
    let mut token = answer.json();
    assert!(token["access_token"].as_str().unwrap().starts_with("okap_"));
    token["access_token"] = json!("okap_TOKEN");
    let expected = json!({
        "access_token": "okap_TOKEN", "token_type": "Bearer", "expires_in": 30 * 86_400, "grant_id": grant,
        "authorization_details": [{
            "type": "ai_model_access", "provider": "openai", "models": ["gpt-4o-mini"], "capabilities": ["chat"],
            "limits": {"monthly_spend": 3, "daily_spend": 3, "requests_per_minute": 60, "requests_per_day": 5000, "tokens_per_request": 400_000},
            "expires": "2026-12-22T12:00:00Z", "base_url": "https://vault.example.com/v1/openai",
        }],
    });
    assert_eq!(token, expected);
    let grant = world.get(&person, &format!("/grants/{grant}")).await;
    assert_eq!(
        (grant.text("state"), grant.text("verification")),
        ("live".to_owned(), "organization_approved".to_owned())
    );
}

#[actix_web::test]
async fn a_hundred_who_redeem_a_code_at_once_leave_no_live_token() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    let (code, grant) = code(&world, &person, &client).await;
    let form = redeeming(&client, &code);
    let answers = at_once(100, || post_form(&world, "/oauth/token", &form)).await;
    let given = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(
        given,
        1,
        "{:?}",
        answers
            .iter()
            .map(|answer| answer.status)
            .collect::<Vec<_>>()
    );
    for refused in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(
            (refused.status, refused.text("error").as_str()),
            (400, "invalid_grant"),
            "{}",
            refused.body
        );
    }
    assert_eq!(world.live_tokens().await, 0);
    assert_eq!(
        world
            .get(&person, &format!("/grants/{grant}"))
            .await
            .text("state"),
        "revoked"
    );
    let revoked: i64 = world
        .look("SELECT count(*) FROM store.events WHERE type = 'grant.revoked'")
        .await;
    assert_eq!(revoked, 1);
}

#[actix_web::test]
async fn of_two_who_redeem_a_code_at_the_same_moment_neither_keeps_a_token() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    for _ in 0..10 {
        let (code, _) = code(&world, &person, &client).await;
        let form = redeeming(&client, &code);
        let redeem = || post_form(&world, "/oauth/token", &form);
        let (one, two) = futures_util::join!(redeem(), redeem());
        let mut statuses = [one.status, two.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 400], "{} {}", one.body, two.body);
        assert_eq!(world.live_tokens().await, 0);
    }
}

#[actix_web::test]
async fn who_cannot_prove_a_code_spends_nothing_and_revokes_nothing() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    let other = register(&world, &person).await;
    let (code, _) = code(&world, &person, &client).await;
    let good = redeeming(&client, &code);
    let with = |name: &str, value: &str| {
        good.iter()
            .map(|(n, v)| {
                (
                    *n,
                    if *n == name {
                        value.to_owned()
                    } else {
                        v.clone()
                    },
                )
            })
            .collect::<Vec<_>>()
    };
    let refusals = [
        (with("code_verifier", &"x".repeat(43)), 400, "invalid_grant"),
        (with("code_verifier", "short"), 400, "invalid_request"),
        (with("code_verifier", CHALLENGE), 400, "invalid_grant"),
        (with("client_id", &other), 400, "invalid_grant"),
        (
            with("client_id", "app_00000000000070008000000000000000"),
            401,
            "invalid_client",
        ),
        (
            with("redirect_uri", "https://recipes.test/callback/"),
            400,
            "invalid_grant",
        ),
        (with("code", "oc_x"), 400, "invalid_grant"),
        (
            with("grant_type", "client_credentials"),
            400,
            "unsupported_grant_type",
        ),
        (with("grant_type", ""), 400, "invalid_request"),
    ];
    for round in 0..2 {
        for (form, status, error) in &refusals {
            let answer = post_form(&world, "/oauth/token", form).await;
            assert_eq!(
                (answer.status, answer.text("error").as_str()),
                (*status, *error),
                "{form:?}"
            );
            assert_eq!(
                (answer.header("cache-control"), answer.header("pragma")),
                ("no-store", "no-cache")
            );
        }
        if round == 0 {
            assert_eq!(post_form(&world, "/oauth/token", &good).await.status, 200);
        }
        assert_eq!(world.live_tokens().await, 1);
    }
}

#[actix_web::test]
async fn a_code_lives_for_a_minute() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    let (early, _) = code(&world, &person, &client).await;
    world.later(SignedDuration::from_secs(59));
    assert_eq!(
        post_form(&world, "/oauth/token", &redeeming(&client, &early))
            .await
            .status,
        200
    );
    let (late, grant) = code(&world, &person, &client).await;
    world.later(SignedDuration::from_secs(60));
    let refused = post_form(&world, "/oauth/token", &redeeming(&client, &late)).await;
    assert_eq!(
        (refused.status, refused.text("error").as_str()),
        (400, "invalid_grant")
    );
    assert_eq!(
        world
            .get(&person, &format!("/grants/{grant}"))
            .await
            .text("state"),
        "live"
    );
    // A spent code that comes again takes its token along, however late.
    world.later(SignedDuration::from_hours(24));
    assert_eq!(
        post_form(&world, "/oauth/token", &redeeming(&client, &early))
            .await
            .text("error"),
        "invalid_grant"
    );
    assert_eq!(world.live_tokens().await, 0);
}

#[actix_web::test]
async fn a_grant_revoked_before_its_code_was_redeemed_gives_no_token() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    let (code, grant) = code(&world, &person, &client).await;
    assert_eq!(
        world
            .post(&person, &format!("/grants/{grant}/revoke"), json!({}))
            .await
            .status,
        204
    );
    let refused = post_form(&world, "/oauth/token", &redeeming(&client, &code)).await;
    assert_eq!(
        (refused.status, refused.text("error").as_str()),
        (400, "invalid_grant")
    );
    assert_eq!(world.live_tokens().await, 0);
}

#[actix_web::test]
async fn a_reloaded_page_is_the_same_request_and_other_details_are_another() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    let same = asking(&client);
    let mut other = same.clone();
    other[5].1 = json!([detail(json!({"limits": {"monthly_spend": 4}}))]).to_string();
    let [first, again, third] = [
        authorize(&world, &person, &same).await,
        authorize(&world, &person, &same).await,
        authorize(&world, &person, &other).await,
    ]
    .map(|answer| answer.sent_to().0);
    assert_eq!(first, again);
    assert_ne!(first, third);
    assert_eq!(world.count("consent.access_requests").await, 2);
}

#[actix_web::test]
async fn a_loopback_app_gets_its_answer_at_the_port_it_listens_on() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    let mut parameters = asking(&client);
    parameters[2].1 = "http://127.0.0.1:51234/cb".to_owned();
    let (page, _) = authorize(&world, &person, &parameters).await.sent_to();
    let approved = world
        .approve(&person, page.rsplit('/').next().unwrap())
        .await;
    let (back, query) = parameters_of(&approved.text("redirect_to"));
    assert_eq!(back, "http://127.0.0.1:51234/cb");
    let mut form = redeeming(&client, &query[0].1);
    assert_eq!(
        post_form(&world, "/oauth/token", &form).await.text("error"),
        "invalid_grant"
    );
    form[4].1 = parameters[2].1.clone();
    assert_eq!(post_form(&world, "/oauth/token", &form).await.status, 200);
}
