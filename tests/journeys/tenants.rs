//! Tenants are apart on every route that names a thing.

use anyhow::{Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::json;
use tests::Vault;

use crate::detail;

#[tokio::test(flavor = "multi_thread")]
async fn another_organizations_ids_are_not_found_and_change_nothing() -> Result<()> {
    let vault = Vault::open(1).await?;
    let stranger = vault.provision("Globex", &clock::Clock::system()).await?;
    let key = vault
        .owner
        .store_key("openai", "sk-real-openai-0123456789")
        .await?;
    let (_, grant) = vault
        .owner
        .token(json!([detail("openai", &[], &json!({}))]))
        .await?;
    let handle = vault
        .owner
        .api(Method::POST, "/handles", Some(json!({"label": "Mine"})))
        .await?;
    let handle = handle.body["id"].as_str().unwrap_or_default().to_owned();
    let app = json!({"name": "App", "redirect_uris": ["https://app.test/cb"]});
    let app = vault
        .owner
        .api(Method::POST, "/apps", Some(app))
        .await?
        .body["id"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let address = vault.owner.api(Method::GET, "/handles", None).await?;
    let address = url::Url::parse(address.body["items"][0]["url"].as_str().unwrap_or_default())?
        .username()
        .to_owned();
    vault
        .owner
        .ask(
            &address,
            json!([detail("openai", &["gpt-4o"], &json!({}))]),
            0,
        )
        .await?;
    let inbox = vault.owner.api(Method::GET, "/requests", None).await?;
    let request = inbox.body["items"][0]["id"]
        .as_str()
        .unwrap_or_default()
        .to_owned();

    let details = json!([{"type": "ai_model_access", "provider": "openai"}]);
    for (method, path, body) in [
        (
            Method::POST,
            format!("/provider-keys/{key}/rotate"),
            Some(json!({"secret": "sk-stolen-0123456789"})),
        ),
        (Method::DELETE, format!("/provider-keys/{key}"), None),
        (Method::GET, format!("/grants/{grant}"), None),
        (
            Method::PATCH,
            format!("/grants/{grant}"),
            Some(json!({"authorization_details": details})),
        ),
        (Method::POST, format!("/grants/{grant}/revoke"), None),
        (Method::GET, format!("/requests/{request}"), None),
        (
            Method::POST,
            format!("/requests/{request}/approve"),
            Some(json!({})),
        ),
        (
            Method::POST,
            format!("/requests/{request}/deny"),
            Some(json!({})),
        ),
        (Method::DELETE, format!("/handles/{handle}"), None),
        (Method::DELETE, format!("/apps/{app}"), None),
    ] {
        let answer = stranger.api(method.clone(), &path, body).await?;
        ensure!(
            answer.status == StatusCode::NOT_FOUND,
            "{method} {path}: {answer:?}"
        );
    }
    for path in [
        "/provider-keys",
        "/grants",
        "/requests",
        "/handles",
        "/apps",
    ] {
        let answer = stranger.api(Method::GET, path, None).await?;
        ensure!(answer.body["items"] == json!([]), "{path}: {answer:?}");
        let own = vault.owner.api(Method::GET, path, None).await?;
        ensure!(
            own.body["items"]
                .as_array()
                .is_some_and(|items| items.len() == 1),
            "{path}: {own:?}"
        );
    }
    vault.close().await
}
