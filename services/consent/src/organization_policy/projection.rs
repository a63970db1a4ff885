//! `consent.organization_policies`: one row for each organization that set a policy.

use event_store::{ProjectionError, RecordedEvent};
use events::{OrganizationPolicyEvent, PolicyRules};
use jiff::Timestamp;
use postgres::{DatabaseError, Tx};
use serde_json::json;

/// An organization's policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyRow {
    /// What holds.
    pub rules: PolicyRules,
    /// Since when.
    pub changed_at: Timestamp,
}

const SET: &str = "
    -- consent.policy_set
    INSERT INTO consent.organization_policies (tenant_id, rules, changed_at)
    VALUES ($1, $2, $3)
        ON CONFLICT (tenant_id) DO UPDATE SET rules = excluded.rules, changed_at = excluded.changed_at";

pub(crate) const CLEAR: &str = "
    -- consent.clear_policies
    DELETE FROM consent.organization_policies";

const OF_TENANT: &str = "
    -- consent.policy_of_tenant
    SELECT rules, changed_at FROM consent.organization_policies WHERE tenant_id = store.current_tenant()";

/// Takes one event in.
///
/// # Errors
/// When the event cannot be read or the database refuses.
pub async fn apply(tx: &Tx, event: &RecordedEvent) -> Result<(), ProjectionError> {
    let Some(OrganizationPolicyEvent::Set { rules }) = event.read()? else {
        return Ok(());
    };
    let tenant = event.tenant.uuid();
    tx.execute(SET, &[&tenant, &json!(rules), &event.occurred_at])
        .await?;
    Ok(())
}

/// The policy of the transaction's organization, if it ever set one.
///
/// # Errors
/// When the database refuses or the row cannot be read.
pub async fn of_tenant(tx: &Tx) -> Result<Option<PolicyRow>, DatabaseError> {
    let Some(row) = tx.query_opt(OF_TENANT, &[]).await? else {
        return Ok(None);
    };
    let rules = serde_json::from_value(row.get("rules")).map_err(|_| DatabaseError::Row {
        table: "consent.organization_policies",
        column: "rules",
    })?;
    Ok(Some(PolicyRow {
        rules,
        changed_at: row.get("changed_at"),
    }))
}
