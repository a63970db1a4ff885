//! Checks of keys that nobody used or checked for long, where the vault's operator wants them.

use std::time::Duration;

use ids::{ProviderKeyId, TenantId, UserId};
use jiff::{SignedDuration, Timestamp};
use postgres::{DatabaseError, Scope};

use super::ProviderKeys;
use crate::vault::Actor;

/// How many keys one round has checked at most.
const BATCH: i64 = 100;
/// How often there is a round, of all processes together.
const ROUND_EVERY: SignedDuration = SignedDuration::from_mins(10);
/// How often a process looks whether it is time.
const LOOK_EVERY: Duration = Duration::from_secs(60);

// A checkpoint that counts seconds of time instead of events.
const CLAIM: &str = "
    -- consent.claim_key_checks
    INSERT INTO store.checkpoints (name, position) VALUES ('consent.key_checks', $1)
        ON CONFLICT (name) DO UPDATE SET position = excluded.position
     WHERE checkpoints.position <= $2";

// Across organizations, by followers only. A key that is used is opened every few minutes, and what
// its provider says of it is heard then.
const IDLE: &str = "
    -- consent.idle_provider_keys
    SELECT tenant_id, owner_id, key_id
      FROM consent.provider_keys AS key
     WHERE state = 'usable'
       AND greatest(changed_at, check_requested_at) < $1
       AND coalesce((SELECT asked_at
                       FROM consent.key_unwraps AS opened
                      WHERE opened.tenant_id = key.tenant_id AND opened.key_id = key.key_id
                      ORDER BY id DESC
                      LIMIT 1), '-infinity') < $1
     ORDER BY coalesce(check_requested_at, stored_at)
     LIMIT $2";

impl ProviderKeys {
    /// Has keys checked that were neither opened nor checked for as long as `every`, those first that
    /// were not for the longest; gives how many, 100 at most. None if there was a round less than ten
    /// minutes ago, in whichever process.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn check_idle(&self, every: SignedDuration) -> Result<usize, DatabaseError> {
        let now = self.vault.clock.now();
        let idle = if self.claim_round(now).await? {
            self.idle(now - every).await?
        } else {
            Vec::new()
        };
        for (actor, key) in &idle {
            if let Err(error) = self.check(actor, *key).await {
                tracing::warn!(%error, key.id = %key, "an idle provider key is not checked");
            }
        }
        Ok(idle.len())
    }

    async fn claim_round(&self, now: Timestamp) -> Result<bool, DatabaseError> {
        let tx = (self.vault.postgres)
            .begin("claim key checks", Scope::None)
            .await?;
        let before = now - ROUND_EVERY;
        let claimed = tx
            .execute(CLAIM, &[&now.as_second(), &before.as_second()])
            .await?;
        tx.commit().await?;
        Ok(claimed == 1)
    }

    async fn idle(&self, since: Timestamp) -> Result<Vec<(Actor, ProviderKeyId)>, DatabaseError> {
        let tx = (self.vault.postgres)
            .begin("find idle provider keys", Scope::Follower)
            .await?;
        let rows = tx.query(IDLE, &[&since, &BATCH]).await?;
        tx.commit().await?;
        let of_row = |row: &tokio_postgres::Row| {
            let key = ProviderKeyId::from_uuid(row.get("key_id"));
            let actor = Actor {
                tenant: TenantId::from_uuid(row.get("tenant_id")),
                user: UserId::from_uuid(row.get("owner_id")),
                name: "latchkey".to_owned(),
                correlation_id: key.to_string(),
            };
            (actor, key)
        };
        Ok(rows.iter().map(of_row).collect())
    }
}

/// Has idle keys checked until `stop`; never where nobody wants it. Being stopped at any moment is
/// safe.
pub async fn check(
    keys: ProviderKeys,
    every: Option<SignedDuration>,
    stop: impl Future<Output = ()>,
) {
    let checking = async {
        let Some(every) = every else {
            return std::future::pending().await;
        };
        loop {
            match keys.check_idle(every).await {
                Ok(0) => {}
                Ok(checked) => tracing::info!(checked, "idle provider keys are checked"),
                Err(error) => tracing::warn!(%error, "idle provider keys were not looked for"),
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::select! {
        () = checking => {}
        () = stop => {}
    }
}
