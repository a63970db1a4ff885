//! What a person does through the management API, and an app through the doors.

use anyhow::{Result, ensure};
use ids::{TenantId, UserId};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use crate::browser::Browser;

/// The owner of an organization, with an API token.
pub struct Owner {
    /// The organization.
    pub tenant: Option<TenantId>,
    /// The person.
    pub user: Option<UserId>,
    url: String,
    token: String,
    sign_in_url: String,
    client: Client,
}

/// An answer: its status and its JSON, `null` where there is none.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The body.
    pub body: Value,
}

impl Owner {
    pub(crate) fn nobody(url: &str) -> Self {
        Self {
            tenant: None,
            user: None,
            url: url.to_owned(),
            token: String::new(),
            sign_in_url: String::new(),
            client: client(),
        }
    }

    pub(crate) fn new(url: &str, made: auth::provision::Provisioned) -> Self {
        Self {
            tenant: Some(made.tenant),
            user: Some(made.user),
            url: url.to_owned(),
            token: made.owner_token.unwrap_or_default(),
            sign_in_url: made.sign_in_url,
            client: client(),
        }
    }

    /// Signs in with the one-time link.
    ///
    /// # Errors
    /// When the link was used before.
    pub async fn browser(&self) -> Result<Browser> {
        Browser::sign_in(&self.url, &self.sign_in_url).await
    }

    /// Calls the management API.
    ///
    /// # Errors
    /// When the vault does not answer.
    pub async fn api(&self, method: Method, path: &str, body: Option<Value>) -> Result<Answer> {
        let mut request = self
            .client
            .request(method, format!("{}/api/v1{path}", self.url))
            .bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        answer(request).await
    }

    /// Stores a provider key; gives its id.
    ///
    /// # Errors
    /// When the vault refuses.
    pub async fn store_key(&self, provider: &str, secret: &str) -> Result<String> {
        let body = json!({"provider": provider, "name": "Main", "secret": secret});
        let answer = self.api(Method::POST, "/provider-keys", Some(body)).await?;
        ensure!(answer.status == StatusCode::CREATED, "{answer:?}");
        Ok(answer.body["id"].as_str().unwrap_or_default().to_owned())
    }

    /// Makes a connect ticket with a wide ceiling; gives it.
    ///
    /// # Errors
    /// When the vault refuses.
    pub async fn ticket(&self, providers: &[&str]) -> Result<String> {
        let ceiling = json!({"providers": providers, "capabilities": ["chat", "embeddings"], "monthly_spend": "1000",
            "requests_per_minute": 1_000_000, "requests_per_day": 100_000_000,
            "tokens_per_request": 100_000_000, "days": 30});
        let answer = self
            .api(
                Method::POST,
                "/connect-tickets",
                Some(json!({"label": "Test", "ceiling": ceiling})),
            )
            .await?;
        ensure!(answer.status == StatusCode::CREATED, "{answer:?}");
        let url = url::Url::parse(answer.body["url"].as_str().unwrap_or_default())?;
        Ok(url.username().to_owned())
    }

    /// Asks at `/okap/authorize` as an app that holds a ticket or a handle.
    ///
    /// # Errors
    /// When the vault does not answer.
    pub async fn ask(&self, address: &str, details: Value, wait: u8) -> Result<Answer> {
        let body = json!({"okap": "1.0", "client": {"name": "Test app"}, "authorization_details": details});
        let request = self.client.post(format!("{}/okap/authorize", self.url));
        answer(
            request
                .bearer_auth(address)
                .header("prefer", format!("wait={wait}"))
                .json(&body),
        )
        .await
    }

    /// A token for these details, through a ticket: no person needed. Gives token and grant id.
    ///
    /// # Errors
    /// When the vault refuses.
    pub async fn token(&self, details: Value) -> Result<(String, String)> {
        let providers: Vec<&str> = details
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|d| d["provider"].as_str())
            .collect();
        let ticket = self.ticket(&providers).await?;
        let answer = self.ask(&ticket, details.clone(), 0).await?;
        ensure!(answer.body["status"] == "granted", "{answer:?}");
        let grants = self.api(Method::GET, "/grants?limit=1", None).await?;
        let grant = grants.body["items"][0]["id"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        Ok((
            answer.body["token"].as_str().unwrap_or_default().to_owned(),
            grant,
        ))
    }
}

/// A client that follows no redirects and gives up after a while.
pub fn client() -> Client {
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(std::time::Duration::from_secs(60))
        .build()
        .unwrap_or_else(|_| unreachable!("the client has only plain settings"))
}

async fn answer(request: reqwest::RequestBuilder) -> Result<Answer> {
    let response = request.send().await?;
    let status = response.status();
    let text = response.text().await?;
    Ok(Answer {
        status,
        body: serde_json::from_str(&text).unwrap_or(Value::Null),
    })
}
