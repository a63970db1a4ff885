//! A client learns what its own token is good for, and nothing about anybody else's.

use actix_web::http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    oauth::{owner, post_form, register},
    refresh::{connected, renew},
    world::{Answer, World, detail},
};

async fn introspect(world: &World, client: &str, token: &str) -> Answer {
    let form = [
        ("token", token.to_owned()),
        ("client_id", client.to_owned()),
    ];
    let answer = post_form(world, "/oauth/introspect", &form).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    answer
}

#[actix_web::test]
async fn a_client_learns_what_its_tokens_are_good_for() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (client, first, grant) = connected(&world, &person).await;
    let access = introspect(&world, &client, &first.text("access_token")).await;
    let mut expected = json!({
        "active": true, "iss": "https://vault.example.com", "client_id": client, "sub": person.user,
        "grant_id": grant, "token_type": "Bearer", "exp": world.clock.now().as_second() + 3_600,
        "authorization_details": first.json()["authorization_details"],
    });
    assert_eq!(access.json(), expected);
    let refresh = introspect(&world, &client, &first.text("refresh_token")).await;
    let members = expected.as_object_mut().unwrap();
    members.remove("token_type");
    members.remove("authorization_details");
    members.insert(
        "exp".to_owned(),
        json!(world.clock.now().as_second() + 30 * 86_400),
    );
    assert_eq!(refresh.json(), expected);
}

#[actix_web::test]
async fn of_a_token_that_is_no_good_or_not_its_own_nothing_is_told() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (client, first, grant) = connected(&world, &person).await;
    let other = register(&world, &person).await;
    let (_, okap) = world.granted(&person, json!([detail(json!({}))])).await;
    let nothing = json!({"active": false});
    let tokens = [first.text("access_token"), first.text("refresh_token")];
    for (client, token) in [
        (&other, tokens[0].as_str()),
        (&other, &tokens[1]),
        (&client, &okap),
        (
            &client,
            "okap_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp126VlTV",
        ),
        (&client, "nonsense"),
    ] {
        let answer = introspect(&world, client, token).await;
        assert_eq!(
            (answer.status, answer.json()),
            (200, nothing.clone()),
            "{token}"
        );
    }
    // A refresh token that was used, an access token whose hour is over.
    let next = renew(&world, &client, &tokens[1], None).await;
    assert_eq!(
        introspect(&world, &client, &tokens[1]).await.json(),
        nothing
    );
    world.later(SignedDuration::from_mins(60));
    let access = next.text("access_token");
    assert_eq!(introspect(&world, &client, &access).await.json(), nothing);
    let refresh = next.text("refresh_token");
    let active = introspect(&world, &client, &refresh).await.json()["active"].clone();
    assert_eq!(active, json!(true));
    let path = format!("/grants/{grant}/revoke");
    world.done(&person, Method::POST, &path, None).await;
    assert_eq!(introspect(&world, &client, &refresh).await.json(), nothing);
}

#[actix_web::test]
async fn who_does_not_say_who_asks_is_refused() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (client, first, _) = connected(&world, &person).await;
    let token = first.text("access_token");
    for (client, token, status, error) in [
        ("", token.as_str(), 401, "invalid_client"),
        (
            "app_00000000000070008000000000000000",
            &token,
            401,
            "invalid_client",
        ),
        (&client, "", 400, "invalid_request"),
    ] {
        let answer = introspect(&world, client, token).await;
        assert_eq!(
            (answer.status, answer.text("error").as_str()),
            (status, error)
        );
        assert_eq!(answer.json()["active"], Value::Null);
    }
}
