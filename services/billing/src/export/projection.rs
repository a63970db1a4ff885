//! Reading `billing.usage` from a cursor.

use std::sync::Arc;

use ids::TenantId;
use postgres::{DatabaseError, Postgres, Scope, Tx};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    export::format::WriteError,
    usage::{Month, UsageRow},
};

/// Exports that run at once: each keeps a connection as long as its reader takes.
const MOST_AT_ONCE: usize = 4;

/// The door to exports. Cheap to clone; clones count together.
#[derive(Clone)]
pub struct Exports {
    postgres: Postgres,
    places: Arc<Semaphore>,
}

/// An export under way: the rows of one organization and month as they stood when it began.
pub struct Export {
    tx: Tx,
    _place: OwnedSemaphorePermit,
}

/// Why an export did not begin or broke off.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// As many run already as may.
    #[error("too many exports run at once")]
    Busy,
    /// The database was not reached or refused.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A row could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

// The reader may be slow: it is given up when it takes nothing for this long.
const PATIENCE: &str = "
    -- billing.export_patience
    SET LOCAL idle_in_transaction_session_timeout = '60s'";

// A cursor sees what was there when it was declared, however long it is read from.
const DECLARE: &str = "
    -- billing.export_usage
    DECLARE usage_export NO SCROLL CURSOR FOR
    SELECT day, call_id, tenant_id, grant_id, ancestors, budgets, shadows, user_id, app_id, app_name, provider, key_id, model,
           capability, route, stream, cached, outcome, measurement, provider_status, input_tokens,
           cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens,
           reserved_nanodollars, cost_nanodollars, price_version, request_id, began_at, ended_at
      FROM billing.usage
     WHERE tenant_id = $1
       AND began_at >= $2
       AND began_at < $3
     ORDER BY began_at, call_id";

const FETCH: &str = "
    -- billing.export_usage_rows
    FETCH FORWARD 500 FROM usage_export";

impl Exports {
    /// Exports from this database.
    #[must_use]
    pub fn new(postgres: Postgres) -> Self {
        Self {
            postgres,
            places: Arc::new(Semaphore::new(MOST_AT_ONCE)),
        }
    }

    /// Begins to export a month of an organization, oldest calls first.
    ///
    /// # Errors
    /// When too many run at once or the database refuses.
    pub async fn begin(&self, tenant: TenantId, month: Month) -> Result<Export, ExportError> {
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| ExportError::Busy)?;
        let span = month.span();
        let tx = self
            .postgres
            .begin("export usage", Scope::Tenant(tenant))
            .await?;
        tx.execute(PATIENCE, &[]).await?;
        tx.execute(DECLARE, &[&tenant.uuid(), &span.start(), &span.end()])
            .await?;
        Ok(Export { tx, _place: place })
    }
}

impl Export {
    /// The next rows; none when all were read.
    ///
    /// # Errors
    /// When the database refuses or a row cannot be read.
    pub async fn next(&mut self) -> Result<Vec<UsageRow>, ExportError> {
        let rows = self.tx.query(FETCH, &[]).await?;
        Ok(rows
            .iter()
            .map(UsageRow::from_row)
            .collect::<Result<_, _>>()?)
    }
}
