//! The HTTP client that asks identity providers: bounded in time and size, follows no redirects,
//! and connects to nothing inside.

use std::{error::Error, future::Future, io, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse, http};
use reqwest::{
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::Policy,
};
use url::Url;

use super::{AddressRefusal, Reach};

/// More than any discovery document, key set or token answer holds.
const LARGEST_BODY: usize = 64 * 1024;
const CONNECT: Duration = Duration::from_secs(3);
const WHOLE_ANSWER: Duration = Duration::from_secs(10);

/// Asks identity providers. Cheap to clone.
#[derive(Clone)]
pub struct Fetch {
    client: reqwest::Client,
    reach: Reach,
}

/// Why an identity provider gave no answer that could be used.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The address is not one we ask.
    #[error(transparent)]
    Address(#[from] AddressRefusal),
    /// The request could not be put together.
    #[error("the request is not valid")]
    Request,
    /// No answer, or it broke off.
    #[error("the identity provider did not answer")]
    Unreachable(#[source] reqwest::Error),
    /// The answer never ends, or should have long ago.
    #[error("the identity provider's answer has more than 64 KiB")]
    TooLarge,
}

impl Fetch {
    /// A client that reaches this far.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(reach: Reach) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(WHOLE_ANSWER)
            .redirect(Policy::none())
            // A proxy would resolve names by itself, past the check below.
            .no_proxy()
            .dns_resolver(Arc::new(CheckedNames(reach)))
            .user_agent("latchkey-auth")
            .build()?;
        Ok(Self { client, reach })
    }

    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, FetchError> {
        let url = Url::parse(&request.uri().to_string()).map_err(|_| FetchError::Request)?;
        // A resolver is not asked about addresses that are written out, so these are checked here.
        self.reach.check(&url)?;
        let request = reqwest::Request::try_from(request).map_err(|_| FetchError::Request)?;
        let mut answer = self
            .client
            .execute(request)
            .await
            .map_err(FetchError::Unreachable)?;
        let mut response = http::Response::builder().status(answer.status());
        if let Some(headers) = response.headers_mut() {
            headers.clone_from(answer.headers());
        }
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(FetchError::Unreachable)? {
            if body.len() + piece.len() > LARGEST_BODY {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&piece);
        }
        response.body(body).map_err(|_| FetchError::Request)
    }
}

impl<'c> AsyncHttpClient<'c> for Fetch {
    type Error = FetchError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, FetchError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.ask(request))
    }
}

/// Resolves names and keeps only addresses that may be connected to. The connection goes to the
/// very address that was checked.
struct CheckedNames(Reach);

impl Resolve for CheckedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> =
                found.filter(|address| reach.allows(address.ip())).collect();
            if allowed.is_empty() {
                let refused: Box<dyn Error + Send + Sync> =
                    io::Error::other(AddressRefusal::Internal).into();
                return Err(refused);
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn resolves(reach: Reach, name: &str) -> bool {
        CheckedNames(reach)
            .resolve(name.parse().unwrap())
            .await
            .is_ok()
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_does_not_resolve() {
        assert!(!resolves(Reach::Internet, "localhost").await);
        assert!(resolves(Reach::InternetAndThisMachine, "localhost").await);
        // Names that are numbers, in the spellings that resolvers take.
        for name in ["127.0.0.1", "127.1", "10.0.0.1", "169.254.169.254"] {
            assert!(!resolves(Reach::Internet, name).await, "{name}");
        }
    }
}
