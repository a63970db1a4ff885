//! `consent.budgets`: the budgets in force. The proxy reads it too.

use event_store::{ProjectionError, RecordedEvent};
use events::{BudgetAmounts, BudgetEvent, BudgetScope, BudgetShadow};
use ids::{BudgetId, UserId};
use jiff::Timestamp;
use postgres::{DatabaseError, Tx};
use serde_json::{Value, json};
use tokio_postgres::{Row, types::Json};

/// A budget in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetRow {
    /// The budget.
    pub id: BudgetId,
    /// Whose calls it bounds.
    pub scope: BudgetScope,
    /// What it allows.
    pub amounts: BudgetAmounts,
    /// Its name for people.
    pub label: Option<String>,
    /// Since when.
    pub set_at: Timestamp,
    /// When it was changed last.
    pub changed_at: Timestamp,
    /// Lower amounts that are tried, and since when.
    pub shadow: Option<(BudgetShadow, Timestamp)>,
}

const SET: &str = "
    -- consent.budget_set
    INSERT INTO consent.budgets (budget_id, tenant_id, scope_key, scope, amounts, label, set_at, changed_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $7)";

const CHANGED: &str = "
    -- consent.budget_changed
    UPDATE consent.budgets SET amounts = $2, label = $3, changed_at = $4 WHERE budget_id = $1";

const SHADOW: &str = "
    -- consent.budget_shadow_limits
    UPDATE consent.budgets SET shadow = $2, shadow_set_at = $3 WHERE budget_id = $1";

const REMOVED: &str = "
    -- consent.budget_removed
    DELETE FROM consent.budgets WHERE budget_id = $1";

pub(crate) const CLEAR: &str = "
    -- consent.clear_budgets
    DELETE FROM consent.budgets";

const OF_TENANT: &str = "
    -- consent.budgets_of_tenant
    SELECT budget_id, scope, amounts, label, set_at, changed_at, shadow, shadow_set_at
      FROM consent.budgets
     WHERE tenant_id = store.current_tenant()
     ORDER BY budget_id";

// Whoever granted nothing spends nothing. A person's first event is that they joined.
const WHO_GRANTED: &str = "
    -- consent.people_who_granted
    SELECT granted.user_id, joined.payload->>'name' AS name
      FROM (SELECT DISTINCT user_id FROM consent.grants WHERE tenant_id = store.current_tenant()) AS granted
      JOIN store.events AS joined
        ON joined.stream = 'user-' || granted.user_id AND joined.version = 1 AND joined.type = 'user.joined'
     ORDER BY name, user_id
     LIMIT 500";

/// Takes one event in.
///
/// # Errors
/// When the event cannot be read or the database refuses.
pub async fn apply(tx: &Tx, event: &RecordedEvent) -> Result<(), ProjectionError> {
    let Some(change) = event.read::<BudgetEvent>()? else {
        return Ok(());
    };
    let (id, at) = (event.stream_uuid(), &event.occurred_at);
    match change {
        BudgetEvent::Set {
            scope,
            amounts,
            label,
        } => {
            let (tenant, key) = (event.tenant.uuid(), scope.to_string());
            let (scope, amounts): (Value, Value) = (json!(scope), json!(amounts));
            tx.execute(SET, &[&id, &tenant, &key, &scope, &amounts, &label, at])
                .await?;
        }
        BudgetEvent::Changed { amounts, label } => {
            tx.execute(CHANGED, &[&id, &json!(amounts), &label, at])
                .await?;
        }
        BudgetEvent::ShadowLimitsSet { shadow, amounts } => {
            let tried = Json(BudgetShadow {
                id: shadow,
                amounts,
            });
            tx.execute(SHADOW, &[&id, &Some(tried), &Some(*at)]).await?;
        }
        BudgetEvent::ShadowLimitsDropped { .. } | BudgetEvent::ShadowLimitsAdopted { .. } => {
            let (none, never) = (None::<Json<BudgetShadow>>, None::<Timestamp>);
            tx.execute(SHADOW, &[&id, &none, &never]).await?;
        }
        BudgetEvent::Removed {} => {
            tx.execute(REMOVED, &[&id]).await?;
        }
    }
    Ok(())
}

/// The budgets of the transaction's organization, oldest first.
///
/// # Errors
/// When the database refuses or a row cannot be read.
pub async fn of_tenant(tx: &Tx) -> Result<Vec<BudgetRow>, DatabaseError> {
    let rows = tx.query(OF_TENANT, &[]).await?;
    rows.iter().map(from_row).collect()
}

/// The people of the transaction's organization who granted something, by their names; 500 at most.
///
/// # Errors
/// When the database refuses.
pub async fn who_granted(tx: &Tx) -> Result<Vec<(UserId, String)>, DatabaseError> {
    let rows = tx.query(WHO_GRANTED, &[]).await?;
    let person = |row: &Row| (UserId::from_uuid(row.get("user_id")), row.get("name"));
    Ok(rows.iter().map(person).collect())
}

fn from_row(row: &Row) -> Result<BudgetRow, DatabaseError> {
    let unreadable = |column| DatabaseError::Row {
        table: "consent.budgets",
        column,
    };
    Ok(BudgetRow {
        id: BudgetId::from_uuid(row.get("budget_id")),
        scope: serde_json::from_value(row.get("scope")).map_err(|_| unreadable("scope"))?,
        amounts: serde_json::from_value(row.get("amounts")).map_err(|_| unreadable("amounts"))?,
        label: row.get("label"),
        set_at: row.get("set_at"),
        changed_at: row.get("changed_at"),
        shadow: shadow_of(row)?,
    })
}

fn shadow_of(row: &Row) -> Result<Option<(BudgetShadow, Timestamp)>, DatabaseError> {
    let shadow: Option<Json<BudgetShadow>> =
        row.try_get("shadow").map_err(|_| DatabaseError::Row {
            table: "consent.budgets",
            column: "shadow",
        })?;
    let shadow = shadow.map(|Json(shadow)| shadow);
    Ok(shadow.zip(row.get("shadow_set_at")))
}
