//! `consent.shadow_limits`: those that are tried now. The proxy reads them beside the grant.

use std::collections::HashMap;

use event_store::{ProjectionError, RecordedEvent};
use events::{GrantEvent, Shadow};
use ids::{GrantId, ShadowId};
use jiff::Timestamp;
use postgres::{DatabaseError, Tx};
use tokio_postgres::types::{Json, ToSql};
use uuid::Uuid;

/// Shadow limits that are tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShadowRow {
    /// What they are, and at which provider.
    pub shadow: Shadow,
    /// Since when: no call that began before counts.
    pub set_at: Timestamp,
}

// Others at the same provider take their place.
const SET: &str = "
    -- consent.shadow_limits_set
    INSERT INTO consent.shadow_limits (shadow_id, tenant_id, grant_id, provider, definition, set_at)
    VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (grant_id, provider) DO UPDATE
       SET shadow_id = excluded.shadow_id, definition = excluded.definition, set_at = excluded.set_at";

const ENDED: &str = "
    -- consent.shadow_limits_ended
    DELETE FROM consent.shadow_limits WHERE shadow_id = $1";

const ENDED_WITH_GRANT: &str = "
    -- consent.shadow_limits_ended_with_grant
    DELETE FROM consent.shadow_limits WHERE grant_id = $1";

pub(crate) const CLEAR: &str = "
    -- consent.clear_shadow_limits
    DELETE FROM consent.shadow_limits";

const OF_GRANTS: &str = "
    -- consent.shadow_limits_of_grants
    SELECT grant_id, definition, set_at
      FROM consent.shadow_limits
     WHERE grant_id = ANY ($1)
     ORDER BY grant_id, provider";

/// Takes one event in.
///
/// # Errors
/// When the event cannot be read or the database refuses.
pub async fn apply(tx: &Tx, event: &RecordedEvent) -> Result<(), ProjectionError> {
    let Some(change) = event.read::<GrantEvent>()? else {
        return Ok(());
    };
    match change {
        GrantEvent::ShadowLimitsSet {
            shadow,
            provider,
            limits,
        } => {
            let (id, tenant, grant) = (shadow.uuid(), event.tenant.uuid(), event.stream_uuid());
            let name = provider.to_string();
            let definition = Json(Shadow {
                id: shadow,
                provider,
                limits,
            });
            let values: [&(dyn ToSql + Sync); 6] =
                [&id, &tenant, &grant, &name, &definition, &event.occurred_at];
            tx.execute(SET, &values).await?;
        }
        GrantEvent::ShadowLimitsDropped { shadow } | GrantEvent::ShadowLimitsAdopted { shadow } => {
            tx.execute(ENDED, &[&ShadowId::uuid(shadow)]).await?;
        }
        GrantEvent::Revoked { .. } => {
            tx.execute(ENDED_WITH_GRANT, &[&event.stream_uuid()])
                .await?;
        }
        _ => {}
    }
    Ok(())
}

/// The shadow limits of these grants.
///
/// # Errors
/// When the database refuses or a row cannot be read.
pub async fn of(
    tx: &Tx,
    grants: &[GrantId],
) -> Result<HashMap<GrantId, Vec<ShadowRow>>, DatabaseError> {
    let sought: Vec<Uuid> = grants.iter().map(|grant| grant.uuid()).collect();
    let mut found: HashMap<GrantId, Vec<ShadowRow>> = HashMap::new();
    for row in tx.query(OF_GRANTS, &[&sought]).await? {
        let Json(shadow) = row.try_get("definition").map_err(|_| DatabaseError::Row {
            table: "consent.shadow_limits",
            column: "definition",
        })?;
        let grant = GrantId::from_uuid(row.get("grant_id"));
        found.entry(grant).or_default().push(ShadowRow {
            shadow,
            set_at: row.get("set_at"),
        });
    }
    Ok(found)
}
