//! The table `consent.key_unwraps`: each time the key service was asked to open a data key.

use ids::{EventId, ProviderKeyId, TenantId};
use jiff::Timestamp;
use postgres::{DatabaseError, Tx};
use tokio_postgres::Row;

use crate::sealed_keys::SealedKey;

/// One time that the key service was asked to open a provider key's data key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unwrap {
    /// Its id.
    pub id: EventId,
    /// Which version of the key.
    pub version: i32,
    /// The key that wraps the data key.
    pub wrapping_key: String,
    /// The database role that asked.
    pub asked_by: String,
    /// The request that needed it; others were served from memory after it.
    pub correlation_id: String,
    /// When.
    pub asked_at: Timestamp,
}

const NOTE: &str = "
    -- consent.note_key_unwrap
    INSERT INTO consent.key_unwraps (id, tenant_id, key_id, version, wrapping_key, correlation_id, asked_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";

const OF_KEY: &str = "
    -- consent.key_unwraps_of_key
    SELECT id, version, wrapping_key, asked_by::text AS asked_by, correlation_id, asked_at
      FROM consent.key_unwraps
     WHERE tenant_id = $1
       AND key_id = $2
       AND ($3::uuid IS NULL OR id < $3)
     ORDER BY id DESC
     LIMIT $4";

/// Writes down that the key service is about to be asked. The transaction must be over before it is.
pub(crate) async fn note(
    tx: &Tx,
    sealed: &SealedKey,
    correlation_id: &str,
    at: Timestamp,
) -> Result<(), DatabaseError> {
    let place = &sealed.place;
    tx.execute(
        NOTE,
        &[
            &EventId::new(at).uuid(),
            &place.tenant.uuid(),
            &place.key.uuid(),
            &place.version,
            &sealed.wrapping_key,
            &correlation_id,
            &at,
        ],
    )
    .await?;
    Ok(())
}

impl Unwrap {
    /// Those of one provider key, the newest first, from before `before` on; at most `limit`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn of_key(
        tx: &Tx,
        tenant: TenantId,
        key: ProviderKeyId,
        before: Option<EventId>,
        limit: i64,
    ) -> Result<Vec<Self>, DatabaseError> {
        let before = before.map(EventId::uuid);
        let rows = tx
            .query(OF_KEY, &[&tenant.uuid(), &key.uuid(), &before, &limit])
            .await?;
        Ok(rows.iter().map(Self::from_row).collect())
    }

    fn from_row(row: &Row) -> Self {
        Self {
            id: EventId::from_uuid(row.get("id")),
            version: row.get("version"),
            wrapping_key: row.get("wrapping_key"),
            asked_by: row.get("asked_by"),
            correlation_id: row.get("correlation_id"),
            asked_at: row.get("asked_at"),
        }
    }
}
