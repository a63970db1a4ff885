//! Rows derived from events.

use std::future::Future;

use events::Unreadable;
use ids::TenantId;
use postgres::{DatabaseError, Tx};

use crate::recorded::RecordedEvent;

/// Why an event could not be projected.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionError {
    /// This version cannot read it: the projection stops here.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The database refused.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Rows that events add up to. Applied inline, with the append, or by a follower; never both.
pub trait Projection {
    /// Takes one event in. Events of other families pass by.
    fn apply(
        &self,
        tx: &Tx,
        event: &RecordedEvent,
    ) -> impl Future<Output = Result<(), ProjectionError>> + Send;

    /// Removes all rows of the transaction's tenant.
    fn clear(&self, tx: &Tx) -> impl Future<Output = Result<(), ProjectionError>> + Send;
}

const TENANT_EVENTS: &str = "
    -- event_store.events_of_tenant
    SELECT e.transaction_id::text AS xid, e.position, e.tenant_id, e.stream, e.version, e.id, e.type, e.schema,
           e.occurred_at, e.actor, e.correlation_id, e.payload
      FROM store.events e
     WHERE e.tenant_id = $1
     ORDER BY e.transaction_id, e.position";

/// Makes a projection's rows of one organization anew from its events, in the caller's
/// transaction, which must be scoped to that organization.
///
/// # Errors
/// When an event cannot be read or the database refuses; then nothing has changed.
pub async fn rebuild<P: Projection + Sync>(
    tx: &Tx,
    tenant: TenantId,
    projection: &P,
) -> Result<usize, ProjectionError> {
    projection.clear(tx).await?;
    let rows = tx.query(TENANT_EVENTS, &[&tenant.uuid()]).await?;
    for row in &rows {
        projection.apply(tx, &RecordedEvent::from_row(row)).await?;
    }
    Ok(rows.len())
}
