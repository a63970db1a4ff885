//! What is spent or expired goes, a day later: authorization codes, connect tickets, pushed
//! requests, device requests, refresh tokens, access tokens that were renewed, delivery channels,
//! answers to calls with an idempotency key.
//!
//! A day, because a spent code that comes again within it is still known and takes its token along
//! (RFC 6749 section 4.1.2), and a person still sees what became of a ticket.

use std::time::Duration;

use ids::TenantId;
use jiff::{SignedDuration, Timestamp};
use postgres::{DatabaseError, Scope};

use crate::vault::Vault;

/// How long something is kept after its end.
const KEPT: SignedDuration = SignedDuration::from_hours(24);
/// How often anything is removed, by all processes together.
const EVERY: SignedDuration = SignedDuration::from_mins(10);
/// How often a process looks whether it is time.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How many rows one transaction removes.
const BATCH: i64 = 500;
/// In how many organizations one look removes.
const ORGANIZATIONS: i64 = 200;

/// One kind of leftovers: where some are that ended before an instant, and how to remove a batch of
/// one organization's.
struct Kind {
    find: &'static str,
    remove: &'static str,
}

// Found across organizations, by followers only.
const KINDS: [Kind; 10] = [
    Kind {
        find: "
    -- consent.find_old_codes
    SELECT DISTINCT tenant_id FROM consent.authorization_codes WHERE expires_at < $1 LIMIT $2",
        remove: "
    -- consent.remove_old_codes
    DELETE FROM consent.authorization_codes
     WHERE digest IN (SELECT digest FROM consent.authorization_codes WHERE expires_at < $1 LIMIT $2)",
    },
    Kind {
        find: "
    -- consent.find_old_tickets
    SELECT DISTINCT tenant_id FROM consent.connect_tickets WHERE expires_at < $1 LIMIT $2",
        remove: "
    -- consent.remove_old_tickets
    DELETE FROM consent.connect_tickets
     WHERE ticket_id IN (SELECT ticket_id FROM consent.connect_tickets WHERE expires_at < $1 LIMIT $2)",
    },
    Kind {
        find: "
    -- consent.find_old_refresh_tokens
    SELECT DISTINCT tenant_id FROM consent.refresh_tokens WHERE expires_at < $1 LIMIT $2",
        remove: "
    -- consent.remove_old_refresh_tokens
    DELETE FROM consent.refresh_tokens
     WHERE digest IN (SELECT digest FROM consent.refresh_tokens WHERE expires_at < $1 LIMIT $2)",
    },
    Kind {
        find: "
    -- consent.find_old_pushed_requests
    SELECT DISTINCT tenant_id FROM consent.pushed_requests WHERE expires_at < $1 LIMIT $2",
        remove: "
    -- consent.remove_old_pushed_requests
    DELETE FROM consent.pushed_requests
     WHERE digest IN (SELECT digest FROM consent.pushed_requests WHERE expires_at < $1 LIMIT $2)",
    },
    Kind {
        find: "
    -- consent.find_old_device_requests
    SELECT DISTINCT tenant_id FROM consent.device_requests WHERE expires_at < $1 LIMIT $2",
        remove: "
    -- consent.remove_old_device_requests
    DELETE FROM consent.device_requests
     WHERE digest IN (SELECT digest FROM consent.device_requests WHERE expires_at < $1 LIMIT $2)",
    },
    Kind {
        find: "
    -- consent.find_old_client_assertions
    SELECT DISTINCT tenant_id FROM consent.client_assertions WHERE expires_at < $1 LIMIT $2",
        remove: "
    -- consent.remove_old_client_assertions
    DELETE FROM consent.client_assertions
     WHERE digest IN (SELECT digest FROM consent.client_assertions WHERE expires_at < $1 LIMIT $2)",
    },
    Kind {
        find: "
    -- consent.find_old_dpop_proofs
    SELECT DISTINCT tenant_id FROM consent.dpop_proofs WHERE expires_at < $1 LIMIT $2",
        remove: "
    -- consent.remove_old_dpop_proofs
    DELETE FROM consent.dpop_proofs
     WHERE digest IN (SELECT digest FROM consent.dpop_proofs WHERE expires_at < $1 LIMIT $2)",
    },
    // These end a day after they began.
    Kind {
        find: "
    -- consent.find_old_answers
    SELECT DISTINCT tenant_id FROM consent.kept_answers WHERE begun_at < $1 LIMIT $2",
        remove: "
    -- consent.remove_old_answers
    DELETE FROM consent.kept_answers
     WHERE (user_id, key_digest) IN (SELECT user_id, key_digest FROM consent.kept_answers WHERE begun_at < $1 LIMIT $2)",
    },
    Kind {
        find: "
    -- consent.find_old_access
    SELECT DISTINCT tenant_id FROM consent.grant_access WHERE token_ends_at < $1 LIMIT $2",
        remove: "
    -- consent.remove_old_access
    DELETE FROM consent.grant_access
     WHERE token_digest IN (SELECT token_digest FROM consent.grant_access WHERE token_ends_at < $1 LIMIT $2)",
    },
    Kind {
        find: "
    -- consent.find_old_delivery_channels
    SELECT DISTINCT c.tenant_id
      FROM consent.delivery_channels c JOIN consent.access_requests r ON r.request_id = c.request_id
     WHERE r.expires_at < $1
     LIMIT $2",
        remove: "
    -- consent.remove_old_delivery_channels
    DELETE FROM consent.delivery_channels
     WHERE request_id IN (SELECT c.request_id
                            FROM consent.delivery_channels c
                            JOIN consent.access_requests r ON r.request_id = c.request_id
                           WHERE r.expires_at < $1
                           LIMIT $2)",
    },
];

// A checkpoint that counts seconds of time instead of events.
const CLAIM: &str = "
    -- consent.claim_sweep
    INSERT INTO store.checkpoints (name, position) VALUES ('consent.leftovers', $1)
        ON CONFLICT (name) DO UPDATE SET position = excluded.position
     WHERE checkpoints.position <= $2";

/// Removes what ended more than a day ago, unless this was done within the last ten minutes, by
/// whichever process; gives how many rows went. Each transaction removes a bounded batch.
///
/// # Errors
/// When the database refuses.
pub async fn remove(vault: &Vault) -> Result<u64, DatabaseError> {
    let now = vault.clock.now();
    let tx = vault.postgres.begin("claim sweep", Scope::None).await?;
    let due = tx
        .execute(CLAIM, &[&now.as_second(), &(now - EVERY).as_second()])
        .await?
        == 1;
    tx.commit().await?;
    if !due {
        return Ok(0);
    }
    let mut removed = 0;
    for kind in &KINDS {
        for tenant in tenants(vault, kind, now - KEPT).await? {
            removed += remove_of(vault, kind, tenant, now - KEPT).await?;
        }
    }
    Ok(removed)
}

async fn tenants(
    vault: &Vault,
    kind: &Kind,
    before: Timestamp,
) -> Result<Vec<TenantId>, DatabaseError> {
    let tx = vault
        .postgres
        .begin("find leftovers", Scope::Follower)
        .await?;
    let rows = tx.query(kind.find, &[&before, &ORGANIZATIONS]).await?;
    tx.commit().await?;
    Ok(rows
        .iter()
        .map(|row| TenantId::from_uuid(row.get("tenant_id")))
        .collect())
}

async fn remove_of(
    vault: &Vault,
    kind: &Kind,
    tenant: TenantId,
    before: Timestamp,
) -> Result<u64, DatabaseError> {
    let mut removed = 0;
    loop {
        let tx = vault.begin("remove leftovers", tenant).await?;
        let batch = tx.execute(kind.remove, &[&before, &BATCH]).await?;
        tx.commit().await?;
        removed += batch;
        if i64::try_from(batch).is_ok_and(|batch| batch < BATCH) {
            return Ok(removed);
        }
    }
}

/// Removes leftovers until `stop`. Being stopped at any moment is safe.
pub async fn sweep(vault: Vault, stop: impl Future<Output = ()>) {
    let sweeping = async {
        loop {
            match remove(&vault).await {
                Ok(0) => {}
                Ok(removed) => tracing::info!(removed, "spent and expired rows were removed"),
                Err(error) => tracing::warn!(%error, "spent and expired rows were not removed"),
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::select! {
        () = sweeping => {}
        () = stop => {}
    }
}
