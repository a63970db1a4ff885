//! A token may be for one provider of a grant, and each says who gives tokens for it.

use actix_web::test::TestRequest;
use serde_json::{Value, json};

use crate::{
    oauth::{CALLBACK, asking, authorize, owner, post_form, redeeming},
    refresh::renewing,
    world::{Answer, ORIGIN, Person, World, detail, parameters_of},
};

/// An authorization request for OpenAI and Anthropic, with this resource.
fn for_both(client: &str, resource: &str) -> Vec<(String, String)> {
    let mut parameters = asking(client);
    let anthropic = detail(json!({"provider": "anthropic", "models": ["claude-haiku-4-5"]}));
    parameters[5].1 = json!([detail(json!({})), anthropic]).to_string();
    parameters.push(("resource".to_owned(), resource.to_owned()));
    parameters
}

async fn code(world: &World, person: &Person, client: &str) -> String {
    let resource = format!("{ORIGIN}/v1");
    let asked = authorize(world, person, &for_both(client, &resource)).await;
    let (page, _) = asked.sent_to();
    let approved = world
        .approve(person, page.rsplit('/').next().unwrap())
        .await;
    assert_eq!(approved.status, 200, "{}", approved.body);
    parameters_of(&approved.text("redirect_to")).1[0].1.clone()
}

fn providers(answer: &Answer) -> Vec<String> {
    let details = answer.json()["authorization_details"].clone();
    let details = details.as_array().unwrap().clone();
    let name = |detail: &Value| detail["provider"].as_str().unwrap().to_owned();
    details.iter().map(name).collect()
}

#[actix_web::test]
async fn a_token_is_for_the_resource_that_its_client_names() {
    let world = World::open().await;
    let person = owner(&world).await;
    world.key(&person, "anthropic").await;
    let client = renewing(&world, &person).await;
    let code = code(&world, &person, &client).await;
    let with = |mut form: Vec<(&'static str, String)>, resource: &str| {
        form.push(("resource", resource.to_owned()));
        form
    };
    let redeem = redeeming(&client, &code);
    for other in [
        format!("{ORIGIN}/v1/google"),
        format!("{ORIGIN}/v1/"),
        format!("{ORIGIN}/v1/openai/"),
        format!("{ORIGIN}/v1openai"),
        format!("{ORIGIN}.evil.test/v1"),
        ORIGIN.to_owned(),
        "https://elsewhere.test/v1/openai".to_owned(),
    ] {
        let refused = post_form(&world, "/oauth/token", &with(redeem.clone(), &other)).await;
        assert_eq!(refused.text("error"), "invalid_target", "{other}");
    }
    let openai = format!("{ORIGIN}/v1/openai");
    let one = post_form(&world, "/oauth/token", &with(redeem, &openai)).await;
    assert_eq!(providers(&one), ["openai"]);
    let stored: Value = world.look("SELECT details FROM consent.grant_access").await;
    assert_eq!(stored.as_array().unwrap().len(), 1);
    let renew = |token: &Answer| {
        vec![
            ("grant_type", "refresh_token".to_owned()),
            ("refresh_token", token.text("refresh_token")),
            ("client_id", client.clone()),
        ]
    };
    let anthropic = format!("{ORIGIN}/v1/anthropic");
    let other = post_form(&world, "/oauth/token", &with(renew(&one), &anthropic)).await;
    assert_eq!(providers(&other), ["anthropic"]);
    let both = post_form(&world, "/oauth/token", &renew(&other)).await;
    assert_eq!(providers(&both), ["openai", "anthropic"]);
}

#[actix_web::test]
async fn a_request_for_one_resource_asks_for_nothing_beside_it() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = renewing(&world, &person).await;
    for resource in [
        format!("{ORIGIN}/v1/openai"),
        "https://elsewhere.test/".to_owned(),
    ] {
        let refused = authorize(&world, &person, &for_both(&client, &resource)).await;
        let (back, query) = refused.sent_to();
        assert_eq!(
            (back.as_str(), query[0].1.as_str()),
            (CALLBACK, "invalid_target")
        );
    }
    assert_eq!(world.count("consent.access_requests").await, 0);
}

#[actix_web::test]
async fn each_resource_says_who_gives_tokens_for_it() {
    let world = World::open().await;
    let get = |path: &str| {
        let path = format!("/.well-known/oauth-protected-resource{path}");
        world.send(TestRequest::get().uri(&path))
    };
    for path in ["/v1", "/v1/openai", "/v1/anthropic"] {
        let expected = json!({
            "resource": format!("{ORIGIN}{path}"), "authorization_servers": [ORIGIN],
            "bearer_methods_supported": ["header"],
            "dpop_signing_alg_values_supported": ["ES256", "RS256", "PS256", "EdDSA"],
            "authorization_details_types_supported": ["ai_model_access"],
        });
        assert_eq!(get(path).await.json(), expected);
    }
    assert_eq!(get("/v1/nobody").await.status, 404);
}
