//! Tokens made from tokens: what children spend is their parent's, and they end with it.

use anyhow::{Result, ensure};
use futures_util::{StreamExt, future::join_all};
use money::Nanodollars;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::Vault;

use crate::{call, detail, until, usage_of};

/// Exchanges a token for a child's, of less if `details` say so.
async fn child(vault: &Vault, token: &str, details: Option<Value>) -> Result<String> {
    let mut form = vec![
        (
            "grant_type",
            "urn:ietf:params:oauth:grant-type:token-exchange".to_owned(),
        ),
        ("subject_token", token.to_owned()),
        (
            "subject_token_type",
            "urn:ietf:params:oauth:token-type:access_token".to_owned(),
        ),
    ];
    form.extend(details.map(|details| ("authorization_details", details.to_string())));
    let url = format!("{}/oauth/token", vault.url);
    let answer = tests::client().post(url).form(&form).send().await?;
    let status = answer.status();
    let body: Value = answer.json().await?;
    ensure!(status == StatusCode::OK, "{body}");
    Ok(body["access_token"].as_str().unwrap_or_default().to_owned())
}

/// One member of how a grant's monthly spend limit stands, as its owner sees it.
async fn month(vault: &Vault, grant: &str, member: &str) -> Result<Nanodollars> {
    let path = format!("/grants/{grant}");
    let answer = vault.owner.api(Method::GET, &path, None).await?;
    let limits = answer.body["limits"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let month = limits.iter().find(|limit| limit["name"] == "monthly_spend");
    let month = month.ok_or_else(|| anyhow::anyhow!("{:?}", answer.body))?;
    Ok(month[member].as_str().unwrap_or_default().parse()?)
}

async fn children_of(vault: &Vault, parent: &str) -> Result<Vec<String>> {
    let answer = vault.owner.api(Method::GET, "/grants", None).await?;
    let items = answer.body["items"].as_array().cloned().unwrap_or_default();
    let of_parent = items.iter().filter(|grant| grant["parent"] == parent);
    Ok(of_parent
        .filter_map(|grant| grant["id"].as_str().map(str::to_owned))
        .collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn three_children_never_spend_more_than_their_parent_has() -> Result<()> {
    let vault = Vault::open(2).await?;
    vault
        .owner
        .store_key("openai", "sk-real-openai-0123456789")
        .await?;
    // A call costs at most some $0.0001 and really some $0.0000075: the hold decides who may begin.
    let limit = json!({"monthly_spend": 0.001, "requests_per_minute": 1_000});
    let granted = json!([detail("openai", &[], &limit)]);
    let (parent, grant) = vault.owner.token(granted).await?;
    let mut tokens = vec![parent.clone()];
    for _ in 0..3 {
        tokens.push(child(&vault, &parent, None).await?);
    }
    let client = tests::client();
    // One of each child first: in the rush the parent's own may be quicker, and take it all.
    for (n, token) in tokens.iter().skip(1).enumerate() {
        let proxy = &vault.proxies[n % 2];
        let answer = call(&client, proxy, token, "openai", "Hello", false).send();
        answer.await?.error_for_status()?.bytes().await?;
    }
    let calls = (0..240).map(|n| {
        let (proxy, token) = (&vault.proxies[n % 2], &tokens[n / 2 % 4]);
        call(&client, proxy, token, "openai", "Hello", n % 3 == 0).send()
    });
    let mut spending = 3;
    for answer in join_all(calls).await {
        let answer = answer?;
        match answer.status() {
            StatusCode::OK => spending += 1,
            status => ensure!(status == StatusCode::PAYMENT_REQUIRED, "{status}"),
        }
        answer.bytes().await?;
    }
    ensure!((4..243).contains(&spending), "{spending}");
    let reached = vault.calls_at_provider();
    ensure!(reached == spending, "{reached} of {spending}");
    // Every call is one record, and the parent's spend is the sum of all.
    let usage = usage_of(&vault, spending as u64).await?;
    let cost: Nanodollars = usage["total"]["cost"]
        .as_str()
        .unwrap_or_default()
        .parse()?;
    let nothing_held = || async {
        Ok((month(&vault, &grant, "reserved").await? == Nanodollars::ZERO).then_some(()))
    };
    until("all calls are settled", nothing_held).await?;
    let spent = month(&vault, &grant, "spent").await?;
    ensure!(spent == cost, "{spent} counted, {cost} booked");
    ensure!(spent <= "0.001".parse()?, "{spent}");
    let mut of_children = Nanodollars::ZERO;
    for child in children_of(&vault, &grant).await? {
        let spent = month(&vault, &child, "spent").await?;
        of_children = of_children.checked_add(spent).unwrap_or(spent);
        let left = month(&vault, &child, "remaining").await?;
        ensure!(left == month(&vault, &grant, "remaining").await?, "{left}");
    }
    ensure!(of_children <= spent && of_children > Nanodollars::ZERO);
    vault.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_childs_calls_are_refused_and_its_streams_cut_when_its_parent_is_revoked() -> Result<()> {
    let vault = Vault::open(2).await?;
    vault
        .owner
        .store_key("openai", "sk-real-openai-0123456789")
        .await?;
    let granted = json!([detail("openai", &[], &json!({"monthly_spend": 1}))]);
    let (parent, grant) = vault.owner.token(granted).await?;
    let less = json!([detail(
        "openai",
        &["gpt-4o-mini"],
        &json!({"monthly_spend": 0.5})
    )]);
    let token = child(&vault, &parent, Some(less)).await?;
    let client = tests::client();
    let other = call(&client, &vault.url, &token, "openai", "Hello", false);
    let more = other.json(&json!({"model": "gpt-4o", "max_tokens": 100, "messages": []}));
    ensure!(more.send().await?.status() == StatusCode::FORBIDDEN);

    // An answer that takes longer than this test.
    let slow = r#"[[sim {"chunk_delay_ms": 200, "chunks": 500}]]"#;
    let mut streams = Vec::new();
    for proxy in &vault.proxies {
        let stream = call(&client, proxy, &token, "openai", slow, true).send();
        let mut stream = stream.await?.bytes_stream();
        ensure!(stream.next().await.is_some());
        streams.push(stream);
    }
    let path = format!("/grants/{grant}/revoke");
    let revoked = vault.owner.api(Method::POST, &path, None).await?;
    ensure!(revoked.status == StatusCode::NO_CONTENT, "{revoked:?}");
    for proxy in &vault.proxies {
        let refused = call(&client, proxy, &token, "openai", "Hello", false);
        let refused = refused.send().await?;
        ensure!(refused.status() == StatusCode::UNAUTHORIZED);
        let told: Value = refused.json().await?;
        ensure!(told["error"]["type"] == "token_revoked", "{told}");
    }
    let cut = tokio::time::timeout(std::time::Duration::from_secs(5), async {
        for mut stream in streams {
            while let Some(Ok(_)) = stream.next().await {}
        }
    });
    ensure!(cut.await.is_ok(), "the streams run on");
    vault.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lower_limit_of_the_parent_reaches_a_child_on_every_proxy() -> Result<()> {
    let vault = Vault::open(2).await?;
    vault
        .owner
        .store_key("openai", "sk-real-openai-0123456789")
        .await?;
    let granted = json!([detail("openai", &[], &json!({"monthly_spend": 1}))]);
    let (parent, grant) = vault.owner.token(granted).await?;
    let token = child(&vault, &parent, None).await?;
    let client = tests::client();
    for proxy in &vault.proxies {
        let answer = call(&client, proxy, &token, "openai", "Hello", false);
        ensure!(answer.send().await?.status() == StatusCode::OK);
    }
    let lower = json!({"authorization_details": [{"type": "ai_model_access", "provider": "openai",
                       "limits": {"monthly_spend": 0.000_02, "daily_spend": 0.000_02}}]});
    let path = format!("/grants/{grant}");
    let changed = vault.owner.api(Method::PATCH, &path, Some(lower)).await?;
    ensure!(changed.status == StatusCode::NO_CONTENT, "{changed:?}");
    for proxy in &vault.proxies {
        let refused = || async {
            let answer = call(&client, proxy, &token, "openai", "Hello", false);
            let status = answer.send().await?.status();
            Ok((status == StatusCode::PAYMENT_REQUIRED).then_some(()))
        };
        until("the child obeys", refused).await?;
        let known = client.get(format!("{proxy}/v1/grant")).bearer_auth(&token);
        let known: Value = known.send().await?.json().await?;
        ensure!(known["parent"] == json!(grant), "{known}");
    }
    vault.close().await
}
