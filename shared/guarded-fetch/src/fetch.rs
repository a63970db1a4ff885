//! The HTTP client for addresses that somebody outside typed: bounded in time and size, follows no
//! redirects, and connects to nothing inside.

use std::{error::Error, io, net::SocketAddr, sync::Arc, time::Duration};

use reqwest::{
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::Policy,
};
use url::Url;

use crate::reach::{AddressRefusal, Reach};

/// The longest that a connection may take to stand.
const CONNECT: Duration = Duration::from_secs(3);

/// Asks addresses within a reach. Cheap to clone.
#[derive(Clone)]
pub struct GuardedFetch {
    client: reqwest::Client,
    reach: Reach,
    bounds: Bounds,
}

/// The most that one answer may take.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// In bytes of its body; reading ends there.
    pub largest_body: usize,
    /// From the name's look-up to the body's last byte.
    pub whole_answer: Duration,
}

/// The client could not be set up: there is no TLS.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client cannot be set up")]
pub struct SetupError(#[from] reqwest::Error);

/// Why there is no answer that could be used.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The address is not one we ask.
    #[error(transparent)]
    Address(#[from] AddressRefusal),
    /// The request could not be put together.
    #[error("the request is not valid")]
    Request,
    /// No answer, none in time, or it broke off.
    #[error("there was no answer")]
    Unreachable(#[source] NoAnswer),
    /// The answer never ends, or should have long ago.
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
}

/// What went wrong on the way.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct NoAnswer(reqwest::Error);

fn unreachable(error: reqwest::Error) -> FetchError {
    FetchError::Unreachable(NoAnswer(error))
}

impl GuardedFetch {
    /// A client of this name that reaches this far.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(name: &str, reach: Reach, bounds: Bounds) -> Result<Self, SetupError> {
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .redirect(Policy::none())
            // A proxy would resolve names by itself, past the check below.
            .no_proxy()
            .dns_resolver(Arc::new(CheckedNames(reach)))
            .user_agent(name)
            .build()?;
        Ok(Self {
            client,
            reach,
            bounds,
        })
    }

    /// The same client with other bounds.
    #[must_use]
    pub fn within(&self, bounds: Bounds) -> Self {
        Self {
            bounds,
            ..self.clone()
        }
    }

    /// How far it reaches.
    #[must_use]
    pub const fn reach(&self) -> Reach {
        self.reach
    }

    /// Reads what stands at an address.
    ///
    /// # Errors
    /// When the address may not be asked, or gives no answer within the bounds.
    pub async fn get(
        &self,
        url: &Url,
        accept: &str,
    ) -> Result<http::Response<Vec<u8>>, FetchError> {
        let request = http::Request::get(url.as_str())
            .header(http::header::ACCEPT, accept)
            .body(Vec::new())
            .map_err(|_| FetchError::Request)?;
        self.ask(request).await
    }

    /// Sends a request; its answer is any that came, whatever its status.
    ///
    /// # Errors
    /// When the address may not be asked, or gives no answer within the bounds.
    pub async fn ask(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> Result<http::Response<Vec<u8>>, FetchError> {
        let url = Url::parse(&request.uri().to_string()).map_err(|_| FetchError::Request)?;
        // A resolver is not asked about addresses that are written out, so these are checked here.
        self.reach.check(&url)?;
        let mut request = reqwest::Request::try_from(request).map_err(|_| FetchError::Request)?;
        *request.timeout_mut() = Some(self.bounds.whole_answer);
        let mut answer = self.client.execute(request).await.map_err(unreachable)?;
        let mut response = http::Response::builder().status(answer.status());
        if let Some(headers) = response.headers_mut() {
            headers.clone_from(answer.headers());
        }
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(unreachable)? {
            if body.len() + piece.len() > self.bounds.largest_body {
                return Err(FetchError::TooLarge(self.bounds.largest_body));
            }
            body.extend_from_slice(&piece);
        }
        response.body(body).map_err(|_| FetchError::Request)
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
mod tests;
