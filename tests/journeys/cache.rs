//! Answers that are given again, from the policy to the record.

use anyhow::{Context, Result, ensure};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tests::Vault;
use tokio::time::Instant;

use crate::{call, detail, until, usage_of};

async fn policy(vault: &Vault, response_cache: &str) -> Result<()> {
    let path = "/policy";
    let mut policy = vault.owner.api(Method::GET, path, None).await?.body;
    let members = policy.as_object_mut().context("a policy")?;
    members.remove("changed_at");
    members.insert("response_cache".to_owned(), response_cache.into());
    let set = vault.owner.api(Method::PUT, path, Some(policy)).await?;
    ensure!(set.status == StatusCode::OK, "{set:?}");
    Ok(())
}

/// What the very same call is told of the cache at a proxy.
async fn told(client: &Client, proxy: &str, token: &str) -> Result<String> {
    let call = call(client, proxy, token, "openai", "Hello", false);
    let answer = call.header("x-okap-cache", "max-age=600").send().await?;
    ensure!(answer.status() == StatusCode::OK, "{answer:?}");
    let told = answer.headers().get("x-okap-cache").context("a word")?;
    let told = told.to_str()?.to_owned();
    answer.bytes().await?;
    Ok(told)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_given_again_for_nothing_until_the_policy_says_no() -> Result<()> {
    let vault = Vault::open(2).await?;
    let client = tests::client();
    let secret = "sk-real-openai-0123456789";
    vault.owner.store_key("openai", secret).await?;
    policy(&vault, "allowed").await?;
    let asked = json!([detail("openai", &[], &json!({}))]);
    let (token, _) = vault.owner.token(asked).await?;
    let [one, other] = [&vault.proxies[0], &vault.proxies[1]];
    for (proxy, expected) in [(one, "miss"), (one, "hit"), (other, "miss")] {
        let told = told(&client, proxy, &token).await?;
        ensure!(told == expected, "{told} and not {expected}");
    }
    usage_of(&vault, 3).await?;
    let calls = vault.owner.api(Method::GET, "/usage/calls", None).await?;
    let calls = calls.body["items"].as_array().context("calls")?.clone();
    let cached: Vec<&Value> = calls.iter().filter(|call| call["cached"] == true).collect();
    ensure!(
        calls.len() == 3 && cached.len() == 1 && cached[0]["cost"] == "0",
        "{calls:#?}"
    );

    let off = Instant::now();
    policy(&vault, "off").await?;
    for proxy in &vault.proxies {
        until("the policy to be heard", || async {
            let told = told(&client, proxy, &token).await?;
            Ok((told == "off").then_some(()))
        })
        .await?;
    }
    // Sooner than what is in memory is read again.
    ensure!(off.elapsed().as_secs() < 3, "it took {:?}", off.elapsed());
    vault.close().await
}
