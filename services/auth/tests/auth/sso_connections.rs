//! Connecting an identity provider.

use actix_web::http::StatusCode;
use serde_json::{Value, json};

use crate::{
    identity_provider::{ADA, BOB, CLIENT_ID, CLIENT_SECRET, IdentityProvider},
    sso::{connected, sign_in},
    vault::Vault,
};

const SSO: &str = "/api/v1/sso";

fn new(provider: &IdentityProvider) -> Value {
    json!({"issuer": provider.issuer, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET})
}

#[actix_web::test]
async fn an_owner_connects_a_provider_and_people_sign_in() {
    let vault = Vault::open().await;
    let provider = IdentityProvider::start(&vault.clock).await;
    let acme = vault.found("Acme").await;
    let owner = vault.program(acme.owner_token.as_deref().unwrap());
    let made = owner.post(SSO, new(&provider)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let made = made.json();
    let id = made["id"].as_str().unwrap();
    assert_eq!(
        made["redirect_uri"],
        format!("http://127.0.0.1:8080/sso/{id}/callback")
    );
    assert_eq!(made["has_client_secret"], true);
    let listed = owner.get(SSO).await.json();
    assert_eq!(listed, json!({"items": [made], "next_cursor": null}));
    let (browser, _) = sign_in(&vault, &provider, "Acme", &ADA).await;
    assert!(browser.is_signed_in().await);
}

#[actix_web::test]
async fn posting_the_issuer_again_replaces_client_id_and_secret() {
    let vault = Vault::open().await;
    let provider = IdentityProvider::start(&vault.clock).await;
    let acme = vault.found("Acme").await;
    let owner = vault.program(acme.owner_token.as_deref().unwrap());
    let wrong = json!({"issuer": provider.issuer, "client_id": CLIENT_ID, "client_secret": "old"});
    let first = owner.post(SSO, wrong).await.json();
    let (browser, answer) = sign_in(&vault, &provider, "Acme", &ADA).await;
    assert_eq!(
        answer.status,
        StatusCode::FORBIDDEN,
        "the provider does not know the old secret"
    );
    assert!(!browser.is_signed_in().await);
    let second = owner.post(SSO, new(&provider)).await;
    assert_eq!(second.status, StatusCode::OK);
    assert_eq!(second.json()["id"], first["id"]);
    let (browser, _) = sign_in(&vault, &provider, "Acme", &ADA).await;
    assert!(browser.is_signed_in().await);
}

#[actix_web::test]
async fn the_client_secret_is_sealed_for_its_place() {
    let vault = Vault::open().await;
    let provider = IdentityProvider::start(&vault.clock).await;
    connected(&vault, "Acme", &provider).await;
    connected(&vault, "Globex", &provider).await;
    let superuser = vault.scratch.superuser().await;
    let sealed = superuser
        .query("SELECT client_secret FROM auth.sso_connections", &[])
        .await
        .unwrap();
    for row in &sealed {
        let sealed: Vec<u8> = row.get(0);
        let secret = CLIENT_SECRET.as_bytes();
        assert!(!sealed.windows(secret.len()).any(|part| part == secret));
    }
    for table in ["store.events", "auth.sso_connections"] {
        assert!(
            !vault
                .scratch
                .rows(table)
                .await
                .join("")
                .contains(CLIENT_SECRET),
            "{table}"
        );
    }
    // Moved to another organization's row it does not open.
    let swap = "UPDATE auth.sso_connections AS one SET client_secret = other.client_secret
                  FROM auth.sso_connections AS other WHERE one.connection_id <> other.connection_id";
    assert_eq!(superuser.execute(swap, &[]).await.unwrap(), 2);
    let (browser, answer) = sign_in(&vault, &provider, "Acme", &ADA).await;
    assert_eq!(
        answer.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "{}",
        answer.text
    );
    assert!(!browser.is_signed_in().await);
}

#[actix_web::test]
async fn only_who_manages_sign_on_sees_and_changes_it() {
    let vault = Vault::open().await;
    let provider = IdentityProvider::start(&vault.clock).await;
    let acme = connected(&vault, "Acme", &provider).await;
    let owner = vault.program(acme.owner_token.as_deref().unwrap());
    let until = vault.now() + jiff::SignedDuration::from_hours(1);
    for (role, may) in [("admin", true), ("member", false), ("finance", false)] {
        let body = json!({"label": "x", "role": role, "expires_at": until.to_string()});
        let token = owner.post("/api/v1/api-tokens", body).await.json();
        let program = vault.program(token["token"].as_str().unwrap());
        let expected = if may {
            StatusCode::OK
        } else {
            StatusCode::FORBIDDEN
        };
        assert_eq!(program.get(SSO).await.status, expected, "{role}");
        assert_eq!(
            program.post(SSO, new(&provider)).await.status,
            expected,
            "{role}"
        );
    }
    let (browser, _) = sign_in(&vault, &provider, "Acme", &BOB).await;
    assert_eq!(browser.get(SSO).await.status, StatusCode::FORBIDDEN);
    assert_eq!(
        vault.browser().get(SSO).await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[actix_web::test]
async fn organizations_do_not_see_each_others_connections() {
    let vault = Vault::open().await;
    let provider = IdentityProvider::start(&vault.clock).await;
    let acme = connected(&vault, "Acme", &provider).await;
    let globex = connected(&vault, "Globex", &provider).await;
    let (acme_id, globex_id) = (acme.sso.unwrap().connection, globex.sso.unwrap().connection);
    assert_ne!(acme_id, globex_id);
    for (token, own) in [(acme.owner_token, acme_id), (globex.owner_token, globex_id)] {
        let listed = vault.program(&token.unwrap()).get(SSO).await.json();
        assert_eq!(listed["items"].as_array().unwrap().len(), 1);
        assert_eq!(listed["items"][0]["id"], own.to_string());
    }
}

#[actix_web::test]
async fn every_field_of_a_connection_is_checked() {
    let vault = Vault::open().await;
    let provider = IdentityProvider::start(&vault.clock).await;
    let acme = vault.found("Acme").await;
    let owner = vault.program(acme.owner_token.as_deref().unwrap());
    let changed = |name: &str, value: Value| {
        let mut body = new(&provider);
        body[name] = value;
        body
    };
    for body in [
        json!({}),
        changed("issuer", json!("")),
        changed("issuer", json!("id.acme.test")),
        changed("issuer", json!("http://id.acme.test")),
        changed("issuer", json!("https://10.0.0.1")),
        changed("issuer", json!("https://id.acme.test?x=1")),
        changed(
            "issuer",
            json!(format!("https://id.acme.test/{}", "x".repeat(500))),
        ),
        changed("issuer", json!(7)),
        changed("client_id", json!("")),
        changed("client_id", json!("a\nb")),
        changed("client_id", json!("x".repeat(501))),
        changed("client_secret", json!("")),
        changed("client_secret", json!("ä")),
        changed("client_secret", json!("x".repeat(1_001))),
        changed("colour", json!("red")),
    ] {
        let answer = owner.post(SSO, &body).await;
        assert_eq!(
            answer.status,
            StatusCode::BAD_REQUEST,
            "{body}: {}",
            answer.text
        );
        assert!(
            !answer.text.contains("xxxxxxxx"),
            "a secret is not repeated: {}",
            answer.text
        );
    }
    let nobody = changed("issuer", json!(format!("{}/nobody", provider.issuer)));
    let answer = owner.post(SSO, nobody).await;
    assert_eq!(
        answer.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "{}",
        answer.text
    );
    let closed = changed("issuer", json!("http://127.0.0.1:1"));
    let answer = owner.post(SSO, closed).await;
    assert_eq!(
        answer.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "{}",
        answer.text
    );
    assert_eq!(answer.problem(), "sso-provider-unusable");
    assert!(vault.scratch.rows("auth.sso_connections").await.is_empty());
}
