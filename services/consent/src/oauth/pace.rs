//! How often one address may call the endpoints that clients call directly.

use std::num::NonZeroU32;

use actix_web::HttpRequest;
use server::RateLimit;

use super::error::OauthError;

/// A web app redeems the codes of all its people from one address, so this is wide.
const CALLS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(300).unwrap();

/// Counts calls by address. Cheap to clone; clones count together.
#[derive(Clone)]
pub struct Pace(RateLimit);

impl Pace {
    /// Nobody has called yet.
    #[must_use]
    pub fn new() -> Self {
        Self(RateLimit::per_minute("oauth", CALLS_PER_MINUTE))
    }

    /// Counts one call.
    ///
    /// # Errors
    /// 429 with the wait, when its address calls too often.
    pub fn count(&self, request: &HttpRequest) -> Result<(), OauthError> {
        self.0
            .count(request)
            .map_err(|problem| OauthError::too_many(&problem))
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self::new()
    }
}
