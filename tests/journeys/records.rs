//! Totals agree, and every projection can be made anew from events.

use anyhow::{Context, Result, ensure};
use event_store::rebuild;
use postgres::{DatabaseSettings, Postgres, Scope};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::Vault;

use crate::{call, detail, model, usage_of};

const PROVIDERS: [&str; 3] = ["openai", "anthropic", "google"];

async fn some_calls(vault: &Vault) -> Result<u64> {
    let client = tests::client();
    let mut details = Vec::new();
    for provider in PROVIDERS {
        vault
            .owner
            .store_key(provider, "sk-real-0123456789")
            .await?;
        details.push(detail(provider, &[model(provider)], &json!({})));
    }
    let (token, _) = vault.owner.token(Value::Array(details)).await?;
    let mut calls = 0;
    for provider in PROVIDERS {
        for (prompt, stream) in [
            ("One", false),
            ("Two, longer", true),
            (r#"[[sim {"output_tokens": 77}]]"#, true),
        ] {
            let answer = call(&client, &vault.url, &token, provider, prompt, stream)
                .send()
                .await?;
            ensure!(answer.status() == StatusCode::OK, "{provider}: {answer:?}");
            answer.bytes().await?;
            calls += 1;
        }
    }
    Ok(calls)
}

#[tokio::test(flavor = "multi_thread")]
async fn page_api_export_and_ledger_show_the_same_sum() -> Result<()> {
    let vault = Vault::open(1).await?;
    let calls = some_calls(&vault).await?;
    let usage = usage_of(&vault, calls).await?;
    let total: money::Nanodollars = usage["total"]["cost"].as_str().context("a cost")?.parse()?;
    ensure!(total > money::Nanodollars::ZERO);

    let month = clock::month_of(clock::Clock::system().now())
        .strftime("%Y-%m")
        .to_string();
    let manifest = vault
        .owner
        .api(
            Method::GET,
            &format!("/exports/usage/manifest?period={month}"),
            None,
        )
        .await?;
    ensure!(
        manifest.body["rows"].as_u64() == Some(calls),
        "{manifest:?}"
    );
    let exported: money::Nanodollars = manifest.body["sum"].as_str().context("a sum")?.parse()?;
    ensure!(
        exported == total,
        "the export says {exported}, the API {total}"
    );

    let look = vault.look().await?;
    let ledger = look
        .query_one(
            "SELECT sum((payload->>'cost')::numeric)::text FROM store.call_events",
            &[],
        )
        .await?;
    let ledger: money::Nanodollars = ledger.get::<_, &str>(0).parse()?;
    ensure!(ledger == total, "the ledger says {ledger}, the API {total}");
    let tokens: u64 = vault
        .simulator
        .log()
        .iter()
        .filter_map(|entry| entry["output_tokens"].as_u64())
        .sum();
    ensure!(
        usage["total"]["output_tokens"].as_u64() == Some(tokens),
        "the provider counted {tokens}"
    );
    vault.close().await
}

/// All rows of a table as text, in an order of their own.
async fn rows(look: &tokio_postgres::Client, table: &str) -> Result<Vec<String>> {
    let sql = format!("SELECT t::text FROM {table} t ORDER BY 1");
    Ok(look
        .query(&sql, &[])
        .await?
        .iter()
        .map(|row| row.get(0))
        .collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_projection_can_be_made_anew_from_events() -> Result<()> {
    const INLINE: [&str; 6] = [
        "auth.organizations",
        "auth.users",
        "consent.provider_keys",
        "consent.apps",
        "consent.access_requests",
        "consent.grants",
    ];
    const FOLLOWED: [&str; 2] = ["billing.usage", "billing.usage_by_day"];
    let vault = Vault::open(1).await?;
    let calls = some_calls(&vault).await?;
    let app = json!({"name": "App", "redirect_uris": ["https://app.test/cb"]});
    let registered = vault.owner.api(Method::POST, "/apps", Some(app)).await?;
    ensure!(registered.status == StatusCode::CREATED, "{registered:?}");
    usage_of(&vault, calls).await?;

    let look = vault.look().await?;
    let mut before = Vec::new();
    for table in INLINE.iter().chain(&FOLLOWED) {
        let rows = rows(&look, table).await?;
        ensure!(!rows.is_empty(), "{table} is empty");
        before.push(rows);
    }
    let tenant = vault.owner.tenant.context("a tenant")?;
    for role in ["auth", "consent"] {
        let postgres = Postgres::connect(&DatabaseSettings {
            url: vault.role_url(role),
            connections: 2,
        })?;
        let tx = postgres.begin("rebuild", Scope::Tenant(tenant)).await?;
        match role {
            "auth" => rebuild(&tx, tenant, &auth::Projections).await?,
            _ => rebuild(&tx, tenant, &consent::projections::Projections).await?,
        };
        tx.commit().await?;
    }
    let postgres = Postgres::connect(&DatabaseSettings {
        url: vault.role_url("billing"),
        connections: 2,
    })?;
    billing::usage::Usage::new(postgres).rebuild_all().await?;

    for (table, before) in INLINE.iter().chain(&FOLLOWED).zip(before) {
        ensure!(
            rows(&look, table).await? == before,
            "{table} is not what its events say"
        );
    }
    vault.close().await
}
