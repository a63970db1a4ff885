//! Making the books anew from events.

use events::{CallEvent, EventPayload};
use ids::TenantId;
use jiff::civil::{Date, date};
use postgres::{DatabaseError, Scope, Tx};
use uuid::Uuid;

use crate::usage::{
    projection::{BATCH, NAME, Usage, UsageError, book},
    row::UsageRow,
};

const TENANTS: &str = "
    -- billing.tenants_with_usage
    SELECT DISTINCT tenant_id FROM billing.usage_by_day";

const CLEAR_USAGE: &str = "
    -- billing.clear_usage
    DELETE FROM billing.usage WHERE tenant_id = $1";

const CLEAR_DAYS: &str = "
    -- billing.clear_usage_by_day
    DELETE FROM billing.usage_by_day WHERE tenant_id = $1";

const CLEAR_BUDGETS: &str = "
    -- billing.clear_budget_use
    DELETE FROM billing.budget_use_by_day WHERE tenant_id = $1";

const CLEAR_SHADOWS: &str = "
    -- billing.clear_shadow_use
    DELETE FROM billing.shadow_use_by_day WHERE tenant_id = $1";

// Only what the projection has read: the rest is still to come to it.
const EVENTS_OF: &str = "
    -- billing.call_events_of_tenant
    SELECT e.day, e.id, e.type, e.schema, e.payload
      FROM store.call_events e, store.checkpoints c
     WHERE e.tenant_id = $1
       AND c.name = $2
       AND (e.transaction_id, e.position) <= (c.transaction_id, c.position)
       AND (e.day, e.id) > ($3, $4)
     ORDER BY e.day, e.id
     LIMIT $5";

impl Usage {
    /// Makes all rows of every organization anew, in one transaction: until it commits, pages and
    /// limits see the old rows. Tells how many calls were booked.
    ///
    /// # Errors
    /// When the database refuses or an event cannot be read; then nothing has changed.
    pub async fn rebuild_all(&self) -> Result<usize, UsageError> {
        let tx = self.postgres.begin("rebuild usage", Scope::None).await?;
        self.follower.start_over(&tx).await?;
        tx.set_scope(Scope::Follower).await?;
        let tenants = tx.query(TENANTS, &[]).await?;
        for row in &tenants {
            clear(&tx, TenantId::from_uuid(row.get("tenant_id"))).await?;
        }
        let mut booked = 0;
        loop {
            match self.book_batch(&tx).await? {
                0 => break,
                more => booked += more,
            }
        }
        tx.commit().await?;
        Ok(booked)
    }

    /// Makes the rows of one organization anew; the others and the checkpoint stay as they are.
    /// Tells how many calls were booked.
    ///
    /// # Errors
    /// When the database refuses or an event cannot be read; then nothing has changed.
    pub async fn rebuild_of(&self, tenant: TenantId) -> Result<usize, UsageError> {
        let tx = self
            .postgres
            .begin("rebuild usage of tenant", Scope::None)
            .await?;
        // Reads nothing, but holds the checkpoint where it is.
        self.follower.next(&tx, 0).await?;
        clear(&tx, tenant).await?;
        // Before every UUID version 7.
        let mut after = (date(1, 1, 1), Uuid::nil());
        let mut booked = 0;
        loop {
            let rows = tx
                .query(
                    EVENTS_OF,
                    &[&tenant.uuid(), &NAME, &after.0, &after.1, &BATCH],
                )
                .await?;
            let Some(last) = rows.last() else { break };
            after = (last.get::<_, Date>("day"), last.get("id"));
            let mut calls = Vec::with_capacity(rows.len());
            for row in &rows {
                let event_type: &str = row.get("type");
                let CallEvent::Recorded(record) =
                    CallEvent::decode(event_type, row.get("schema"), row.get("payload"))?;
                calls.push(UsageRow::of(&record));
            }
            book(&tx, tenant, &calls).await?;
            booked += calls.len();
        }
        tx.commit().await?;
        Ok(booked)
    }
}

async fn clear(tx: &Tx, tenant: TenantId) -> Result<(), DatabaseError> {
    tx.set_scope(Scope::Tenant(tenant)).await?;
    tx.execute(CLEAR_USAGE, &[&tenant.uuid()]).await?;
    tx.execute(CLEAR_DAYS, &[&tenant.uuid()]).await?;
    tx.execute(CLEAR_BUDGETS, &[&tenant.uuid()]).await?;
    tx.execute(CLEAR_SHADOWS, &[&tenant.uuid()]).await?;
    Ok(())
}
