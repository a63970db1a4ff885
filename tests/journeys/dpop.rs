//! Tokens that are bound to a key: of no use to who has the token and not the key (RFC 9449).

use anyhow::{Context, Result, ensure};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tests::{Prover, Vault};

use crate::{call, detail};

const CALLBACK: &str = "https://recipes.test/callback";
/// The example of RFC 7636 appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const CHAT: &str = "/v1/openai/chat/completions";

/// An app with a token that is bound to its key, in a vault with two proxies.
struct Connected {
    vault: Vault,
    http: Client,
    app: String,
    prover: Prover,
    answer: Value,
}

impl Connected {
    async fn open() -> Result<Self> {
        let vault = Vault::open(2).await?;
        let (http, prover) = (tests::client(), Prover::new()?);
        vault
            .owner
            .store_key("openai", "sk-real-openai-0123456789")
            .await?;
        let app = json!({"name": "Recipes", "redirect_uris": [CALLBACK], "grant_types": ["authorization_code", "refresh_token"]});
        let app = vault.owner.api(Method::POST, "/apps", Some(app)).await?;
        let app = app.body["client_id"].as_str().context("an app")?.to_owned();
        let code = code(&vault, &http, &app).await?;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("code_verifier", VERIFIER),
            ("client_id", &app),
            ("redirect_uri", CALLBACK),
        ];
        let answer = token(&vault, &http, &prover, &form).await?;
        ensure!(answer["token_type"] == "DPoP", "{answer}");
        Ok(Self {
            vault,
            http,
            app,
            prover,
            answer,
        })
    }

    fn token(&self) -> &str {
        self.answer["access_token"].as_str().unwrap_or_default()
    }

    /// A proof for a call at this path, as the app knows its address.
    fn proof(&self, path: &str) -> Result<String> {
        let url = format!("{}{path}", self.vault.url);
        self.prover.proof("POST", &url, Some(self.token()))
    }

    /// A chat call at a proxy with this proof.
    async fn chat(&self, proxy: &str, proof: &str) -> Result<Response> {
        let request = chat(&self.http, proxy).header("dpop", proof);
        let scheme = format!("DPoP {}", self.token());
        Ok(request.header("authorization", scheme).send().await?)
    }
}

fn chat(http: &Client, proxy: &str) -> RequestBuilder {
    http.post(format!("{proxy}{CHAT}")).json(
        &json!({"model": "gpt-4o-mini", "max_tokens": 50, "messages": [{"role": "user", "content": "Hello"}]}),
    )
}

/// A code for a chat at OpenAI, approved by the owner.
async fn code(vault: &Vault, http: &Client, app: &str) -> Result<String> {
    let wanted = json!([detail("openai", &[], &json!({"monthly_spend": 5}))]).to_string();
    let query = [
        ("response_type", "code"),
        ("client_id", app),
        ("redirect_uri", CALLBACK),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("authorization_details", &wanted),
    ];
    let asked = http
        .get(format!("{}/oauth/authorize", vault.url))
        .query(&query)
        .header("cookie", vault.cookie(&vault.owner).await?)
        .header("sec-fetch-site", "same-origin");
    let asked = asked.send().await?;
    let page = asked
        .headers()
        .get("location")
        .context("a page")?
        .to_str()?;
    let id = page.rsplit('/').next().unwrap_or_default();
    let path = format!("/requests/{id}/approve");
    let approved = vault
        .owner
        .api(Method::POST, &path, Some(json!({})))
        .await?;
    let back = approved.body["redirect_to"]
        .as_str()
        .context("a way back")?;
    let back = url::Url::parse(back)?;
    let code = back.query_pairs().find(|(name, _)| name == "code");
    Ok(code.context("a code")?.1.into_owned())
}

/// What the token endpoint answers to a form with a proof.
async fn token(
    vault: &Vault,
    http: &Client,
    prover: &Prover,
    form: &[(&str, &str)],
) -> Result<Value> {
    let endpoint = format!("{}/oauth/token", vault.url);
    let proof = prover.proof("POST", &endpoint, None)?;
    let asked = http.post(endpoint).form(form).header("dpop", proof);
    Ok(asked.send().await?.json().await?)
}

/// A 401 in the provider's shape, with a challenge that begins so.
async fn refused(response: Response, challenge: &str) -> Result<()> {
    let status = response.status();
    let told = response.headers().get("www-authenticate");
    let told = told.context("a challenge")?.to_str()?.to_owned();
    let body: Value = response.json().await?;
    ensure!(status == StatusCode::UNAUTHORIZED, "{status} {body}");
    ensure!(body["error"]["type"] == "token_invalid", "{body}");
    ensure!(told.starts_with(challenge), "{told}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_bound_to_a_key_works_with_the_key_on_every_proxy() -> Result<()> {
    let app = Connected::open().await?;
    for proxy in &app.vault.proxies {
        let answer = app.chat(proxy, &app.proof(CHAT)?).await?;
        ensure!(answer.status() == StatusCode::OK, "{answer:?}");
    }
    let grant = format!("{}/v1/grant", app.vault.url);
    let proof = app.prover.proof("GET", &grant, Some(app.token()))?;
    let with = |proof: &str| {
        let scheme = format!("DPoP {}", app.token());
        let request = app.http.get(&grant).header("authorization", scheme);
        request.header("dpop", proof.to_owned()).send()
    };
    ensure!(
        with(&proof).await?.status() == StatusCode::OK,
        "its own grant"
    );
    refused(with(&proof).await?, "DPoP error=\"invalid_dpop_proof\"").await?;
    let bearer = app.http.get(&grant).bearer_auth(app.token()).send();
    refused(bearer.await?, "DPoP error=\"invalid_token\"").await?;
    app.vault.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_stolen_is_of_no_use_without_its_key() -> Result<()> {
    let app = Connected::open().await?;
    let (url, stolen) = (app.vault.url.as_str(), app.token());
    let as_bearer = [
        chat(&app.http, url).bearer_auth(stolen),
        chat(&app.http, url).header("x-api-key", stolen),
        chat(&app.http, url).header("x-goog-api-key", stolen),
        chat(&app.http, url).query(&[("key", stolen)]),
        // A proof beside it changes nothing: the scheme says what is claimed.
        chat(&app.http, url)
            .bearer_auth(stolen)
            .header("dpop", app.proof(CHAT)?),
    ];
    for request in as_bearer {
        refused(request.send().await?, "DPoP error=\"invalid_token\"").await?;
    }
    let thief = Prover::new()?;
    let at = format!("{url}{CHAT}");
    let by_thief = thief.proof("POST", &at, Some(stolen))?;
    refused(
        app.chat(url, &by_thief).await?,
        "DPoP error=\"invalid_token\"",
    )
    .await?;
    let no_proof = chat(&app.http, url).header("authorization", format!("DPoP {stolen}"));
    let invalid = "DPoP error=\"invalid_dpop_proof\"";
    refused(no_proof.send().await?, invalid).await?;
    let other_token = app.prover.proof("POST", &at, Some("okap_OTHER"))?;
    let elsewhere = format!("{}{CHAT}", app.vault.proxies[1]);
    let proofs = [
        app.prover.proof("GET", &at, Some(stolen))?,
        // The proxy's own address is not the one that apps know.
        app.prover.proof("POST", &elsewhere, Some(stolen))?,
        app.proof("/v1/openai/responses")?,
        app.prover.proof("POST", &at, None)?,
        other_token,
    ];
    for proof in proofs {
        refused(app.chat(&app.vault.proxies[1], &proof).await?, invalid).await?;
    }
    ensure!(
        app.vault.calls_at_provider() == 0,
        "nothing reached a provider"
    );
    app.vault.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_counts_once_over_all_proxies() -> Result<()> {
    let app = Connected::open().await?;
    let proof = app.proof(CHAT)?;
    let first = app.chat(&app.vault.proxies[0], &proof).await?;
    ensure!(first.status() == StatusCode::OK, "{first:?}");
    for proxy in app.vault.proxies.iter().rev() {
        let again = app.chat(proxy, &proof).await?;
        refused(again, "DPoP error=\"invalid_dpop_proof\"").await?;
    }
    app.vault.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_gives_nothing_to_another_key() -> Result<()> {
    let mut app = Connected::open().await?;
    let refresh = app.answer["refresh_token"]
        .as_str()
        .context("a refresh token")?;
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh),
        ("client_id", &app.app),
    ];
    let stolen = token(&app.vault, &app.http, &Prover::new()?, &form).await?;
    ensure!(stolen["error"] == "invalid_grant", "{stolen}");
    let next = token(&app.vault, &app.http, &app.prover, &form).await?;
    ensure!(next["token_type"] == "DPoP", "{next}");
    app.answer = next;
    let answer = app.chat(&app.vault.url, &app.proof(CHAT)?).await?;
    ensure!(answer.status() == StatusCode::OK, "{answer:?}");
    app.vault.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bearer_token_stays_one_and_every_401_says_where_tokens_are_given() -> Result<()> {
    let vault = Vault::open(1).await?;
    let (http, prover) = (tests::client(), Prover::new()?);
    vault
        .owner
        .store_key("openai", "sk-real-openai-0123456789")
        .await?;
    let (bearer, _) = vault
        .owner
        .token(json!([detail("openai", &[], &json!({}))]))
        .await?;
    let at = format!("{}{CHAT}", vault.url);
    let proof = prover.proof("POST", &at, Some(&bearer))?;
    let bound = chat(&http, &vault.url).header("authorization", format!("DPoP {bearer}"));
    let bound = bound.header("dpop", proof).send().await?;
    refused(bound, "DPoP error=\"invalid_token\"").await?;
    let answer = call(&http, &vault.url, &bearer, "openai", "Hello", false);
    ensure!(answer.send().await?.status() == StatusCode::OK, "as bearer");

    let none = chat(&http, &vault.url).send().await?;
    let told = none.headers().get("www-authenticate");
    let told = told.context("a challenge")?.to_str()?.to_owned();
    refused(none, "Bearer resource_metadata=").await?;
    let metadata = told.split('"').nth(1).context("an address")?;
    let resource: Value = http.get(metadata).send().await?.json().await?;
    let expected = json!(format!("{}/v1/openai", vault.url));
    ensure!(resource["resource"] == expected, "{resource}");
    vault.close().await
}
