//! OAuth beside the code: what is offered, tokens given back, apps removed.

use actix_web::{http::Method, test::TestRequest};
use serde_json::{Value, json};

use crate::{
    oauth::{asking, authorize, code, owner, post_form, redeeming, register},
    world::{World, detail},
};

#[actix_web::test]
async fn a_token_is_given_back_by_its_own_client_only() {
    let world = World::open().await;
    let person = owner(&world).await;
    let (client, other) = (
        register(&world, &person).await,
        register(&world, &person).await,
    );
    let (code, grant) = code(&world, &person, &client).await;
    let token = post_form(&world, "/oauth/token", &redeeming(&client, &code))
        .await
        .text("access_token");
    let (_, okap) = world.granted(&person, json!([detail(json!({}))])).await;
    let give_back =
        async |form: Vec<(&'static str, String)>| post_form(&world, "/oauth/revoke", &form).await;
    let of = |token: &str, client: &str| {
        vec![
            ("token", token.to_owned()),
            ("client_id", client.to_owned()),
        ]
    };
    let unknown = "okap_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp126VlTV";
    for without_effect in [
        of(&token, &other),
        vec![("token", token.clone())],
        of(&okap, &client),
        of(unknown, &client),
        of("nonsense", &client),
        vec![("token", unknown.to_owned())],
    ] {
        let answer = give_back(without_effect.clone()).await;
        assert_eq!(
            (
                answer.status,
                answer.body.as_str(),
                answer.header("cache-control")
            ),
            (200, "", "no-store"),
            "{without_effect:?}"
        );
        assert_eq!(world.live_tokens().await, 2);
    }
    let stranger = give_back(of(&token, "app_00000000000070008000000000000000")).await;
    assert_eq!(
        (stranger.status, stranger.text("error").as_str()),
        (401, "invalid_client")
    );
    assert!(!stranger.header("www-authenticate").is_empty());
    assert_eq!(
        give_back(vec![("client_id", client.clone())])
            .await
            .text("error"),
        "invalid_request"
    );
    assert_eq!(world.live_tokens().await, 2);
    for _ in 0..2 {
        assert_eq!(
            give_back(
                [
                    of(&token, &client),
                    vec![("token_type_hint", "refresh_token".to_owned())]
                ]
                .concat()
            )
            .await
            .status,
            200
        );
        assert_eq!(
            world
                .get(&person, &format!("/grants/{grant}"))
                .await
                .text("state"),
            "revoked"
        );
    }
    assert_eq!(give_back(vec![("token", okap)]).await.status, 200);
    assert_eq!(world.live_tokens().await, 0);
}

#[actix_web::test]
async fn a_removed_app_may_not_ask_nor_redeem() {
    let world = World::open().await;
    let person = owner(&world).await;
    let client = register(&world, &person).await;
    let (code, _) = code(&world, &person, &client).await;
    let path = format!("/apps/{client}");
    let remove = || world.api(&person, Method::DELETE, &path, None);
    assert_eq!((remove().await.status, remove().await.status), (204, 404));
    assert_eq!(
        authorize(&world, &person, &asking(&client)).await.status,
        400
    );
    assert_eq!(
        post_form(&world, "/oauth/token", &redeeming(&client, &code))
            .await
            .text("error"),
        "invalid_client"
    );
    assert_eq!(world.live_tokens().await, 0);
}

#[actix_web::test]
async fn the_metadata_says_exactly_what_is_offered() {
    let world = World::open().await;
    let host = ("host", "elsewhere.test");
    let answer = world
        .send(
            TestRequest::get()
                .uri("/.well-known/oauth-authorization-server")
                .insert_header(host),
        )
        .await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "application/json")
    );
    let pretty: Value = answer.json();
    insta::assert_snapshot!(serde_json::to_string_pretty(&pretty).unwrap(), @r#"
    {
      "issuer": "https://vault.example.com",
      "authorization_endpoint": "https://vault.example.com/oauth/authorize",
      "pushed_authorization_request_endpoint": "https://vault.example.com/oauth/par",
      "device_authorization_endpoint": "https://vault.example.com/oauth/device_authorization",
      "token_endpoint": "https://vault.example.com/oauth/token",
      "revocation_endpoint": "https://vault.example.com/oauth/revoke",
      "introspection_endpoint": "https://vault.example.com/oauth/introspect",
      "registration_endpoint": "https://vault.example.com/oauth/register",
      "response_types_supported": [
        "code"
      ],
      "grant_types_supported": [
        "authorization_code",
        "refresh_token",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:token-exchange"
      ],
      "code_challenge_methods_supported": [
        "S256"
      ],
      "token_endpoint_auth_methods_supported": [
        "none",
        "client_secret_basic",
        "client_secret_post",
        "private_key_jwt"
      ],
      "token_endpoint_auth_signing_alg_values_supported": [
        "ES256",
        "RS256",
        "PS256",
        "EdDSA"
      ],
      "revocation_endpoint_auth_methods_supported": [
        "none",
        "client_secret_basic",
        "client_secret_post",
        "private_key_jwt"
      ],
      "revocation_endpoint_auth_signing_alg_values_supported": [
        "ES256",
        "RS256",
        "PS256",
        "EdDSA"
      ],
      "introspection_endpoint_auth_methods_supported": [
        "none",
        "client_secret_basic",
        "client_secret_post",
        "private_key_jwt"
      ],
      "introspection_endpoint_auth_signing_alg_values_supported": [
        "ES256",
        "RS256",
        "PS256",
        "EdDSA"
      ],
      "authorization_details_types_supported": [
        "ai_model_access"
      ],
      "grant_management_actions_supported": [
        "create",
        "merge"
      ],
      "client_id_metadata_document_supported": true,
      "dpop_signing_alg_values_supported": [
        "ES256",
        "RS256",
        "PS256",
        "EdDSA"
      ],
      "authorization_response_iss_parameter_supported": true
    }
    "#);
}
