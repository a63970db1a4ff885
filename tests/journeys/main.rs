//! What people do, over all services for real.

mod cache;
mod calls;
mod children;
mod dpop;
mod limits;
mod oauth_client;
mod records;
mod tenants;

use std::time::Duration;

use anyhow::{Result, ensure};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tests::Vault;

/// One detail at one provider, as a test needs it.
fn detail(provider: &str, models: &[&str], limits: &Value) -> Value {
    json!({"type": "ai_model_access", "provider": provider, "models": models,
           "capabilities": ["chat", "embeddings"], "limits": limits})
}

/// A chat call at a provider, in that provider's own shape.
fn call(
    client: &Client,
    proxy: &str,
    token: &str,
    provider: &str,
    prompt: &str,
    stream: bool,
) -> RequestBuilder {
    let base = format!("{proxy}/v1/{provider}");
    match provider {
        "anthropic" => client
            .post(format!("{base}/v1/messages"))
            .header("x-api-key", token)
            .header("anthropic-version", "2023-06-01")
            .json(
                &json!({"model": "claude-haiku-4-5", "max_tokens": 100, "stream": stream,
                          "messages": [{"role": "user", "content": prompt}]}),
            ),
        "google" => {
            let action = if stream {
                "streamGenerateContent?alt=sse"
            } else {
                "generateContent"
            };
            client
                .post(format!("{base}/v1beta/models/gemini-2.5-flash:{action}"))
                .header("x-goog-api-key", token)
                .json(&json!({"contents": [{"parts": [{"text": prompt}]}],
                              "generationConfig": {"maxOutputTokens": 100}}))
        }
        _ => client
            .post(format!("{base}/chat/completions"))
            .bearer_auth(token)
            .json(
                &json!({"model": "gpt-4o-mini", "max_tokens": 100, "stream": stream,
                    "messages": [{"role": "user", "content": prompt}]}),
            ),
    }
}

/// The model that [`call`] names at a provider.
fn model(provider: &str) -> &'static str {
    match provider {
        "anthropic" => "claude-haiku-4-5",
        "google" => "gemini-2.5-flash",
        _ => "gpt-4o-mini",
    }
}

/// Looks again until `what` holds, for half a minute at most.
async fn until<T, F: Future<Output = Result<Option<T>>>>(
    what: &str,
    mut look: impl FnMut() -> F,
) -> Result<T> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        ensure!(
            tokio::time::Instant::now() < deadline,
            "{what} did not come about"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The owner's usage once it counts this many calls.
async fn usage_of(vault: &Vault, calls: u64) -> Result<Value> {
    until("the usage of all calls", || async {
        let usage = vault
            .owner
            .api(
                reqwest::Method::GET,
                &format!("/usage?{}&group_by=provider", this_month()),
                None,
            )
            .await?;
        ensure!(usage.status.is_success(), "{usage:?}");
        Ok((usage.body["total"]["calls"].as_u64() == Some(calls)).then_some(usage.body))
    })
    .await
}

/// The running UTC month as query parameters.
fn this_month() -> String {
    let now = clock::Clock::system().now();
    format!("from={}&to={}", clock::month_of(now), clock::day_of(now))
}
