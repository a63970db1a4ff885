//! Registered apps are changed and removed by the administrators of their organization.

use actix_web::http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};
use sessions::Role;

use crate::{
    oauth::{self, CALLBACK},
    world::{Answer, Person, World},
};

async fn change(world: &World, person: &Person, app: &str, body: Value) -> Answer {
    let path = format!("/apps/{app}");
    world.api(person, Method::PATCH, &path, Some(body)).await
}

/// A member with a token of a grant that they gave this app, which renews it.
async fn member_with_token(world: &World, admin: &Person, app: &str) -> (Person, Answer) {
    let member = world.member(admin.tenant, Role::Member).await;
    world.key(&member, "openai").await;
    let (code, _) = oauth::code(world, &member, app).await;
    let form = oauth::redeeming(app, &code);
    let token = oauth::post_form(world, "/oauth/token", &form).await;
    assert_eq!(token.status, 200, "{}", token.body);
    (member, token)
}

#[actix_web::test]
async fn a_change_moves_what_it_names_and_leaves_the_rest() {
    let world = World::open().await;
    let admin = world.person(Role::Admin).await;
    let app = oauth::register(&world, &admin).await;
    let before = world.get(&admin, "/apps").await.json()["items"][0].clone();
    let mut expected = before.clone();
    for (body, member, value) in [
        (json!({"name": " Recipes 2 "}), "name", json!("Recipes 2")),
        (
            json!({"url": "https://recipes.test"}),
            "url",
            json!("https://recipes.test/"),
        ),
        (
            json!({"redirect_uris": ["https://recipes.test/new"], "name": null}),
            "redirect_uris",
            json!(["https://recipes.test/new"]),
        ),
        (
            json!({"grant_types": ["authorization_code", "refresh_token"]}),
            "grant_types",
            json!(["authorization_code", "refresh_token"]),
        ),
        (
            json!({"dpop_bound_access_tokens": true}),
            "dpop_bound_access_tokens",
            json!(true),
        ),
        (
            json!({"token_endpoint_auth_method": "client_secret_post"}),
            "token_endpoint_auth_method",
            json!("client_secret_post"),
        ),
    ] {
        let answer = change(&world, &admin, &app, body.clone()).await;
        assert_eq!(answer.status, 200, "{body}: {}", answer.body);
        expected[member] = value;
        assert_eq!(answer.json(), expected, "{body}");
    }
    assert_eq!(
        world.get(&admin, "/apps").await.json()["items"][0],
        expected
    );
    let without = change(&world, &admin, &app, json!({"url": ""})).await;
    assert_eq!(without.json().get("url"), None);
    for (body, pointer) in [
        (json!({"name": ""}), json!("/name")),
        (json!({"url": "ftp://x"}), json!("/url")),
        (json!({"redirect_uris": []}), json!("/redirect_uris")),
        (
            json!({"redirect_uris": ["http://evil.test/"]}),
            json!("/redirect_uris/0"),
        ),
        (
            json!({"grant_types": ["refresh_token"]}),
            json!("/grant_types"),
        ),
        (json!({"jwks": {"keys": []}}), json!("/jwks")),
        (
            json!({"token_endpoint_auth_method": "private_key_jwt"}),
            json!("/jwks"),
        ),
        (json!({}), Value::Null),
        (json!({"name": null}), Value::Null),
    ] {
        let answer = change(&world, &admin, &app, body.clone()).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.body);
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{body}");
    }
    let member = world.member(admin.tenant, Role::Member).await;
    let stranger = world.person(Role::Owner).await;
    for (who, status) in [(&member, 403), (&stranger, 404)] {
        let answer = change(&world, who, &app, json!({"name": "Mine"})).await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
    let events: i64 = world
        .look("SELECT count(*) FROM store.events WHERE type = 'app.changed'")
        .await;
    assert_eq!(events, 7);
}

#[actix_web::test]
async fn keys_stay_and_secrets_go_with_the_way_an_app_proves_itself() {
    let world = World::open().await;
    let admin = world.person(Role::Admin).await;
    let keys = json!({"keys": [{"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                                "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]});
    let app = json!({"name": "Recipes", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "client_secret_basic"});
    let app = world.post(&admin, "/apps", app).await.text("id");
    let secrets = || world.count("consent.client_secrets");
    assert_eq!(
        change(&world, &admin, &app, json!({"name": "Recipes 2"}))
            .await
            .status,
        200
    );
    assert_eq!(secrets().await, 1);
    let signing = json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": keys});
    assert_eq!(change(&world, &admin, &app, signing).await.status, 200);
    assert_eq!(secrets().await, 0);
    assert_eq!(
        change(&world, &admin, &app, json!({"name": "Recipes 3"}))
            .await
            .status,
        200
    );
    let kept: Value = world.look("SELECT authentication FROM consent.apps").await;
    assert_eq!(kept, json!({"method": "private_key_jwt", "jwks": keys}));
    let at = json!({"jwks_uri": "https://recipes.test/keys"});
    let moved = change(&world, &admin, &app, at).await;
    assert_eq!(moved.text("jwks_uri"), "https://recipes.test/keys");
    let posting = json!({"token_endpoint_auth_method": "client_secret_post"});
    let answer = change(&world, &admin, &app, posting).await;
    assert_eq!(answer.status, 200);
    assert!(!answer.body.contains("cs_"), "{}", answer.body);
    assert_eq!(secrets().await, 0);
    let path = format!("/apps/{app}/secret");
    let secret = world.post(&admin, &path, json!({})).await;
    assert!(secret.text("client_secret").starts_with("cs_"));
}

#[actix_web::test]
async fn a_code_for_an_address_that_the_app_lost_is_worth_nothing() {
    let world = World::open().await;
    let person = oauth::owner(&world).await;
    let app = oauth::register(&world, &person).await;
    let (code, _) = oauth::code(&world, &person, &app).await;
    let form = oauth::redeeming(&app, &code);
    let elsewhere = json!({"redirect_uris": ["https://recipes.test/new"]});
    assert_eq!(change(&world, &person, &app, elsewhere).await.status, 200);
    let refused = oauth::post_form(&world, "/oauth/token", &form).await;
    assert_eq!(
        (refused.status, refused.text("error").as_str()),
        (400, "invalid_grant"),
        "{}",
        refused.body
    );
    let asked = oauth::authorize(&world, &person, &oauth::asking(&app)).await;
    assert_eq!(asked.status, 400, "{}", asked.body);
    // Nothing of it is spent: with its address back, the code is good.
    let back = json!({"redirect_uris": [CALLBACK]});
    assert_eq!(change(&world, &person, &app, back).await.status, 200);
    let redeemed = oauth::post_form(&world, "/oauth/token", &form).await;
    assert_eq!(redeemed.status, 200, "{}", redeemed.body);
}

#[actix_web::test]
async fn a_removed_app_leaves_no_live_token() {
    let world = World::open().await;
    let admin = world.person(Role::Admin).await;
    let app = json!({"name": "Recipes", "redirect_uris": [CALLBACK],
                     "grant_types": ["authorization_code", "refresh_token"]});
    let app = world.post(&admin, "/apps", app).await.text("id");
    let (member, token) = member_with_token(&world, &admin, &app).await;
    let (other, _) = member_with_token(&world, &admin, &app).await;
    let (code, undelivered) = oauth::code(&world, &other, &app).await;
    let apart = oauth::register(&world, &admin).await;
    member_with_token(&world, &admin, &apart).await;
    assert_eq!(world.live_tokens().await, 3);
    world.later(SignedDuration::from_secs(1));
    world
        .done(&admin, Method::DELETE, &format!("/apps/{app}"), None)
        .await;
    assert_eq!(world.live_tokens().await, 1, "only the other app's");
    let renew = vec![
        ("grant_type", "refresh_token".to_owned()),
        ("client_id", app.clone()),
        ("refresh_token", token.text("refresh_token")),
    ];
    for form in [renew, oauth::redeeming(&app, &code)] {
        let refused = oauth::post_form(&world, "/oauth/token", &form).await;
        assert_eq!(refused.text("error"), "invalid_client", "{}", refused.body);
    }
    let grant = world.get(&other, &format!("/grants/{undelivered}")).await;
    assert_eq!(grant.text("state"), "revoked");
    let history = world.get(&member, "/decisions").await.json();
    assert_eq!(
        (
            &history["items"][0]["reason"],
            &history["items"][0]["decided_by"]
        ),
        (&json!("the app was removed"), &json!("administrator"))
    );
}

#[actix_web::test]
async fn no_token_of_a_removed_app_is_handed_out_whoever_is_first() {
    let world = World::open().await;
    let admin = world.person(Role::Owner).await;
    world.key(&admin, "openai").await;
    for _ in 0..5 {
        let app = oauth::register(&world, &admin).await;
        let (code, _) = oauth::code(&world, &admin, &app).await;
        let form = oauth::redeeming(&app, &code);
        let path = format!("/apps/{app}");
        let (token, removed) = futures_util::join!(
            oauth::post_form(&world, "/oauth/token", &form),
            world.api(&admin, Method::DELETE, &path, None),
        );
        assert_eq!(removed.status, 204, "{}", removed.body);
        // 503: both changed the grant at one moment; the next try of the app is refused.
        assert!(
            matches!(token.status, 200 | 400 | 401 | 503),
            "{}",
            token.body
        );
        assert_eq!(world.live_tokens().await, 0, "{}", token.status);
    }
}

#[actix_web::test]
async fn a_token_is_not_handed_out_while_its_app_is_being_removed() {
    let world = World::open().await;
    let admin = oauth::owner(&world).await;
    let app = oauth::register(&world, &admin).await;
    let (code, grant) = oauth::code(&world, &admin, &app).await;
    let form = oauth::redeeming(&app, &code);
    // The client was found, and is removed before its token is there.
    let mut owner = world.scratch.owner().await;
    let removal = owner.transaction().await.unwrap();
    let sql = "UPDATE consent.apps SET state = 'removed'";
    removal.execute(sql, &[]).await.unwrap();
    let redeeming = async {
        let answer = oauth::post_form(&world, "/oauth/token", &form).await;
        (answer.status, answer.body)
    };
    let removing = async {
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
        crate::world::until("the wait for the app", async || {
            let waiting: i64 = world.look(waits).await;
            (waiting > 0).then_some(())
        })
        .await;
        removal.commit().await.unwrap();
    };
    let ((status, body), ()) = futures_util::join!(redeeming, removing);
    assert_eq!(status, 400, "{body}");
    assert!(body.contains("invalid_grant"), "{body}");
    assert_eq!(world.live_tokens().await, 0, "{grant}");
}
