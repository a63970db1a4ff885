//! Calling each provider through the vault, and being cut off.

use anyhow::{Result, ensure};
use futures_util::StreamExt;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::Vault;

use crate::{call, detail, until};

const PROVIDERS: [&str; 3] = ["openai", "anthropic", "google"];

#[tokio::test(flavor = "multi_thread")]
async fn each_provider_is_called_with_the_real_key_and_the_app_never_sees_it() -> Result<()> {
    let vault = Vault::open(1).await?;
    let client = tests::client();
    let mut details = Vec::new();
    for provider in PROVIDERS {
        vault
            .owner
            .store_key(provider, &format!("sk-real-{provider}-0123456789"))
            .await?;
        details.push(detail(provider, &[], &json!({"monthly_spend": 5})));
    }
    let (token, _) = vault.owner.token(Value::Array(details)).await?;
    for provider in PROVIDERS {
        for stream in [false, true] {
            let answer = call(&client, &vault.url, &token, provider, "Hello", stream)
                .send()
                .await?;
            ensure!(
                answer.status() == StatusCode::OK,
                "{provider} {stream}: {answer:?}"
            );
            let headers = format!("{:?}", answer.headers());
            ensure!(
                answer.headers().contains_key("x-okap-spend-remaining"),
                "{provider}: {headers}"
            );
            let text = answer.text().await?;
            ensure!(text.contains("simulator"), "{provider} answers: {text}");
            ensure!(
                !text.contains("sk-real") && !headers.contains("sk-real"),
                "{provider} shows the key"
            );
        }
    }
    for entry in vault.simulator.log() {
        // Whether a list of models is everybody's is asked without a key.
        let keyless = entry["route"] == "models"
            && entry["key_last4"].as_str().unwrap_or_default().is_empty();
        ensure!(
            keyless || entry["key_last4"] == "6789",
            "the provider saw another key: {entry}"
        );
    }
    vault.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_grant_is_refused_on_every_proxy_and_its_streams_are_cut() -> Result<()> {
    let vault = Vault::open(2).await?;
    let client = tests::client();
    vault
        .owner
        .store_key("openai", "sk-real-openai-0123456789")
        .await?;
    let (token, grant) = vault
        .owner
        .token(json!([detail("openai", &[], &json!({}))]))
        .await?;
    for proxy in &vault.proxies {
        let answer = call(&client, proxy, &token, "openai", "Hello", false)
            .send()
            .await?;
        ensure!(answer.status() == StatusCode::OK, "{answer:?}");
    }
    let slow = r#"[[sim {"chunks": 600, "chunk_delay_ms": 50}]]"#;
    let running = call(&client, &vault.proxies[1], &token, "openai", slow, true)
        .send()
        .await?;
    let mut stream = running.bytes_stream();
    ensure!(stream.next().await.is_some(), "the stream began");

    let revoked = vault
        .owner
        .api(Method::POST, &format!("/grants/{grant}/revoke"), None)
        .await?;
    ensure!(revoked.status == StatusCode::NO_CONTENT, "{revoked:?}");
    let answered = tokio::time::Instant::now();
    for proxy in &vault.proxies {
        let answer = call(&client, proxy, &token, "openai", "Hello", false)
            .send()
            .await?;
        ensure!(answer.status() == StatusCode::UNAUTHORIZED, "{answer:?}");
        let body: Value = answer.json().await?;
        ensure!(body["error"]["type"] == "token_revoked", "{body}");
    }
    while let Some(Ok(_)) = stream.next().await {
        ensure!(
            answered.elapsed().as_secs() < 5,
            "the stream goes on after the revocation"
        );
    }
    vault.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_decides_and_the_app_collects_exactly_what_was_granted() -> Result<()> {
    let vault = Vault::open(1).await?;
    let client = tests::client();
    vault
        .owner
        .store_key("openai", "sk-real-openai-0123456789")
        .await?;
    let handle = vault
        .owner
        .api(Method::POST, "/handles", Some(json!({"label": "Test"})))
        .await?;
    let address = url::Url::parse(handle.body["url"].as_str().unwrap_or_default())?
        .username()
        .to_owned();
    let asked = json!([detail(
        "openai",
        &["gpt-4o-mini", "gpt-4o"],
        &json!({"monthly_spend": 4})
    )]);
    let pending = vault.owner.ask(&address, asked, 0).await?;
    ensure!(pending.status == StatusCode::ACCEPTED, "{pending:?}");

    let inbox = vault.owner.api(Method::GET, "/requests", None).await?;
    let request = inbox.body["items"][0]["id"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let narrowed = json!({"authorization_details": [
        {"type": "ai_model_access", "provider": "openai", "models": ["gpt-4o-mini"], "limits": {"monthly_spend": 1.5}}]});
    let approved = vault
        .owner
        .api(
            Method::POST,
            &format!("/requests/{request}/approve"),
            Some(narrowed),
        )
        .await?;
    ensure!(approved.status == StatusCode::OK, "{approved:?}");

    let collect = || async {
        let answer = client
            .get(pending.body["poll_url"].as_str().unwrap_or_default())
            .bearer_auth(pending.body["poll_secret"].as_str().unwrap_or_default())
            .send()
            .await?;
        Ok::<_, anyhow::Error>((
            answer.status(),
            answer.json::<Value>().await.unwrap_or_default(),
        ))
    };
    let granted = until("the answer", || async {
        let (status, body) = collect().await?;
        Ok((status == StatusCode::OK).then_some(body))
    })
    .await?;
    ensure!(
        granted["authorization_details"][0]["models"] == json!(["gpt-4o-mini"]),
        "{granted}"
    );
    ensure!(
        granted["authorization_details"][0]["limits"]["monthly_spend"] == json!(1.5),
        "{granted}"
    );
    let (again, _) = collect().await?;
    ensure!(again == StatusCode::GONE, "a token goes out once: {again}");

    let token = granted["token"].as_str().unwrap_or_default();
    let ask = |model: &str| {
        let body = json!({"model": model, "max_tokens": 5, "messages": [{"role": "user", "content": "Hello"}]});
        client
            .post(format!("{}/v1/openai/chat/completions", vault.url))
            .bearer_auth(token)
            .json(&body)
            .send()
    };
    ensure!(ask("gpt-4o-mini").await?.status() == StatusCode::OK);
    let refused = ask("gpt-4o").await?;
    ensure!(refused.status() == StatusCode::FORBIDDEN, "{refused:?}");
    let grant: Value = client
        .get(format!("{}/v1/grant", vault.url))
        .bearer_auth(token)
        .send()
        .await?
        .json()
        .await?;
    ensure!(
        grant["authorization_details"] == granted["authorization_details"],
        "one value everywhere: {grant}"
    );
    vault.close().await
}
