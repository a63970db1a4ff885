//! Waiting for a person, on the connection that asked.

use ids::RequestId;
use tokio::time::Instant;

use crate::{
    access_request::{RequestError, RequestState, Requests},
    vault::{Actor, Vault},
};

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
    // The place is taken before the first look, so that no decision falls between the two.
    let mut waiter = vault.wait_for(id);
    loop {
        let row = Box::pin(requests.one(actor.tenant, actor.user, id)).await?;
        let state = row.told(vault.clock.now());
        if state != RequestState::Pending {
            return Ok(Some(state));
        }
        // At the deadline nobody looks again: an answer to nobody's address takes no time, either.
        let woken = tokio::time::timeout_at(deadline, waiter.woken()).await;
        if woken.is_err() {
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
