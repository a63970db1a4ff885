//! The connections to providers: HTTP/1.1, one call at a time on each, kept for the next call.
//!
//! A connection is driven by the task whose call it carries and by no task of its own: bytes that
//! come in wake one task instead of two, and the pieces of a stream need no queue between them.
//! Each thread keeps its own connections. Redirects are not followed, nothing is decompressed, no
//! proxy of the environment is used.

mod answer;
mod connection;
mod hush;
mod kept;
mod names;

use std::{future::poll_fn, task::Poll, time::Duration};

use bytes::Bytes;
use guarded_fetch::{AddressRefusal, Reach};
use http::{HeaderValue, Request, Response, Uri, header::HOST};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls_platform_verifier::ConfigVerifierExt;
use tokio::time::timeout;
use url::Url;

pub use answer::Body;
use connection::{Connection, Sent};
use kept::{Kept, Origin};
use names::CheckedNames;

/// How long a connection is kept that is not used: shorter than providers keep it.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// How the request of a call is given.
pub type Call = Request<Full<Bytes>>;

/// Why a provider gave no answer, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// No connection in time.
    #[error("no connection in time")]
    ConnectLate,
    /// No connection.
    #[error("no connection")]
    Connect(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The connection broke off, or what came over it is no HTTP.
    #[error("the connection broke off")]
    Broken(#[from] hyper::Error),
    /// The connection was closed before anything came over it.
    #[error("the connection was closed")]
    Closed,
    /// The address names no host.
    #[error("the address is not one that can be called")]
    Address,
    /// The address leads inside, or is not asked over TLS.
    #[error("the address is not one that an organization may name")]
    NotOutside(#[source] AddressRefusal),
}

impl WireError {
    /// Whether the provider may have got the call, and may be working on it.
    #[must_use]
    pub const fn may_have_been_sent(&self) -> bool {
        matches!(self, Self::Broken(_))
    }
}

/// Who says where a provider is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NamedBy {
    /// This program, or whoever runs it: any address will do.
    Vault,
    /// An organization: no address inside will do.
    Organization,
}

/// Sends calls to providers. Clones share what they keep.
#[derive(Clone)]
pub struct Wire {
    connector: HttpsConnector<HttpConnector>,
    /// For addresses that organizations name.
    guarded: HttpsConnector<HttpConnector<CheckedNames>>,
    reach: Reach,
    connect_within: Duration,
    kept: Kept,
}

impl Wire {
    /// A wire that waits this long for a connection, and that organizations may lead as far as
    /// `reach`.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(connect_within: Duration, reach: Reach) -> Result<Self, rustls::Error> {
        Self::with_names(connect_within, reach, CheckedNames::of_the_system(reach))
    }

    fn with_names(
        connect_within: Duration,
        reach: Reach,
        names: CheckedNames,
    ) -> Result<Self, rustls::Error> {
        let tls = rustls::ClientConfig::with_platform_verifier()?;
        Ok(Self {
            connector: over_tls(tls.clone(), HttpConnector::new()),
            guarded: over_tls(tls, HttpConnector::new_with_resolver(names)),
            reach,
            connect_within,
            kept: Kept::new(KEPT_FOR),
        })
    }

    /// Sends a call to the absolute address it names and waits for the head of the answer.
    ///
    /// What could not be sent, because a kept connection was closed meanwhile, is sent over
    /// another. What was sent is never sent again.
    ///
    /// # Errors
    /// When there is no connection, or it broke before an answer came.
    pub async fn send(
        self,
        mut call: Call,
        named_by: NamedBy,
    ) -> Result<Response<Body>, WireError> {
        if named_by == NamedBy::Organization {
            self.expect_outside(call.uri())?;
        }
        let (origin, address) = to_origin_form(&mut call, named_by)?;
        while let Some(connection) = poll_fn(|cx| Poll::Ready(self.kept.take(&origin, cx))).await {
            match connection.exchange(call).await? {
                Sent::Answer(answer, connection) => {
                    return Ok(self.body(origin, *answer, connection));
                }
                Sent::Not(back) => call = *back,
            }
        }
        // In a box, for the many calls that go over a kept one not to carry it along.
        let opening = Box::pin(timeout(self.connect_within, self.open(address, named_by)));
        let connection = opening.await.map_err(|_| WireError::ConnectLate)??;
        match connection.exchange(call).await? {
            Sent::Answer(answer, connection) => Ok(self.body(origin, *answer, connection)),
            Sent::Not(_) => Err(WireError::Closed),
        }
    }

    /// Looks at what stands written: a resolver is not asked about addresses in digits.
    fn expect_outside(&self, address: &Uri) -> Result<(), WireError> {
        let url = Url::parse(&address.to_string()).map_err(|_| WireError::Address)?;
        self.reach.check(&url).map_err(WireError::NotOutside)
    }

    async fn open(&self, address: Uri, named_by: NamedBy) -> Result<Box<Connection>, WireError> {
        match named_by {
            NamedBy::Vault => Connection::open(self.connector.clone(), address).await,
            NamedBy::Organization => Connection::open(self.guarded.clone(), address).await,
        }
    }

    fn body(
        self,
        origin: Origin,
        answer: Response<hyper::body::Incoming>,
        connection: Box<Connection>,
    ) -> Response<Body> {
        answer.map(|incoming| Body::new(incoming, connection, self.kept, origin))
    }
}

fn over_tls<R>(
    tls: rustls::ClientConfig,
    mut tcp: HttpConnector<R>,
) -> HttpsConnector<HttpConnector<R>> {
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(Duration::from_secs(30)));
    HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp)
}

/// What is sent names the path only, and the host in a header (RFC 9112 section 3.2.1).
fn to_origin_form(call: &mut Call, named_by: NamedBy) -> Result<(Origin, Uri), WireError> {
    let address = call.uri().clone();
    let authority = address.authority().ok_or(WireError::Address)?;
    let secure = address.scheme() == Some(&http::uri::Scheme::HTTPS);
    let host = HeaderValue::from_str(authority.as_str()).map_err(|_| WireError::Address)?;
    let origin = Origin {
        authority: authority.as_str().to_owned(),
        secure,
        named_by,
    };
    let path = address.path_and_query().cloned();
    *call.uri_mut() = Uri::from(path.ok_or(WireError::Address)?);
    call.headers_mut().insert(HOST, host);
    Ok((origin, address))
}

#[cfg(test)]
#[path = "wire/tests.rs"]
mod tests;

#[cfg(test)]
#[path = "wire/outside_tests.rs"]
mod outside_tests;
