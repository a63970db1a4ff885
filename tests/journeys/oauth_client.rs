//! An app on a server, written with the published `oauth2` crate, from asking to giving back.

use anyhow::{Context, Result, ensure};
use oauth2::{
    AccessToken, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken,
    DeviceAuthorizationUrl, EndpointSet, HttpRequest, HttpResponse, IntrospectionUrl,
    PkceCodeChallenge, RedirectUrl, RevocationUrl, StandardDeviceAuthorizationResponse,
    StandardRevocableToken, TokenIntrospectionResponse, TokenResponse, TokenUrl,
    basic::BasicClient,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::{Browser, Vault};

const CALLBACK: &str = "https://recipes.test/callback";
const WANTED: &str =
    r#"[{"type":"ai_model_access","provider":"sandbox","models":["sandbox-echo"]}]"#;

type App = BasicClient<EndpointSet, EndpointSet, EndpointSet, EndpointSet, EndpointSet>;

/// How the crate's requests go out: as over a TLS that ends in front of the vault, because the
/// crate gives tokens back to `https` addresses only.
async fn over_tls(request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
    let (head, body) = request.into_parts();
    let address = head.uri.to_string().replacen("https://", "http://", 1);
    let mut sent = tests::client().request(head.method, address);
    sent = sent.headers(head.headers).body(body);
    let answer = sent.send().await?;
    let mut response = HttpResponse::new(Vec::new());
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers().clone();
    *response.body_mut() = answer.bytes().await?.to_vec();
    Ok(response)
}

/// Registers an app with a secret, and sets the crate up from the vault's metadata.
async fn app(vault: &Vault) -> Result<App> {
    let wanted = json!({"name": "Recipes", "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
        "token_endpoint_auth_method": "client_secret_basic"});
    let made = vault.owner.api(Method::POST, "/apps", Some(wanted)).await?;
    ensure!(made.status == StatusCode::CREATED, "{made:?}");
    let address = format!("{}/.well-known/oauth-authorization-server", vault.url);
    let metadata: Value = tests::client().get(address).send().await?.json().await?;
    let told = |name: &str| metadata[name].as_str().unwrap_or_default().to_owned();
    let revocation = told("revocation_endpoint").replacen("http://", "https://", 1);
    let text = |name: &str| made.body[name].as_str().unwrap_or_default().to_owned();
    Ok(BasicClient::new(ClientId::new(text("client_id")))
        .set_client_secret(ClientSecret::new(text("client_secret")))
        .set_redirect_uri(RedirectUrl::new(CALLBACK.to_owned())?)
        .set_auth_uri(AuthUrl::new(told("authorization_endpoint"))?)
        .set_device_authorization_url(DeviceAuthorizationUrl::new(told(
            "device_authorization_endpoint",
        ))?)
        .set_introspection_url(IntrospectionUrl::new(told("introspection_endpoint"))?)
        .set_revocation_url(RevocationUrl::new(revocation)?)
        .set_token_uri(TokenUrl::new(told("token_endpoint"))?))
}

/// The person approves the request that this page shows; tells where the browser goes then.
async fn approve(vault: &Vault, page: &str) -> Result<Option<String>> {
    let path = format!("{page}/approve");
    let approved = vault
        .owner
        .api(Method::POST, &path, Some(json!({})))
        .await?;
    ensure!(approved.status == StatusCode::OK, "{approved:?}");
    Ok(approved.body["redirect_to"].as_str().map(str::to_owned))
}

async fn calls(vault: &Vault, token: &AccessToken) -> Result<StatusCode> {
    let body = json!({"model": "sandbox-echo", "messages": [{"role": "user", "content": "Hello"}]});
    let answer = tests::client()
        .post(format!("{}/v1/sandbox/chat/completions", vault.url))
        .bearer_auth(token.secret())
        .json(&body);
    Ok(answer.send().await?.status())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_becomes_a_token_that_is_renewed_looked_up_and_given_back() -> Result<()> {
    let vault = Vault::open(1).await?;
    let (app, browser) = (app(&vault).await?, vault.owner.browser().await?);
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (url, state) = app
        .authorize_url(CsrfToken::new_random)
        .add_extra_param("authorization_details", WANTED)
        .set_pkce_challenge(challenge)
        .url();
    let page = browser.follow(url.as_str()).await?;
    let back = approve(&vault, &page).await?.context("a way back")?;
    let back = url::Url::parse(&back)?;
    let query = |name: &str| {
        let found = back.query_pairs().find(|(key, _)| key == name);
        found
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default()
    };
    ensure!(back.as_str().starts_with(CALLBACK) && query("state") == *state.secret());
    ensure!(query("iss") == vault.url, "{back}");
    let first = app
        .exchange_code(AuthorizationCode::new(query("code")))
        .set_pkce_verifier(verifier)
        .request_async(&over_tls)
        .await?;
    ensure!(calls(&vault, first.access_token()).await? == StatusCode::OK);

    let renewal = first.refresh_token().context("a refresh token")?;
    let second = app
        .exchange_refresh_token(renewal)
        .request_async(&over_tls)
        .await?;
    let token = second.access_token();
    ensure!(token.secret() != first.access_token().secret());
    ensure!(calls(&vault, token).await? == StatusCode::OK);

    let known = app.introspect(token).request_async(&over_tls).await?;
    ensure!(known.active() && known.client_id() == Some(app.client_id()));
    let returned = StandardRevocableToken::AccessToken(token.clone());
    app.revoke_token(returned)?.request_async(&over_tls).await?;
    let known = app.introspect(token).request_async(&over_tls).await?;
    ensure!(!known.active());
    ensure!(calls(&vault, token).await? == StatusCode::UNAUTHORIZED);
    vault.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_waits_for_its_person() -> Result<()> {
    let vault = Vault::open(1).await?;
    let (app, browser) = (app(&vault).await?, vault.owner.browser().await?);
    let asked: StandardDeviceAuthorizationResponse = app
        .exchange_device_code()
        .add_extra_param("authorization_details", WANTED)
        .request_async(&over_tls)
        .await?;
    enter(&vault, &browser, asked.user_code().secret()).await?;
    let token = app
        .exchange_device_access_token(&asked)
        .request_async(&over_tls, tokio::time::sleep, None)
        .await?;
    ensure!(calls(&vault, token.access_token()).await? == StatusCode::OK);
    vault.close().await
}

/// The person enters a device's code and approves what it asks for.
async fn enter(vault: &Vault, browser: &Browser, code: &str) -> Result<()> {
    let page = browser.send("/device", &[("user_code", code)]).await?;
    let page = page.split('?').next().unwrap_or_default();
    approve(vault, page).await?;
    Ok(())
}
