//! Key sets at addresses of clients (`jwks_uri`): fetched when an assertion has to be checked, kept
//! as long as their servers say, and looked at once more when an assertion names a key that is not
//! among them.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use clock::Clock;
use guarded_fetch::{FetchError, GuardedFetch};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::JwkSet;
use moka::future::Cache;
use server::{Problem, Throttle};
use url::Url;

use super::freshness::fresh_for;
use crate::{policy::after, registered_app::client_keys};

/// How many key sets are kept.
const KEPT: u64 = 10_000;
/// A key that is not known is looked for at most this often.
const LOOK_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(60);
/// How many we fetch from one host in a minute.
const FETCHES_FROM_ONE: NonZeroU32 = NonZeroU32::new(12).unwrap();

/// The key sets of clients. Cheap to clone.
#[derive(Clone)]
pub struct KeySets {
    fetch: GuardedFetch,
    clock: Clock,
    kept: Cache<String, Kept>,
    by_host: Throttle<String>,
}

#[derive(Clone)]
struct Kept {
    keys: Arc<JwkSet>,
    fetched_at: Timestamp,
    fresh_until: Timestamp,
}

/// Why a client's keys are not known.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// Too many were fetched from its host.
    #[error("its host was asked too often a moment ago")]
    TooOften(Problem),
    /// There was no answer, or too much of it.
    #[error("the key set cannot be fetched: {0}")]
    Fetch(#[from] FetchError),
    /// The answer is no key set. Redirects are not followed.
    #[error("the key set's server answers with status {0}, and 200 is needed")]
    Status(StatusCode),
    /// It holds something else than public keys that can be used.
    #[error("{0}")]
    Fault(&'static str),
}

impl KeySets {
    pub(super) fn new(fetch: GuardedFetch, clock: Clock) -> Self {
        Self {
            fetch,
            clock,
            kept: Cache::new(KEPT),
            by_host: Throttle::new(
                "client key sets by host",
                FETCHES_FROM_ONE,
                Duration::from_secs(60),
            ),
        }
    }

    /// The keys at this address, among them the one of this id if it is there.
    ///
    /// # Errors
    /// When they have to be fetched and cannot be, or are no keys.
    pub async fn at(
        &self,
        address: &str,
        kid: Option<&str>,
    ) -> Result<Arc<JwkSet>, Arc<KeysError>> {
        if let Some(kept) = self.kept.get(address).await {
            let now = self.clock.now();
            let looked_lately = now
                < kept
                    .fetched_at
                    .saturating_add(LOOK_AGAIN_AFTER)
                    .unwrap_or(now);
            let missing = kid.is_some_and(|kid| kept.keys.find(kid).is_none());
            if now < kept.fresh_until && (!missing || looked_lately) {
                return Ok(kept.keys);
            }
            self.kept.invalidate(address).await;
        }
        let found = self
            .kept
            .try_get_with_by_ref(address, self.fetched(address));
        found.await.map(|kept| kept.keys)
    }

    async fn fetched(&self, address: &str) -> Result<Kept, KeysError> {
        let url = Url::parse(address).map_err(|_| KeysError::Fault("it has no address"))?;
        let host = url.host_str().unwrap_or_default().to_owned();
        self.by_host.check(&host).map_err(KeysError::TooOften)?;
        let answer = self
            .fetch
            .get(&url, "application/jwk-set+json, application/json")
            .await?;
        if answer.status() != StatusCode::OK {
            return Err(KeysError::Status(answer.status()));
        }
        let set = serde_json::from_slice(answer.body());
        let set = set.map_err(|_| KeysError::Fault("the key set is not JSON"))?;
        let now = self.clock.now();
        Ok(Kept {
            keys: Arc::new(client_keys::read(&set).map_err(KeysError::Fault)?),
            fetched_at: now,
            fresh_until: after(now, fresh_for(answer.headers())),
        })
    }
}
