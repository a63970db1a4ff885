//! `consent.model_aliases`: one row for each model alias of an organization. The proxy reads it
//! beside a grant.

use event_store::{ProjectionError, RecordedEvent};
use events::{ModelAlias, ModelAliasEvent};
use ids::ModelAliasId;
use jiff::Timestamp;
use postgres::{DatabaseError, Tx};
use serde_json::json;
use tokio_postgres::Row;

/// A model alias in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelAliasRow {
    /// Its id.
    pub id: ModelAliasId,
    /// All of it.
    pub alias: ModelAlias,
    /// Since when.
    pub set_at: Timestamp,
    /// When it was changed last.
    pub changed_at: Timestamp,
}

// The name stays what it was first.
const SET: &str = "
    -- consent.model_alias_set
    INSERT INTO consent.model_aliases (alias_id, tenant_id, name, definition, set_at, changed_at)
    VALUES ($1, $2, $3, $4, $5, $5)
        ON CONFLICT (alias_id) DO UPDATE SET definition = excluded.definition, changed_at = excluded.changed_at";

const REMOVED: &str = "
    -- consent.model_alias_removed
    DELETE FROM consent.model_aliases WHERE alias_id = $1";

pub(crate) const CLEAR: &str = "
    -- consent.clear_model_aliases
    DELETE FROM consent.model_aliases";

const OF_TENANT: &str = "
    -- consent.model_aliases_of_tenant
    SELECT alias_id, definition, set_at, changed_at
      FROM consent.model_aliases
     WHERE tenant_id = store.current_tenant()
     ORDER BY name";

const IS_NAMED: &str = "
    -- consent.model_alias_is_named
    SELECT EXISTS (SELECT FROM consent.model_aliases
                    WHERE tenant_id = store.current_tenant() AND name = $1)";

/// Takes one event in.
///
/// # Errors
/// When the event cannot be read or the database refuses.
pub async fn apply(tx: &Tx, event: &RecordedEvent) -> Result<(), ProjectionError> {
    let Some(change) = event.read::<ModelAliasEvent>()? else {
        return Ok(());
    };
    let id = event.stream_uuid();
    match change {
        ModelAliasEvent::Set { alias } => {
            let (tenant, name) = (event.tenant.uuid(), alias.name.as_str());
            let definition = json!(alias);
            tx.execute(SET, &[&id, &tenant, &name, &definition, &event.occurred_at])
                .await?
        }
        ModelAliasEvent::Removed {} => tx.execute(REMOVED, &[&id]).await?,
    };
    Ok(())
}

/// Those of the transaction's organization, by name.
///
/// # Errors
/// When the database refuses or a row cannot be read.
pub async fn of_tenant(tx: &Tx) -> Result<Vec<ModelAliasRow>, DatabaseError> {
    let rows = tx.query(OF_TENANT, &[]).await?;
    rows.iter().map(from_row).collect()
}

/// Whether the transaction's organization has one of this name.
///
/// # Errors
/// When the database refuses.
pub async fn is_named(tx: &Tx, name: &str) -> Result<bool, DatabaseError> {
    let row = tx.query_opt(IS_NAMED, &[&name]).await?;
    Ok(row.is_some_and(|row| row.get(0)))
}

fn from_row(row: &Row) -> Result<ModelAliasRow, DatabaseError> {
    let alias = serde_json::from_value(row.get("definition"));
    Ok(ModelAliasRow {
        id: ModelAliasId::from_uuid(row.get("alias_id")),
        alias: alias.map_err(|_| DatabaseError::Row {
            table: "consent.model_aliases",
            column: "definition",
        })?,
        set_at: row.get("set_at"),
        changed_at: row.get("changed_at"),
    })
}
