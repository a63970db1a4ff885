//! More for a grant that an app has: shown beside what it has, given whole or not at all.

use actix_web::{http::Method, test::TestRequest};
use futures_util::future::join;
use ids::TokenDigest;
use jiff::SignedDuration;
use serde_json::{Value, json};
use sessions::Role;

use crate::world::{Answer, Person, World, detail};

/// Asks with a token for more of its grant, and does not wait.
pub async fn ask_with(world: &World, token: &str, details: Value) -> Answer {
    let body = json!({"okap": "1.0", "authorization_details": details, "client": {"name": "Somebody else"}});
    let request = TestRequest::post()
        .uri("/okap/authorize")
        .insert_header(("authorization", format!("Bearer {token}")))
        .insert_header(("prefer", "wait=0"));
    world.send(request.set_json(body)).await
}

/// One more model for the grant of a token, approved and collected; gives the next token.
pub async fn widened(world: &World, person: &Person, token: &str) -> String {
    let asked = ask_with(world, token, json!([detail(json!({"models": ["o1"]}))])).await;
    assert_eq!(asked.status, 202, "{}", asked.body);
    let approved = world.approve(person, &asked.text("request_id")).await;
    assert_eq!(approved.status, 200, "{}", approved.body);
    let collected = world
        .poll(&asked.text("request_id"), &asked.text("poll_secret"))
        .await;
    assert_eq!(collected.status, 200, "{}", collected.body);
    collected.text("token")
}

/// What a token may do, as the proxy reads it.
async fn enforced(world: &World, token: &str) -> Value {
    let digest = TokenDigest::of(token).to_hex();
    let sql = format!(
        "SELECT to_jsonb(a) FROM consent.grant_access a WHERE token_digest = '\\x{digest}'"
    );
    world.look(&sql).await
}

async fn models_of(world: &World, token: &str) -> Value {
    enforced(world, token).await["details"][0]["models"].clone()
}

async fn owner_with_grant(world: &World) -> (Person, String, String) {
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    let (grant, token) = world.granted(&person, json!([detail(json!({}))])).await;
    (person, grant, token)
}

fn field<'a>(html: &'a str, name: &str) -> &'a str {
    let (_, rest) = html
        .split_once(&format!("name=\"{name}\" value=\""))
        .unwrap_or_else(|| panic!("no {name}: {html}"));
    rest.split('"').next().unwrap()
}

#[actix_web::test]
async fn what_is_approved_is_added_and_every_token_of_the_grant_may_do_it() {
    let world = World::open().await;
    let (person, grant, first) = owner_with_grant(&world).await;
    let second = widened(&world, &person, &first).await;
    assert_ne!(first, second);
    for token in [&first, &second] {
        let models = models_of(&world, token).await;
        assert_eq!(models, json!(["gpt-4o-mini", "o1"]), "of both tokens");
    }
    let grants = world.get(&person, "/grants").await.json();
    assert_eq!(
        grants["items"].as_array().unwrap().len(),
        1,
        "the same grant"
    );
    assert_eq!(grants["items"][0]["id"], json!(grant));
    assert_eq!(
        grants["items"][0]["app_name"],
        json!("Notebook"),
        "not what the body says"
    );
    let asked = world.get(&person, "/requests?state=decided").await.json();
    assert_eq!(asked["items"][0]["extends_grant_id"], json!(grant));
}

#[actix_web::test]
async fn what_is_denied_leaves_everything_as_it_was() {
    let world = World::open().await;
    let (person, grant, token) = owner_with_grant(&world).await;
    let before = enforced(&world, &token).await;
    let asked = ask_with(&world, &token, json!([detail(json!({"models": ["o1"]}))])).await;
    let path = format!("/requests/{}/deny", asked.text("request_id"));
    world
        .done(&person, Method::POST, &path, Some(json!({})))
        .await;
    assert_eq!(enforced(&world, &token).await, before);
    let collected = world
        .poll(&asked.text("request_id"), &asked.text("poll_secret"))
        .await;
    assert_eq!(collected.text("status"), "denied");
    assert_eq!(
        world
            .get(&person, &format!("/grants/{grant}"))
            .await
            .text("state"),
        "live"
    );
}

#[actix_web::test]
async fn a_member_that_is_left_out_stays_and_an_unverified_app_stays_clamped() {
    let world = World::open().await;
    let (person, _, token) = owner_with_grant(&world).await;
    let more = json!([{"type": "ai_model_access", "provider": "openai",
        "limits": {"monthly_spend": 500, "requests_per_day": 1}, "expires": "2027-11-01"}]);
    let asked = ask_with(&world, &token, more).await;
    assert_eq!(asked.status, 202, "{}", asked.body);
    let before = enforced(&world, &token).await["details"][0].clone();
    assert_eq!(
        world
            .approve(&person, &asked.text("request_id"))
            .await
            .status,
        200
    );
    let after = enforced(&world, &token).await["details"][0].clone();
    for member in ["models", "capabilities", "limits", "key_id"] {
        assert_eq!(
            after[member], before[member],
            "{member}: the cap was there already"
        );
    }
    let every = json!([detail(json!({"models": []}))]);
    let asked = ask_with(&world, &token, every).await;
    let refused = world.approve(&person, &asked.text("request_id")).await;
    assert_eq!(
        (refused.status, refused.problem().as_str()),
        (422, "beyond-request")
    );
}

#[actix_web::test]
async fn another_provider_comes_beside_what_is_there() {
    let world = World::open().await;
    let (person, _, token) = owner_with_grant(&world).await;
    world.key(&person, "anthropic").await;
    let other = json!([{"type": "ai_model_access", "provider": "anthropic", "models": ["claude-haiku-4-5"]}]);
    let asked = ask_with(&world, &token, other).await;
    let approved = world.approve(&person, &asked.text("request_id")).await;
    assert_eq!(approved.status, 200, "{}", approved.body);
    let providers: Vec<Value> = enforced(&world, &token).await["details"]
        .as_array()
        .unwrap()
        .iter()
        .map(|detail| detail["provider"].clone())
        .collect();
    assert_eq!(providers, [json!("openai"), json!("anthropic")]);
}

#[actix_web::test]
async fn a_token_that_ended_or_is_made_up_asks_for_nothing() {
    let world = World::open().await;
    let (person, grant, token) = owner_with_grant(&world).await;
    let more = json!([detail(json!({"models": ["o1"]}))]);
    let path = format!("/grants/{grant}/revoke");
    world.done(&person, Method::POST, &path, None).await;
    for (token, kind) in [
        (token.as_str(), "token_revoked"),
        ("okap_made-up", "token_invalid"),
    ] {
        let refused = ask_with(&world, token, more.clone()).await;
        assert_eq!(refused.status, 401, "{}", refused.body);
        assert_eq!(refused.json()["error"]["type"], json!(kind));
    }
    assert_eq!(
        world.get(&person, "/requests").await.json()["items"],
        json!([])
    );
}

#[actix_web::test]
async fn the_page_gives_exactly_what_its_form_says() {
    let world = World::open().await;
    let (person, _, token) = owner_with_grant(&world).await;
    let more = detail(json!({"models": ["o1", "o3"], "capabilities": ["chat", "embeddings"]}));
    let asked = ask_with(&world, &token, json!([more])).await;
    let page = format!("/requests/{}", asked.text("request_id"));
    let html = world.browse(&person, &page).await.body;
    assert!(
        html.contains("Notebook asks for more") && html.contains("Would have"),
        "{html}"
    );
    let shown = field(&html, "shown").to_owned();
    let key: String = world
        .look("SELECT 'key_' || replace(key_id::text, '-', '') FROM consent.provider_keys")
        .await;
    let fields = [
        ("shown", shown.as_str()),
        ("d0.key", key.as_str()),
        // One of two new models, and both kinds of work.
        ("d0.models", "gpt-4o-mini"),
        ("d0.models", "o3"),
        ("d0.capabilities", "chat"),
        ("d0.capabilities", "embeddings"),
        ("d0.monthly_spend", "4.00"),
        ("d0.daily_spend", "4.00"),
        ("d0.requests_per_minute", "60"),
        ("d0.requests_per_day", "2000"),
        ("d0.tokens_per_request", "400000"),
        ("d0.lifetime", "1"),
    ];
    let sent = world
        .submit(&person, &page, &format!("{page}/approve"), &fields)
        .await;
    assert_eq!(sent.status, 303, "{}", sent.body);
    let after = enforced(&world, &token).await["details"][0].clone();
    assert_eq!(after["models"], json!(["gpt-4o-mini", "o3"]));
    assert_eq!(after["capabilities"], json!(["chat", "embeddings"]));
    assert_eq!(after["limits"]["monthly_spend"], json!("4"));
}

#[actix_web::test]
async fn a_grant_that_changed_behind_the_page_is_not_widened_unseen() {
    let world = World::open().await;
    let (person, grant, token) = owner_with_grant(&world).await;
    let asked = ask_with(&world, &token, json!([detail(json!({"models": ["o1"]}))])).await;
    let page = format!("/requests/{}", asked.text("request_id"));
    let html = world.browse(&person, &page).await.body;
    let shown = field(&html, "shown").to_owned();
    let lower = json!({"authorization_details": [detail(json!({"limits": {"monthly_spend": 1}}))]});
    let path = format!("/grants/{grant}");
    world.done(&person, Method::PATCH, &path, Some(lower)).await;
    let before = enforced(&world, &token).await;
    let fields = [("shown", shown.as_str()), ("d0.models", "o1")];
    let refused = world
        .submit(&person, &page, &format!("{page}/approve"), &fields)
        .await;
    assert_eq!(refused.status, 409, "{}", refused.body);
    assert!(refused.body.contains("$1.00"), "it shows what there is now");
    assert_eq!(enforced(&world, &token).await, before);
}

#[actix_web::test]
async fn of_a_revocation_and_an_approval_at_once_the_revocation_wins() {
    let world = World::open().await;
    for round in 0..12 {
        let (person, grant, token) = owner_with_grant(&world).await;
        let asked = ask_with(&world, &token, json!([detail(json!({"models": ["o1"]}))])).await;
        let (request, path) = (asked.text("request_id"), format!("/grants/{grant}/revoke"));
        let (approved, revoked) = join(
            world.approve(&person, &request),
            world.api(&person, Method::POST, &path, None),
        )
        .await;
        assert_eq!(revoked.status, 204, "{round}: {}", revoked.body);
        assert!(
            matches!(approved.status, 200 | 409),
            "{round}: {} {}",
            approved.status,
            approved.body
        );
        let state = world
            .get(&person, &format!("/grants/{grant}"))
            .await
            .text("state");
        assert_eq!(state, "revoked", "{round}");
        assert!(
            !enforced(&world, &token).await["closed_at"].is_null(),
            "{round}"
        );
        let collected = world.poll(&request, &asked.text("poll_secret")).await;
        assert!(
            !collected.body.contains("okap_"),
            "{round}: {}",
            collected.body
        );
        assert_eq!(
            world.live_tokens().await,
            0,
            "{round}: nothing came back to life"
        );
    }
}

#[actix_web::test]
async fn an_asker_that_goes_away_does_not_take_its_grant_along() {
    let world = World::open().await;
    let (person, grant, token) = owner_with_grant(&world).await;
    let asked = ask_with(&world, &token, json!([detail(json!({"models": ["o1"]}))])).await;
    let request = asked.text("request_id");
    assert_eq!(world.approve(&person, &request).await.status, 200);
    let id = crate::world::request_id(&request);
    world.requests().abandon(&person.actor(), id).await.unwrap();
    assert_eq!(
        world
            .get(&person, &format!("/grants/{grant}"))
            .await
            .text("state"),
        "live"
    );
    assert_eq!(
        models_of(&world, &token).await,
        json!(["gpt-4o-mini", "o1"])
    );
}

#[actix_web::test]
async fn a_request_for_more_of_a_grant_that_ended_is_not_decided() {
    let world = World::open().await;
    let person = world.person(Role::Member).await;
    world.key(&person, "openai").await;
    let short = detail(json!({"expires": "2026-11-22T12:05:00Z"}));
    let (_, token) = world.granted(&person, json!([short])).await;
    world.later(SignedDuration::from_secs(240));
    let asked = ask_with(&world, &token, json!([detail(json!({"models": ["o1"]}))])).await;
    assert_eq!(asked.status, 202, "{}", asked.body);
    world.later(SignedDuration::from_secs(120));
    let refused = world.approve(&person, &asked.text("request_id")).await;
    assert_eq!(
        (refused.status, refused.problem().as_str()),
        (409, "grant-ended")
    );
    let page = format!("/requests/{}", asked.text("request_id"));
    let html = world.browse(&person, &page).await.body;
    assert!(html.contains("has ended meanwhile"), "{html}");
}

#[actix_web::test]
async fn another_person_cannot_decide_about_more() {
    let world = World::open().await;
    let (person, _, token) = owner_with_grant(&world).await;
    let other = world.member(person.tenant, Role::Member).await;
    let asked = ask_with(&world, &token, json!([detail(json!({"models": ["o1"]}))])).await;
    let request = asked.text("request_id");
    assert_eq!(world.approve(&other, &request).await.status, 404);
    assert_eq!(
        world
            .browse(&other, &format!("/requests/{request}"))
            .await
            .status,
        404
    );
}
