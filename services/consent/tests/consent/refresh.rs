//! A refresh token is used once and gives the next; one that comes twice ends everything.

use actix_web::http::Method;
use ids::TokenDigest;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    answer::at_once,
    oauth::{CALLBACK, asking, authorize, code, owner, post_form, redeeming, register},
    world::{Answer, Person, World, detail, parameters_of},
};

/// An app that is registered to renew its tokens.
pub async fn renewing(world: &World, person: &Person) -> String {
    let types = ["authorization_code", "refresh_token"];
    let app = json!({"name": "Recipes", "redirect_uris": [CALLBACK], "grant_types": types});
    let answer = world.post(person, "/apps", app).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.text("client_id")
}

pub async fn renew(world: &World, client: &str, token: &str, details: Option<Value>) -> Answer {
    let mut form = vec![
        ("grant_type", "refresh_token".to_owned()),
        ("refresh_token", token.to_owned()),
        ("client_id", client.to_owned()),
    ];
    form.extend(details.map(|details| ("authorization_details", json!([details]).to_string())));
    post_form(world, "/oauth/token", &form).await
}

/// A client with a token of what was asked as usual: the client, the answer, the grant.
pub async fn connected(world: &World, person: &Person) -> (String, Answer, String) {
    let client = renewing(world, person).await;
    let (code, grant) = code(world, person, &client).await;
    let answer = post_form(world, "/oauth/token", &redeeming(&client, &code)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    (client, answer, grant)
}

/// A token that was renewed once.
pub async fn renewed(world: &World, person: &Person) {
    let (client, first, _) = connected(world, person).await;
    let next = renew(world, &client, &first.text("refresh_token"), None).await;
    assert_eq!(next.status, 200, "{}", next.body);
}

/// What one token may do and until when, as the proxy reads it.
async fn access_of(world: &World, token: &str) -> (Value, String) {
    let digest = TokenDigest::of(token).to_hex();
    let of = |column: &str| {
        format!("SELECT {column} FROM consent.grant_access WHERE token_digest = '\\x{digest}'")
    };
    let details: Value = world.look(&of("details")).await;
    let until = "to_char(expires_at AT TIME ZONE 'UTC', 'DD HH24:MI')";
    (details, world.look(&of(until)).await)
}

async fn state(world: &World, person: &Person, grant: &str) -> String {
    let path = format!("/grants/{grant}");
    world.get(person, &path).await.text("state")
}

#[actix_web::test]
async fn each_refresh_token_gives_an_hour_and_the_next_refresh_token() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (client, first, grant) = connected(&world, &person).await;
    assert_eq!(first.json()["expires_in"], json!(3_600));
    let refresh = first.text("refresh_token");
    assert!(refresh.starts_with("ort_"));
    world.later(SignedDuration::from_mins(50));
    let next = renew(&world, &client, &refresh, None).await;
    assert_eq!(
        (next.status, next.header("cache-control")),
        (200, "no-store")
    );
    assert_eq!(next.json()["expires_in"], json!(3_600));
    assert_eq!(
        next.json()["authorization_details"],
        first.json()["authorization_details"]
    );
    let [old, new] = [&first, &next].map(|answer| answer.text("access_token"));
    assert_ne!(old, new);
    // The one before ends a minute later, the new one within the hour.
    assert_eq!(access_of(&world, &old).await.1, "22 12:51");
    assert_eq!(access_of(&world, &new).await.1, "22 13:50");
    let stored = "SELECT count(*) FROM consent.refresh_tokens WHERE digest = '\\x";
    for token in [&refresh, &next.text("refresh_token")] {
        let digest = TokenDigest::of(token).to_hex();
        assert_eq!(world.look::<i64>(&format!("{stored}{digest}'")).await, 1);
    }
    assert_eq!(state(&world, &person, &grant).await, "live");
}

#[actix_web::test]
async fn a_hundred_who_use_a_refresh_token_at_once_leave_no_live_token() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (client, first, grant) = connected(&world, &person).await;
    let refresh = first.text("refresh_token");
    let answers = at_once(100, || renew(&world, &client, &refresh, None)).await;
    let given = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(
        given,
        1,
        "{:?}",
        answers.iter().map(|a| a.status).collect::<Vec<_>>()
    );
    for refused in answers.iter().filter(|answer| answer.status != 200) {
        let told = (refused.status, refused.text("error"));
        assert_eq!(told, (400, "invalid_grant".to_owned()), "{}", refused.body);
    }
    assert_eq!(world.live_tokens().await, 0);
    assert_eq!(state(&world, &person, &grant).await, "revoked");
}

#[actix_web::test]
async fn one_that_comes_twice_takes_the_whole_family_along() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (client, first, grant) = connected(&world, &person).await;
    let second = renew(&world, &client, &first.text("refresh_token"), None).await;
    let third = renew(&world, &client, &second.text("refresh_token"), None).await;
    assert_eq!(world.live_tokens().await, 3);
    // However late it comes.
    world.later(SignedDuration::from_hours(24));
    let again = renew(&world, &client, &first.text("refresh_token"), None).await;
    assert_eq!(again.text("error"), "invalid_grant");
    assert_eq!(world.live_tokens().await, 0);
    assert_eq!(state(&world, &person, &grant).await, "revoked");
    let last = renew(&world, &client, &third.text("refresh_token"), None).await;
    assert_eq!(last.text("error"), "invalid_grant");
    assert_eq!(world.live_tokens().await, 0);
}

#[actix_web::test]
async fn who_may_not_use_it_spends_nothing_and_revokes_nothing() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (client, first, _) = connected(&world, &person).await;
    let refresh = first.text("refresh_token");
    let other = renewing(&world, &person).await;
    let plain = register(&world, &person).await;
    let more = detail(json!({"limits": {"monthly_spend": 4}}));
    for (by, token, details, error) in [
        (other.as_str(), refresh.as_str(), None, "invalid_grant"),
        (&plain, &refresh, None, "unauthorized_client"),
        (
            "app_00000000000070008000000000000000",
            &refresh,
            None,
            "invalid_client",
        ),
        ("", &refresh, None, "invalid_request"),
        (&client, "ort_x", None, "invalid_grant"),
        (&client, "", None, "invalid_request"),
        (&client, &first.text("access_token"), None, "invalid_grant"),
        (
            &client,
            &refresh,
            Some(more),
            "invalid_authorization_details",
        ),
        (
            &client,
            &refresh,
            Some(json!({"type": "x"})),
            "invalid_authorization_details",
        ),
    ] {
        let answer = renew(&world, by, token, details).await;
        assert_eq!(answer.text("error"), error, "{}", answer.body);
    }
    assert_eq!(world.live_tokens().await, 1);
    assert_eq!(renew(&world, &client, &refresh, None).await.status, 200);
}

#[actix_web::test]
async fn a_client_that_is_not_registered_to_renew_gets_no_refresh_token() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    let (code, _) = code(&world, &person, &client).await;
    let token = post_form(&world, "/oauth/token", &redeeming(&client, &code)).await;
    assert_eq!(token.json()["refresh_token"], Value::Null);
    let only =
        json!({"name": "App", "redirect_uris": [CALLBACK], "grant_types": ["refresh_token"]});
    assert_eq!(world.post(&person, "/apps", only).await.status, 400);
    let unknown = json!({"name": "App", "redirect_uris": [CALLBACK], "grant_types": ["password"]});
    assert_eq!(world.post(&person, "/apps", unknown).await.status, 400);
}

#[actix_web::test]
async fn one_that_lies_unused_for_a_month_or_whose_grant_ended_gives_nothing() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (client, first, grant) = connected(&world, &person).await;
    let path = format!("/grants/{grant}/revoke");
    world.done(&person, Method::POST, &path, None).await;
    let ended = renew(&world, &client, &first.text("refresh_token"), None).await;
    assert_eq!(ended.text("error"), "invalid_grant");
    assert_eq!(world.live_tokens().await, 0);

    let client = renewing(&world, &person).await;
    let mut parameters = asking(&client);
    parameters[5].1 = json!([detail(json!({"expires": "2027-11-01"}))]).to_string();
    let (page, _) = authorize(&world, &person, &parameters).await.sent_to();
    let approved = world
        .approve(&person, page.rsplit('/').next().unwrap())
        .await;
    let (_, query) = parameters_of(&approved.text("redirect_to"));
    let first = post_form(&world, "/oauth/token", &redeeming(&client, &query[0].1)).await;
    world.later(SignedDuration::from_hours(24 * 30) - SignedDuration::from_secs(1));
    let second = renew(&world, &client, &first.text("refresh_token"), None).await;
    assert_eq!(second.status, 200, "{}", second.body);
    world.later(SignedDuration::from_hours(24 * 30));
    let late = renew(&world, &client, &second.text("refresh_token"), None).await;
    assert_eq!(late.text("error"), "invalid_grant");
}

#[actix_web::test]
async fn a_token_may_be_less_than_its_grant_and_stays_so_when_the_grant_changes() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (client, first, grant) = connected(&world, &person).await;
    let less = detail(json!({"limits": {"requests_per_minute": 5}, "expires": "2026-12-01"}));
    let narrow = renew(&world, &client, &first.text("refresh_token"), Some(less)).await;
    let told = &narrow.json()["authorization_details"][0];
    assert_eq!(told["limits"]["requests_per_minute"], json!(5));
    assert_eq!(told["limits"]["monthly_spend"], json!(3));
    let token = narrow.text("access_token");
    assert_eq!(
        access_of(&world, &token).await.0[0]["limits"]["requests_per_minute"],
        json!(5)
    );
    let change =
        |limits: Value| json!({"authorization_details": [detail(json!({"limits": limits}))]});
    let path = format!("/grants/{grant}");
    let raised = change(json!({"requests_per_minute": 50, "monthly_spend": 2}));
    world
        .done(&person, Method::PATCH, &path, Some(raised))
        .await;
    let (now, until) = access_of(&world, &token).await;
    assert_eq!(now[0]["limits"]["requests_per_minute"], json!(5));
    assert_eq!(now[0]["limits"]["monthly_spend"], json!("2"));
    assert_eq!(until, "22 13:00");
    let lowered = change(json!({"requests_per_minute": 1}));
    world
        .done(&person, Method::PATCH, &path, Some(lowered))
        .await;
    assert_eq!(
        access_of(&world, &token).await.0[0]["limits"]["requests_per_minute"],
        json!(1)
    );
    // The next one is as much as the grant again, and no more.
    let whole = renew(&world, &client, &narrow.text("refresh_token"), None).await;
    let whole = &whole.json()["authorization_details"][0];
    assert_eq!(whole["limits"]["requests_per_minute"], json!(1));
    assert_eq!(whole["expires"], json!("2026-12-22T12:00:00Z"));
}

#[actix_web::test]
async fn a_code_may_be_redeemed_for_less_than_was_granted() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    let (code, _) = code(&world, &person, &client).await;
    let redeem = async |details: Value| {
        let mut form = redeeming(&client, &code);
        form.push(("authorization_details", json!([details]).to_string()));
        post_form(&world, "/oauth/token", &form).await
    };
    let more = redeem(detail(json!({"models": ["gpt-4o"]}))).await;
    assert_eq!(more.text("error"), "invalid_authorization_details");
    let less = redeem(detail(json!({"limits": {"monthly_spend": 1}}))).await;
    assert_eq!(less.status, 200, "{}", less.body);
    let told = &less.json()["authorization_details"][0];
    assert_eq!(told["limits"]["monthly_spend"], json!(1));
    assert_eq!(less.json()["expires_in"], json!(30 * 86_400));
}

#[actix_web::test]
async fn a_refresh_token_is_given_back_with_everything_of_its_grant() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (client, first, grant) = connected(&world, &person).await;
    let other = renewing(&world, &person).await;
    for (by, left) in [(&other, 1), (&client, 0)] {
        let form = [
            ("token", first.text("refresh_token")),
            ("client_id", by.clone()),
        ];
        let answer = post_form(&world, "/oauth/revoke", &form).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(world.live_tokens().await, left);
    }
    assert_eq!(state(&world, &person, &grant).await, "revoked");
}

#[actix_web::test]
async fn a_revocation_at_the_same_moment_leaves_no_live_token() {
    let world = World::open().await;
    let person = owner(&world).await;
    for _ in 0..10 {
        let (client, first, grant) = connected(&world, &person).await;
        let refresh = first.text("refresh_token");
        let path = format!("/grants/{grant}/revoke");
        let (renewed, revoked) = futures_util::join!(
            renew(&world, &client, &refresh, None),
            world.post(&person, &path, json!({}))
        );
        assert_eq!(revoked.status, 204, "{}", revoked.body);
        assert!(matches!(renewed.status, 200 | 400), "{}", renewed.body);
        assert_eq!(world.live_tokens().await, 0);
    }
}
