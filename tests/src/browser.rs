//! A browser in which somebody is signed in, as far as a journey needs one.

use anyhow::{Context, Result, ensure};
use reqwest::{Client, RequestBuilder, header};

/// A signed-in browser. It follows no redirects: a journey looks at each.
pub struct Browser {
    url: String,
    cookie: String,
    client: Client,
}

impl Browser {
    pub(crate) async fn sign_in(url: &str, link: &str) -> Result<Self> {
        let client = crate::client();
        let answer = same_origin(client.post(link))
            .form(&[("next", "/inbox")])
            .send()
            .await?;
        let cookies = answer.headers().get_all(header::SET_COOKIE).iter();
        let pairs: Vec<String> = cookies
            .filter_map(|cookie| Some(cookie.to_str().ok()?.split(';').next()?.to_owned()))
            .collect();
        ensure!(!pairs.is_empty(), "not signed in: {}", answer.status());
        Ok(Self {
            url: url.to_owned(),
            cookie: pairs.join("; "),
            client,
        })
    }

    /// Goes to an address of the vault, and tells where that leads.
    ///
    /// # Errors
    /// When it leads nowhere.
    pub async fn follow(&self, address: &str) -> Result<String> {
        self.led(self.client.get(address)).await
    }

    /// Sends the form of a page with these fields, and tells where that leads.
    ///
    /// # Errors
    /// When the page has no form, or the form leads nowhere.
    pub async fn send(&self, path: &str, fields: &[(&str, &str)]) -> Result<String> {
        let address = format!("{}{path}", self.url);
        let page = self.signed_in(self.client.get(&address)).send().await?;
        let page = page.text().await?;
        let mark = r#"name="csrf" value=""#;
        let (_, rest) = page.split_once(mark).context("the page has no form")?;
        let (csrf, _) = rest.split_once('"').context("the form is whole")?;
        let fields: Vec<_> = fields.iter().copied().chain([("csrf", csrf)]).collect();
        self.led(self.client.post(&address).form(&fields)).await
    }

    async fn led(&self, request: RequestBuilder) -> Result<String> {
        let answer = self.signed_in(request).send().await?;
        let place = answer.headers().get(header::LOCATION);
        let place = place.with_context(|| format!("it leads nowhere: {}", answer.status()))?;
        Ok(place.to_str()?.to_owned())
    }

    fn signed_in(&self, request: RequestBuilder) -> RequestBuilder {
        same_origin(request).header(header::COOKIE, &self.cookie)
    }
}

fn same_origin(request: RequestBuilder) -> RequestBuilder {
    request
        .header(header::ACCEPT, "text/html")
        .header("sec-fetch-site", "same-origin")
}
