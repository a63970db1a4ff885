//! The HTTP client that asks identity providers.

use std::{future::Future, pin::Pin, time::Duration};

use guarded_fetch::{Bounds, FetchError, GuardedFetch, Reach, SetupError};
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};

/// More than any discovery document, key set or token answer holds.
const LARGEST_BODY: usize = 64 * 1024;
const WHOLE_ANSWER: Duration = Duration::from_secs(10);

/// Asks identity providers. Cheap to clone.
#[derive(Clone)]
pub struct Fetch(GuardedFetch);

impl Fetch {
    /// A client that reaches this far.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(reach: Reach) -> Result<Self, SetupError> {
        let bounds = Bounds {
            largest_body: LARGEST_BODY,
            whole_answer: WHOLE_ANSWER,
        };
        GuardedFetch::new("latchkey-auth", reach, bounds).map(Self)
    }
}

impl<'c> AsyncHttpClient<'c> for Fetch {
    type Error = FetchError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, FetchError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.0.ask(request))
    }
}
