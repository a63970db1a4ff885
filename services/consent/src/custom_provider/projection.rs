//! `consent.custom_providers`: one row for each provider that an organization has beside the
//! built-in ones. The proxy reads it beside a grant.

use event_store::{ProjectionError, RecordedEvent};
use events::{CustomProvider, CustomProviderEvent, Provider};
use ids::CustomProviderId;
use jiff::Timestamp;
use postgres::{DatabaseError, Tx};
use serde_json::json;
use tokio_postgres::Row;

/// A provider that an organization added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomProviderRow {
    /// Its id.
    pub id: CustomProviderId,
    /// All of it.
    pub provider: CustomProvider,
    /// Since when.
    pub added_at: Timestamp,
}

const ADDED: &str = "
    -- consent.custom_provider_added
    INSERT INTO consent.custom_providers (provider_id, tenant_id, name, definition, added_at)
    VALUES ($1, $2, $3, $4, $5)";

const REMOVED: &str = "
    -- consent.custom_provider_removed
    DELETE FROM consent.custom_providers WHERE provider_id = $1";

pub(crate) const CLEAR: &str = "
    -- consent.clear_custom_providers
    DELETE FROM consent.custom_providers";

const OF_TENANT: &str = "
    -- consent.custom_providers_of_tenant
    SELECT provider_id, definition, added_at
      FROM consent.custom_providers
     WHERE tenant_id = store.current_tenant()
     ORDER BY name";

const NAMED: &str = "
    -- consent.custom_provider_named
    SELECT provider_id, definition, added_at
      FROM consent.custom_providers
     WHERE tenant_id = store.current_tenant() AND name = $1";

/// Takes one event in.
///
/// # Errors
/// When the event cannot be read or the database refuses.
pub async fn apply(tx: &Tx, event: &RecordedEvent) -> Result<(), ProjectionError> {
    let Some(change) = event.read::<CustomProviderEvent>()? else {
        return Ok(());
    };
    let id = event.stream_uuid();
    match change {
        CustomProviderEvent::Added { provider } => {
            let (tenant, name) = (event.tenant.uuid(), provider.name.as_str());
            let definition = json!(provider);
            tx.execute(
                ADDED,
                &[&id, &tenant, &name, &definition, &event.occurred_at],
            )
            .await?
        }
        CustomProviderEvent::Removed {} => tx.execute(REMOVED, &[&id]).await?,
    };
    Ok(())
}

/// Those of the transaction's organization, by name.
///
/// # Errors
/// When the database refuses or a row cannot be read.
pub async fn of_tenant(tx: &Tx) -> Result<Vec<CustomProviderRow>, DatabaseError> {
    let rows = tx.query(OF_TENANT, &[]).await?;
    rows.iter().map(from_row).collect()
}

/// The one of this name that the transaction's organization has.
///
/// # Errors
/// When the database refuses or the row cannot be read.
pub async fn named(tx: &Tx, name: &Provider) -> Result<Option<CustomProviderRow>, DatabaseError> {
    let row = tx.query_opt(NAMED, &[&name.as_str()]).await?;
    row.as_ref().map(from_row).transpose()
}

fn from_row(row: &Row) -> Result<CustomProviderRow, DatabaseError> {
    let provider = serde_json::from_value(row.get("definition"));
    Ok(CustomProviderRow {
        id: CustomProviderId::from_uuid(row.get("provider_id")),
        provider: provider.map_err(|_| DatabaseError::Row {
            table: "consent.custom_providers",
            column: "definition",
        })?,
        added_at: row.get("added_at"),
    })
}
