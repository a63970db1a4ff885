//! The browser of an OAuth request goes back to its app, once, whoever decided and where.

use jiff::SignedDuration;
use serde_json::json;
use sessions::Role;

use crate::{
    oauth::{CALLBACK, asking, authorize, owner, post_form, redeeming, register},
    world::{Answer, ORIGIN, Person, World, detail},
};

/// An app's request, as the path of the page on which it is decided.
async fn asked(world: &World, person: &Person, client: &str) -> String {
    let (page, _) = authorize(world, person, &asking(client)).await.sent_to();
    page.strip_prefix(ORIGIN).unwrap().to_owned()
}

fn id_of(page: &str) -> &str {
    page.rsplit('/').next().unwrap()
}

/// Where the app is told its answer, and the answer.
fn told(answer: &Answer) -> (String, String) {
    let (back, query) = answer.sent_to();
    assert_eq!(back, CALLBACK);
    for own in [("state", "a b&c"), ("iss", ORIGIN)] {
        assert!(
            query.contains(&(own.0.to_owned(), own.1.to_owned())),
            "{query:?}"
        );
    }
    query[0].clone()
}

#[actix_web::test]
async fn a_code_that_cannot_be_stored_grants_nothing() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    let page = asked(&world, &person, &client).await;
    let database = world.scratch.owner().await;
    database
        .batch_execute("ALTER TABLE consent.authorization_codes ADD CONSTRAINT fault CHECK (false)")
        .await
        .unwrap();
    let failed = world.approve(&person, id_of(&page)).await;
    assert_eq!(failed.status, 503, "{}", failed.body);
    let granted: i64 = world
        .look("SELECT count(*) FROM store.events WHERE type IN ('grant.granted', 'access_request.approved')")
        .await;
    assert_eq!((granted, world.count("consent.grants").await), (0, 0));
    let path = format!("/requests/{}", id_of(&page));
    assert_eq!(world.get(&person, &path).await.text("state"), "pending");
    database
        .batch_execute("ALTER TABLE consent.authorization_codes DROP CONSTRAINT fault")
        .await
        .unwrap();
    let approved = world.approve(&person, id_of(&page)).await;
    assert!(approved.text("redirect_to").starts_with(CALLBACK));
}

#[actix_web::test]
async fn a_no_through_the_api_leads_the_waiting_browser_back() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    let page = asked(&world, &person, &client).await;
    assert_eq!(world.browse(&person, &page).await.status, 200);
    assert_eq!(world.deny(&person, id_of(&page)).await.status, 204);
    let colleague = world.member(person.tenant, Role::Owner).await;
    assert_eq!(world.browse(&colleague, &page).await.status, 404);
    let back = world.browse(&person, &page).await;
    assert_eq!(
        told(&back),
        ("error".to_owned(), "access_denied".to_owned())
    );
    assert_eq!(back.header("cache-control"), "no-store");
    // It goes back once: who opens the page later wants to see how the request stands.
    let later = world.browse(&person, &page).await;
    assert!(later.status == 200 && later.body.contains("You denied this"));
}

#[actix_web::test]
async fn a_yes_through_the_api_leads_the_waiting_browser_back_with_a_code() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    let page = asked(&world, &person, &client).await;
    assert_eq!(world.approve(&person, id_of(&page)).await.status, 200);
    // Longer than the first code lives: the browser gets one of its own.
    world.later(SignedDuration::from_mins(2));
    let (name, code) = told(&world.browse(&person, &page).await);
    assert_eq!(name, "code");
    assert_eq!(world.browse(&person, &page).await.status, 200);
    let token = post_form(&world, "/oauth/token", &redeeming(&client, &code)).await;
    assert_eq!(token.status, 200, "{}", token.body);
    assert_eq!(world.live_tokens().await, 1);
}

#[actix_web::test]
async fn of_two_codes_of_one_request_one_gives_a_token() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    let page = asked(&world, &person, &client).await;
    let approved = world.approve(&person, id_of(&page)).await;
    let (_, query) = crate::world::parameters_of(&approved.text("redirect_to"));
    let (_, second) = told(&world.browse(&person, &page).await);
    let redeem = async |code: &str| {
        let form = redeeming(&client, code);
        post_form(&world, "/oauth/token", &form).await
    };
    assert_eq!(redeem(&second).await.status, 200);
    assert_eq!(redeem(&query[0].1).await.text("error"), "invalid_grant");
    assert_eq!(world.live_tokens().await, 1);
}

#[actix_web::test]
async fn a_page_decides_and_leads_back_at_once_and_not_again() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    let page = asked(&world, &person, &client).await;
    let denied = world
        .submit(&person, &page, &format!("{page}/deny"), &[])
        .await;
    assert_eq!(
        told(&denied),
        ("error".to_owned(), "access_denied".to_owned())
    );
    assert_eq!(world.browse(&person, &page).await.status, 200);
}

#[actix_web::test]
async fn nobody_is_led_back_long_after_or_where_no_browser_came_from() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    let page = asked(&world, &person, &client).await;
    assert_eq!(world.deny(&person, id_of(&page)).await.status, 204);
    world.later(SignedDuration::from_mins(20));
    assert_eq!(world.browse(&person, &page).await.status, 200);
    let okap = world.pending(&person, json!([detail(json!({}))])).await;
    let okap = okap.text("request_id");
    assert_eq!(world.deny(&person, &okap).await.status, 204);
    let closed = world.browse(&person, &format!("/requests/{okap}")).await;
    assert_eq!(closed.status, 200);
}

#[actix_web::test]
async fn what_was_decided_of_late_says_what_was_granted() {
    let world = World::open().await;
    let person = owner(&world).await;
    let asked =
        detail(json!({"models": ["gpt-4o", "gpt-4o-mini"], "limits": {"monthly_spend": 9}}));
    let pending = world.pending(&person, json!([asked])).await;
    let id = pending.text("request_id");
    let narrowed = detail(json!({"models": ["gpt-4o-mini"], "limits": {"monthly_spend": 2}}));
    let decision = json!({"authorization_details": [narrowed]});
    let approved = world
        .post(&person, &format!("/requests/{id}/approve"), decision)
        .await;
    assert_eq!(approved.status, 200, "{}", approved.body);
    let lower = json!({"authorization_details": [detail(json!({"limits": {"monthly_spend": 1}}))]});
    let path = format!("/grants/{}", approved.text("grant_id"));
    world
        .done(&person, actix_web::http::Method::PATCH, &path, Some(lower))
        .await;
    let inbox = world.browse(&person, "/inbox").await;
    assert!(
        inbox.body.contains("OpenAI · gpt-4o-mini · $2.00 a month"),
        "{}",
        inbox.body
    );
    assert!(!inbox.body.contains("$9.00") && !inbox.body.contains("$1.00"));
    let decided = world.get(&person, "/requests?state=decided").await.json();
    let decided = &decided["items"][0];
    assert_eq!(
        decided["authorization_details"][0]["limits"]["monthly_spend"],
        json!(9)
    );
    assert_eq!(
        decided["granted_authorization_details"][0]["limits"]["monthly_spend"],
        json!(2)
    );
}
