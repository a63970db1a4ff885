//! More for the grant of an OAuth client: `grant_management_action=merge` and `grant_id`.

use jiff::SignedDuration;
use serde_json::{Value, json};
use sessions::Role;

use crate::{
    oauth::{asking, authorize, code, owner, post_form, redeeming, register},
    refresh::{connected, renew},
    world::{Answer, Person, World, detail, parameters_of},
};

/// The parameters of a request for one more model for a grant.
fn merging(client: &str, grant: &str) -> Vec<(String, String)> {
    let mut parameters = asking(client);
    parameters.retain(|(name, _)| name != "authorization_details");
    let details = json!([detail(json!({"models": ["o1"]}))]).to_string();
    for (name, value) in [
        ("authorization_details", details.as_str()),
        ("grant_management_action", "merge"),
        ("grant_id", grant),
    ] {
        parameters.push((name.to_owned(), value.to_owned()));
    }
    parameters
}

async fn approved(world: &World, person: &Person, client: &str, grant: &str) -> Answer {
    let (page, _) = authorize(world, person, &merging(client, grant))
        .await
        .sent_to();
    let approved = world
        .approve(person, page.rsplit('/').next().unwrap())
        .await;
    assert_eq!(approved.status, 200, "{}", approved.body);
    let (_, query) = parameters_of(&approved.text("redirect_to"));
    let token = post_form(world, "/oauth/token", &redeeming(client, &query[0].1)).await;
    assert_eq!(token.status, 200, "{}", token.body);
    token
}

fn models(token: &Answer) -> Value {
    token.json()["authorization_details"][0]["models"].clone()
}

#[actix_web::test]
async fn a_merge_widens_the_grant_that_it_names() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    let (code, grant) = code(&world, &person, &client).await;
    let first = post_form(&world, "/oauth/token", &redeeming(&client, &code)).await;
    assert_eq!(first.text("grant_id"), grant);
    let second = approved(&world, &person, &client, &grant).await;
    assert_eq!(second.text("grant_id"), grant, "the same grant");
    assert_eq!(models(&second), json!(["gpt-4o-mini", "o1"]));
    let limits = &second.json()["authorization_details"][0]["limits"];
    assert_eq!(limits["monthly_spend"], json!(3), "left out, so as granted");
    let live: i64 = world
        .look("SELECT count(*) FROM consent.grant_access WHERE closed_at IS NULL AND details->0->'models' = '[\"gpt-4o-mini\", \"o1\"]'")
        .await;
    assert_eq!(live, 2, "the token before it may do the same");
}

#[actix_web::test]
async fn a_client_that_renews_its_tokens_renews_the_wider_grant() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (client, first, grant) = connected(&world, &person).await;
    approved(&world, &person, &client, &grant).await;
    world.later(SignedDuration::from_secs(60));
    let next = renew(&world, &client, &first.text("refresh_token"), None).await;
    assert_eq!(next.status, 200, "{}", next.body);
    assert_eq!(models(&next), json!(["gpt-4o-mini", "o1"]));
}

#[actix_web::test]
async fn only_the_client_and_the_person_of_a_grant_name_it() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    let (_, grant) = code(&world, &person, &client).await;
    let other_client = register(&world, &person).await;
    let colleague = world.member(person.tenant, Role::Member).await;
    let never = "grant_0198c0de0000700080000000000000ff";
    for (who, client, grant) in [
        (&person, &other_client, grant.as_str()),
        (&colleague, &client, grant.as_str()),
        (&person, &client, never),
        (&person, &client, "grant_x"),
    ] {
        let answer = authorize(&world, who, &merging(client, grant)).await;
        let (_, query) = answer.sent_to();
        assert_eq!(query[0].1, "invalid_grant_id", "{query:?}");
    }
    let requests = world.get(&person, "/requests").await.json();
    assert_eq!(requests["items"], json!([]));
}

#[actix_web::test]
async fn action_and_grant_have_to_fit_together() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    for (action, grant) in [
        (Some("merge"), None),
        (None, Some("grant_0198c0de0000700080000000000000ff")),
        (
            Some("create"),
            Some("grant_0198c0de0000700080000000000000ff"),
        ),
        (
            Some("replace"),
            Some("grant_0198c0de0000700080000000000000ff"),
        ),
    ] {
        let mut parameters = asking(&client);
        let pairs = [("grant_management_action", action), ("grant_id", grant)];
        parameters.extend(
            pairs
                .into_iter()
                .filter_map(|(name, value)| value.map(|value| (name.to_owned(), value.to_owned()))),
        );
        let (_, query) = authorize(&world, &person, &parameters).await.sent_to();
        assert_eq!(query[0].1, "invalid_request", "{action:?} {grant:?}");
    }
    let mut parameters = asking(&client);
    parameters.push(("grant_management_action".to_owned(), "create".to_owned()));
    let (page, _) = authorize(&world, &person, &parameters).await.sent_to();
    assert!(page.contains("/requests/"), "create is what happens anyway");
}

#[actix_web::test]
async fn a_request_without_a_grant_is_one_of_its_own_and_the_page_says_what_there_is() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    let (_, grant) = code(&world, &person, &client).await;
    let (page, _) = authorize(&world, &person, &asking(&client)).await.sent_to();
    let path = format!("/requests/{}", page.rsplit('/').next().unwrap());
    let html = world.browse(&person, &path).await.body;
    assert!(html.contains("This app already has access"), "{html}");
    let approved = world
        .approve(&person, page.rsplit('/').next().unwrap())
        .await;
    assert_ne!(approved.text("grant_id"), grant);
}
