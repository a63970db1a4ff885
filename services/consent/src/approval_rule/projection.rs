//! `consent.approval_rules`: the rules in force.

use event_store::{ProjectionError, RecordedEvent};
use events::{AppKey, ApprovalRuleEvent, RuleTerms};
use ids::{ApprovalRuleId, UserId};
use jiff::Timestamp;
use postgres::{DatabaseError, Tx};
use serde_json::{Value, json};
use tokio_postgres::Row;

/// A rule in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalRuleRow {
    /// The rule.
    pub id: ApprovalRuleId,
    /// Who wrote it.
    pub user: UserId,
    /// For which app.
    pub key: AppKey,
    /// The app's name when it was written.
    pub name: String,
    /// What it grants.
    pub terms: RuleTerms,
    /// Since when.
    pub written_at: Timestamp,
}

const WRITTEN: &str = "
    -- consent.approval_rule_written
    INSERT INTO consent.approval_rules (rule_id, tenant_id, user_id, app_key, key, name, terms, written_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

const REMOVED: &str = "
    -- consent.approval_rule_removed
    DELETE FROM consent.approval_rules WHERE rule_id = $1";

pub(crate) const CLEAR: &str = "
    -- consent.clear_approval_rules
    DELETE FROM consent.approval_rules";

const OF_USER: &str = "
    -- consent.approval_rules_of_user
    SELECT rule_id, user_id, key, name, terms, written_at
      FROM consent.approval_rules
     WHERE user_id = $1
     ORDER BY rule_id DESC";

const OF_APP: &str = "
    -- consent.approval_rules_of_app
    SELECT rule_id, user_id, key, name, terms, written_at
      FROM consent.approval_rules
     WHERE user_id = $1 AND app_key = $2
     ORDER BY rule_id";

/// Takes one event in.
///
/// # Errors
/// When the event cannot be read or the database refuses.
pub async fn apply(tx: &Tx, event: &RecordedEvent) -> Result<(), ProjectionError> {
    let Some(change) = event.read::<ApprovalRuleEvent>()? else {
        return Ok(());
    };
    let id = event.stream_uuid();
    match change {
        ApprovalRuleEvent::Written {
            user,
            key,
            name,
            terms,
        } => {
            let (tenant, user, app_key) = (event.tenant.uuid(), user.uuid(), key.to_string());
            let (key, terms): (Value, Value) = (json!(key), json!(terms));
            let at = &event.occurred_at;
            tx.execute(
                WRITTEN,
                &[&id, &tenant, &user, &app_key, &key, &name, &terms, at],
            )
            .await?;
        }
        ApprovalRuleEvent::Removed {} => {
            tx.execute(REMOVED, &[&id]).await?;
        }
    }
    Ok(())
}

/// A person's rules, newest first.
///
/// # Errors
/// When the database refuses or a row cannot be read.
pub async fn of_user(tx: &Tx, user: UserId) -> Result<Vec<ApprovalRuleRow>, DatabaseError> {
    tx.query(OF_USER, &[&user.uuid()])
        .await?
        .iter()
        .map(from_row)
        .collect()
}

/// A person's rules for one app, oldest first.
///
/// # Errors
/// When the database refuses or a row cannot be read.
pub async fn of_app(
    tx: &Tx,
    user: UserId,
    key: &AppKey,
) -> Result<Vec<ApprovalRuleRow>, DatabaseError> {
    tx.query(OF_APP, &[&user.uuid(), &key.to_string()])
        .await?
        .iter()
        .map(from_row)
        .collect()
}

fn from_row(row: &Row) -> Result<ApprovalRuleRow, DatabaseError> {
    let unreadable = |column| DatabaseError::Row {
        table: "consent.approval_rules",
        column,
    };
    Ok(ApprovalRuleRow {
        id: ApprovalRuleId::from_uuid(row.get("rule_id")),
        user: UserId::from_uuid(row.get("user_id")),
        key: serde_json::from_value(row.get("key")).map_err(|_| unreadable("key"))?,
        name: row.get("name"),
        terms: serde_json::from_value(row.get("terms")).map_err(|_| unreadable("terms"))?,
        written_at: row.get("written_at"),
    })
}
