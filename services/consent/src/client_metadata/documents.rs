//! Fetching metadata documents, and keeping them as long as their servers say.
//!
//! Anybody can make us ask any address by sending a browser here, so that asking is counted twice:
//! by who makes us ask and by who is asked. Many who wait for one document ask once. What could not
//! be had or read is never kept.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use actix_web::HttpRequest;
use clock::Clock;
use events::SelfRegistration;
use guarded_fetch::{FetchError, GuardedFetch, Reach};
use http::{StatusCode, header};
use ids::{AppId, TokenDigest};
use jiff::Timestamp;
use moka::future::Cache;
use serde_json::json;
use server::{Problem, RateLimit, Throttle};

use super::{DocumentUrl, MetadataFault, freshness::fresh_for};
use crate::{
    policy::after,
    registered_app::{AppRow, Registration, of_the_vault},
};

/// How many documents are kept.
const KEPT: u64 = 10_000;
/// How many one address may make us fetch in a minute.
const FETCHES_FOR_ONE: NonZeroU32 = NonZeroU32::new(30).unwrap();
/// How many we fetch from one host in a minute.
const FETCHES_FROM_ONE: NonZeroU32 = NonZeroU32::new(12).unwrap();

/// The metadata documents of clients. Cheap to clone.
#[derive(Clone)]
pub struct Documents {
    fetch: GuardedFetch,
    clock: Clock,
    kept: Cache<String, Kept>,
    by_asker: RateLimit,
    by_host: Throttle<String>,
}

#[derive(Clone)]
struct Kept {
    app: Arc<AppRow>,
    fresh_until: Timestamp,
}

/// Why a client is not known by its document.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// Too many were fetched for somebody or from somewhere.
    #[error("too many of its kind were asked for a moment ago")]
    TooOften(Problem),
    /// There was no answer, or too much of it.
    #[error("it cannot be fetched: {0}")]
    Fetch(#[from] FetchError),
    /// The answer is no document. Redirects are not followed.
    #[error("its server answers with status {0}, and 200 is needed")]
    Status(StatusCode),
    /// The answer is something else than JSON.
    #[error("its server does not call it JSON")]
    NotJson,
    /// It breaks a rule.
    #[error("{0}")]
    Fault(#[from] MetadataFault),
}

impl Documents {
    pub(super) fn new(fetch: GuardedFetch, clock: Clock) -> Self {
        Self {
            fetch,
            clock,
            kept: Cache::new(KEPT),
            by_asker: RateLimit::per_minute("client documents by asker", FETCHES_FOR_ONE),
            by_host: Throttle::new(
                "client documents by host",
                FETCHES_FROM_ONE,
                Duration::from_secs(60),
            ),
        }
    }

    pub(super) fn reach(&self) -> Reach {
        self.fetch.reach()
    }

    /// The client of this address: as it was a short while ago, or fetched now.
    ///
    /// # Errors
    /// When it has to be fetched and cannot be, or breaks a rule.
    pub async fn client(
        &self,
        url: &DocumentUrl,
        request: &HttpRequest,
    ) -> Result<Arc<AppRow>, Arc<DocumentError>> {
        if let Some(kept) = self.kept.get(url.as_str()).await {
            if self.clock.now() < kept.fresh_until {
                return Ok(kept.app);
            }
            self.kept.invalidate(url.as_str()).await;
        }
        let found = self
            .kept
            .try_get_with_by_ref(url.as_str(), self.fetched(url, request));
        found.await.map(|kept| kept.app)
    }

    async fn fetched(
        &self,
        url: &DocumentUrl,
        request: &HttpRequest,
    ) -> Result<Kept, DocumentError> {
        let host = url.host().to_owned();
        self.by_asker
            .count(request)
            .and_then(|()| self.by_host.check(&host))
            .map_err(DocumentError::TooOften)?;
        let answer = self.fetch.get(url.url(), "application/json").await?;
        if answer.status() != StatusCode::OK {
            return Err(DocumentError::Status(answer.status()));
        }
        if !is_json(answer.headers().get(header::CONTENT_TYPE)) {
            return Err(DocumentError::NotJson);
        }
        let now = self.clock.now();
        let registration = url.read(answer.body(), self.reach())?;
        Ok(Kept {
            app: Arc::new(client(url, registration, now)),
            fresh_until: after(now, fresh_for(answer.headers())),
        })
    }
}

/// `application/json`, or another type that is written in it.
fn is_json(value: Option<&http::HeaderValue>) -> bool {
    let text = value.and_then(|value| value.to_str().ok()).unwrap_or("");
    let essence = text.split(';').next().unwrap_or("").trim();
    let essence = essence.to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// A client that is known by its document alone. Its id within the vault follows from its address.
fn client(url: &DocumentUrl, registration: Registration, now: Timestamp) -> AppRow {
    let digest = TokenDigest::of(url.as_str());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.as_bytes()[..16]);
    let id = AppId::from_uuid(uuid::Builder::from_custom_bytes(bytes).into_uuid());
    let says = json!([
        &registration.name,
        &registration.redirect_uris,
        &registration.grant_types,
        &registration.authentication,
        registration.dpop_bound,
    ]);
    AppRow {
        id,
        tenant: of_the_vault(),
        client_id: url.as_str().to_owned(),
        name: registration.name,
        url: registration.url,
        redirect_uris: registration.redirect_uris,
        grant_types: registration.grant_types,
        authentication: registration.authentication,
        dpop_bound: registration.dpop_bound,
        registration: Some(SelfRegistration::Document {
            client_id: url.as_str().to_owned(),
            says: TokenDigest::of(&says.to_string()).to_hex(),
        }),
        registered_at: now,
    }
}
