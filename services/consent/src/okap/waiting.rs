//! Waiting for a person, on the connection that asked.

use std::time::Duration;

use ids::RequestId;
use tokio::{sync::broadcast::error::RecvError, time::Instant};

use crate::{
    access_request::{RequestError, RequestState, Requests},
    vault::{Actor, Change, Vault},
};

/// How often the database is asked in case the decision was taken in another process.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Where a request stands once it is decided; `None` when nobody decided until `deadline`.
///
/// # Errors
/// When the database cannot be asked.
pub async fn decided(
    vault: &Vault,
    requests: &Requests,
    actor: &Actor,
    id: RequestId,
    deadline: Instant,
) -> Result<Option<RequestState>, RequestError> {
    // Listening begins before the first look, so that no decision falls between the two.
    let mut changes = vault.changes.subscribe();
    loop {
        let row = requests.one(actor.tenant, actor.user, id).await?;
        let state = row.told(vault.clock.now());
        if state != RequestState::Pending {
            return Ok(Some(state));
        }
        let now = Instant::now();
        if now >= deadline {
            return Ok(None);
        }
        let until = deadline.min(now + LOOK_AGAIN);
        let told = async {
            loop {
                match changes.recv().await {
                    Ok(Change::Decided(decided)) if decided == id => break,
                    // Too many changes at once: look at the table instead.
                    Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => std::future::pending().await,
                    Ok(_) => {}
                }
            }
        };
        // At the deadline nobody looks again: an answer to nobody's address takes no time, either.
        if tokio::time::timeout_at(until, told).await.is_err() && until == deadline {
            return Ok(None);
        }
    }
}

/// Ends a request if its asker goes away before it has an answer, or a way to come back for one:
/// nobody is left to hand it to.
pub struct Caller {
    requests: Requests,
    actor: Actor,
    id: Option<RequestId>,
}

impl Caller {
    /// The asker of a request, on the line.
    #[must_use]
    pub const fn new(requests: Requests, actor: Actor, id: RequestId) -> Self {
        Self {
            requests,
            actor,
            id: Some(id),
        }
    }

    /// The asker has what it needs to come back, or has its answer.
    pub fn served(mut self) {
        self.id = None;
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        let Some(id) = self.id else { return };
        // Without a runtime the process is ending; the request then stays until it expires.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let (requests, actor) = (self.requests.clone(), self.actor.clone());
        runtime.spawn(async move {
            if let Err(error) = requests.abandon(&actor, id).await {
                tracing::warn!(%error, request = %id, "an abandoned access request was not ended");
            }
        });
    }
}
