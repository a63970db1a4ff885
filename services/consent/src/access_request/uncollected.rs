//! Grants whose token nobody collected in time: a code that lapsed on the way, a popup that was closed
//! between the approval and the hand-over, an app that never came back. Nobody can have the token any
//! more, so the grant ends, and its record says why.

use ids::{GrantId, TenantId, UserId};
use jiff::Timestamp;
use postgres::{DatabaseError, Scope, Tx};

use super::{RequestError, Requests};
use crate::{policy::before, vault::Actor, way_back};

/// How many are ended at a time.
pub(super) const BATCH: i64 = 200;

// A callback's code says itself when it lapses, an OAuth code lives for its time from when the browser
// was sent back with it. Whoever comes another way, with a poll secret, with a device, through a popup,
// has as long after the decision as a request waits for one, and so has an OAuth browser that was not
// led back yet. A grant that was only given more has other tokens, and stays. Read across
// organizations, by followers only.
const UNCOLLECTED: &str = "
    -- consent.grants_never_collected
    SELECT g.tenant_id, r.user_id, g.grant_id
      FROM consent.delivery_channels c
      JOIN consent.access_requests r ON r.request_id = c.request_id
      JOIN consent.grants g ON g.grant_id = r.grant_id
     WHERE c.delivered_at IS NULL AND r.state = 'approved' AND r.extends IS NULL AND g.state = 'live'
       AND CASE WHEN c.code_expires_at IS NOT NULL THEN c.code_expires_at <= $1
                WHEN c.led_back_at IS NOT NULL THEN c.led_back_at <= $2
                WHEN r.transport = 'oauth' THEN r.expires_at <= $3
                ELSE r.decided_at <= $3
           END
     ORDER BY r.decided_at
     LIMIT $4";

impl Requests {
    /// Ends the grants of all organizations whose token can no longer be collected; gives how many it
    /// found, 200 at most. Two processes may do so at once: each grant ends once.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn end_uncollected(&self) -> Result<usize, RequestError> {
        let found = self.uncollected().await?;
        for (tenant, user, grant) in &found {
            let actor = Actor {
                tenant: *tenant,
                user: *user,
                name: "latchkey".to_owned(),
                correlation_id: grant.to_string(),
            };
            match self.grants.lapse(&actor, *grant).await {
                Ok(ended) => tracing::info!(%grant, ended, "a token was never collected"),
                Err(error) if error.is_conflict() => {}
                Err(error) => {
                    tracing::warn!(%error, %grant, "a grant that was never collected was not ended");
                }
            }
        }
        Ok(found.len())
    }

    async fn uncollected(&self) -> Result<Vec<(TenantId, UserId, GrantId)>, DatabaseError> {
        let postgres = &self.vault.postgres;
        let tx = postgres
            .begin("find uncollected grants", Scope::Follower)
            .await?;
        let now = self.vault.clock.now();
        let waits = self.vault.policy.request_waits;
        let found = find(
            &tx,
            now,
            before(now, way_back::CODE_LIVES),
            before(now, waits),
        )
        .await?;
        tx.commit().await?;
        Ok(found)
    }
}

async fn find(
    tx: &Tx,
    now: Timestamp,
    code_ago: Timestamp,
    wait_ago: Timestamp,
) -> Result<Vec<(TenantId, UserId, GrantId)>, DatabaseError> {
    let rows = tx
        .query(UNCOLLECTED, &[&now, &code_ago, &wait_ago, &BATCH])
        .await?;
    Ok(rows
        .iter()
        .map(|row| {
            (
                TenantId::from_uuid(row.get("tenant_id")),
                UserId::from_uuid(row.get("user_id")),
                GrantId::from_uuid(row.get("grant_id")),
            )
        })
        .collect())
}
