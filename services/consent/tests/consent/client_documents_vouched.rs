//! How far the vault goes along with a client that nobody but its own document vouches for.

use jiff::SignedDuration;
use serde_json::json;

use crate::{
    client_documents::{asked, asking, code, redeeming, token},
    client_site::Site,
    oauth::{authorize, owner},
    world::World,
};

/// These parameters with one of them as this.
fn with(parameters: &[(String, String)], name: &str, value: &str) -> Vec<(String, String)> {
    let kept = parameters.iter().filter(|(known, _)| known != name);
    let own = (name.to_owned(), value.to_owned());
    kept.cloned().chain([own]).collect()
}

#[actix_web::test]
async fn an_error_sends_nobody_to_an_address_that_only_the_app_vouches_for() {
    let world = World::open().await;
    let person = owner(&world).await;
    let site = Site::open().await;
    let good = asking(&site);
    for (name, value, error) in [
        ("response_type", "token", "unsupported_response_type"),
        ("code_challenge_method", "plain", "invalid_request"),
        (
            "authorization_details",
            "[]",
            "invalid_authorization_details",
        ),
        ("prompt", "none", "interaction_required"),
    ] {
        let refused = authorize(&world, &person, &with(&good, name, value)).await;
        assert_eq!(
            (refused.status, refused.problem().as_str()),
            (400, "request-refused"),
            "{name}"
        );
        assert_eq!(refused.header("location"), "", "{name}");
        assert!(refused.body.contains(error), "{name}: {}", refused.body);
    }
}

#[actix_web::test]
async fn a_client_whose_document_changed_is_given_no_more_for_what_it_had() {
    let world = World::open().await;
    let person = owner(&world).await;
    let site = Site::open().await;
    let request = asked(&world, &person, &site).await;
    let (code, grant) = code(&world, &person, &site, &request).await;
    assert_eq!(token(&world, &redeeming(&site, &code)).await.status, 200);
    let merge = with(
        &with(&asking(&site), "grant_management_action", "merge"),
        "grant_id",
        &grant,
    );
    let (page, _) = authorize(&world, &person, &merge).await.sent_to();
    assert!(page.contains("/requests/"), "{page}");
    site.says(&json!({"client_name": "Other"}));
    world.later(SignedDuration::from_secs(600));
    let refused = authorize(&world, &person, &merge).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    assert!(
        refused.body.contains("invalid_grant_id"),
        "{}",
        refused.body
    );
}

#[actix_web::test]
async fn a_code_that_comes_twice_ends_the_grant_though_the_document_changed_in_between() {
    let world = World::open().await;
    let person = owner(&world).await;
    let site = Site::open().await;
    site.says(&json!({}));
    let request = asked(&world, &person, &site).await;
    world.later(SignedDuration::from_secs(590));
    let (code, grant) = code(&world, &person, &site, &request).await;
    assert_eq!(token(&world, &redeeming(&site, &code)).await.status, 200);
    site.says(&json!({"client_name": "Other"}));
    world.later(SignedDuration::from_secs(20));
    let again = token(&world, &redeeming(&site, &code)).await;
    assert_eq!(again.text("error"), "invalid_grant");
    let grant = world.get(&person, &format!("/grants/{grant}")).await;
    assert_eq!(grant.text("state"), "revoked");
}
