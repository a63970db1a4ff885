//! Limits hold over several proxies.

use anyhow::{Result, ensure};
use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tests::Vault;

use crate::{call, detail, usage_of};

/// 200 calls at once over two proxies; gives how many each status got.
async fn two_hundred(vault: &Vault, token: &str) -> Result<Vec<StatusCode>> {
    let client = tests::client();
    let calls = (0..200).map(|n| {
        call(
            &client,
            &vault.proxies[n % 2],
            token,
            "openai",
            "Hello",
            n % 3 == 0,
        )
        .send()
    });
    let mut statuses = Vec::new();
    for answer in join_all(calls).await {
        let answer = answer?;
        statuses.push(answer.status());
        answer.bytes().await?;
    }
    Ok(statuses)
}

fn count(statuses: &[StatusCode], wanted: StatusCode) -> usize {
    statuses.iter().filter(|status| **status == wanted).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_200_calls_with_room_for_10_at_most_10_reach_the_provider() -> Result<()> {
    let vault = Vault::open(2).await?;
    vault
        .owner
        .store_key("openai", "sk-real-openai-0123456789")
        .await?;
    for (limit, refusal) in [
        (
            json!({"requests_per_minute": 10}),
            StatusCode::TOO_MANY_REQUESTS,
        ),
        (
            json!({"requests_per_day": 10}),
            StatusCode::TOO_MANY_REQUESTS,
        ),
    ] {
        let before = vault.calls_at_provider();
        let (token, _) = vault
            .owner
            .token(json!([detail("openai", &[], &limit)]))
            .await?;
        let statuses = two_hundred(&vault, &token).await?;
        ensure!(
            count(&statuses, StatusCode::OK) == 10,
            "{limit}: {statuses:?}"
        );
        ensure!(count(&statuses, refusal) == 190, "{limit}: {statuses:?}");
        ensure!(vault.calls_at_provider() - before == 10, "{limit}");
    }
    vault.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn money_is_never_overspent_and_every_cent_is_accounted_for() -> Result<()> {
    let vault = Vault::open(2).await?;
    vault
        .owner
        .store_key("openai", "sk-real-openai-0123456789")
        .await?;
    // A call costs at most some $0.0001 and really some $0.0000075: the hold decides who may begin.
    for name in ["monthly_spend", "daily_spend"] {
        let (token, grant) = vault
            .owner
            .token(json!([detail("openai", &[], &json!({name: 0.001}))]))
            .await?;
        let statuses = two_hundred(&vault, &token).await?;
        ensure!(
            count(&statuses, StatusCode::OK) >= 1,
            "{name}: {statuses:?}"
        );
        let refused = count(&statuses, StatusCode::PAYMENT_REQUIRED);
        ensure!(
            refused >= 1 && refused + count(&statuses, StatusCode::OK) == 200,
            "{name}: {statuses:?}"
        );
        let standing = vault
            .owner
            .api(reqwest::Method::GET, &format!("/grants/{grant}"), None)
            .await?;
        let limits = standing.body["limits"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let of = |limit: &Value, member: &str| {
            limit[member]
                .as_str()
                .unwrap_or_default()
                .parse::<money::Nanodollars>()
        };
        let limit = limits
            .iter()
            .find(|limit| limit["name"] == name)
            .cloned()
            .unwrap_or_default();
        ensure!(of(&limit, "spent")? <= of(&limit, "limit")?, "{limit}");
    }
    let reached = vault.calls_at_provider() as u64;
    let usage = usage_of(&vault, reached).await?;
    ensure!(
        usage["total"]["calls"] == reached,
        "every call that reached the provider has one record"
    );
    vault.close().await
}
