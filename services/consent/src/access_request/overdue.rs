//! Requests that nobody decided in time: their end is written down, for the record and for the inbox.
//! And, in the same round, grants that nobody collected in time.

use std::time::Duration;

use ids::{RequestId, TenantId, UserId};
use jiff::Timestamp;
use postgres::{DatabaseError, Scope, Tx};
use tokio_postgres::Row;

use super::{RequestError, Requests};
use crate::vault::Actor;

/// How often to look.
const LOOK_EVERY: Duration = Duration::from_secs(20);
/// How many to end before looking again.
const BATCH: i64 = 200;

// Read across organizations, by followers only.
const OVERDUE: &str = "
    -- consent.access_requests_overdue
    SELECT tenant_id, user_id, request_id
      FROM consent.access_requests
     WHERE state = 'pending' AND expires_at <= $1
     ORDER BY expires_at
     LIMIT $2";

impl Requests {
    /// Ends the requests of all organizations whose time is over, the oldest first; gives how many
    /// it found, 200 at most. Two processes may do so at once: each decision is taken once.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn end_overdue(&self) -> Result<usize, RequestError> {
        let tx = self
            .vault
            .postgres
            .begin("find overdue access requests", Scope::Follower)
            .await?;
        let overdue = found(&tx, self.vault.clock.now(), BATCH).await?;
        tx.commit().await?;
        for (tenant, user, id) in &overdue {
            let actor = Actor {
                tenant: *tenant,
                user: *user,
                name: "latchkey".to_owned(),
                correlation_id: id.to_string(),
            };
            if let Err(error) = self.close(&actor, *id, false).await {
                tracing::warn!(%error, request = %id, "an overdue access request was not ended");
            }
        }
        Ok(overdue.len())
    }
}

/// Ends overdue requests, and grants that were never collected, until `stop`. Being stopped at any
/// moment is safe.
pub async fn end(requests: Requests, stop: impl Future<Output = ()>) {
    let ending = async {
        loop {
            let overdue = requests.end_overdue().await;
            let uncollected = requests.end_uncollected().await;
            if !(is_batch(&overdue) || is_batch(&uncollected)) {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    };
    tokio::select! {
        () = ending => {}
        () = stop => {}
    }
}

/// Whether there may be more; what could not be looked for is looked for later.
fn is_batch(found: &Result<usize, RequestError>) -> bool {
    match found {
        Ok(found) => i64::try_from(*found).is_ok_and(|found| found >= BATCH),
        Err(error) => {
            tracing::warn!(%error, "what nobody decided or collected in time was not looked for");
            false
        }
    }
}

/// Requests of any organization whose time is over and that nobody decided, the oldest first. The
/// transaction must be a follower's.
async fn found(
    tx: &Tx,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<(TenantId, UserId, RequestId)>, DatabaseError> {
    let of_row = |row: &Row| {
        let tenant = TenantId::from_uuid(row.get("tenant_id"));
        (
            tenant,
            UserId::from_uuid(row.get("user_id")),
            RequestId::from_uuid(row.get("request_id")),
        )
    };
    Ok(tx
        .query(OVERDUE, &[&now, &limit])
        .await?
        .iter()
        .map(of_row)
        .collect())
}
