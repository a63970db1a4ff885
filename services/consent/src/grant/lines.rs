//! `consent.grants` along the line from a grant to those made from it, in `ancestors` and `root_id`.

use std::collections::HashMap;

use ids::GrantId;
use jiff::Timestamp;
use postgres::{DatabaseError, Tx};
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use super::family::Member;

const MEMBERS: &str = "
    -- consent.grants_of_family
    SELECT grant_id, details, ancestors, within FROM consent.grants WHERE grant_id = ANY ($1)";

const ROOT: &str = "
    -- consent.root_of_grant
    SELECT COALESCE(root_id, grant_id) AS root FROM consent.grants WHERE grant_id = $1";

const HOLD_FAMILY: &str = "
    -- consent.hold_family
    SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";

const LIVE_BELOW: &str = "
    -- consent.count_live_grants_below
    SELECT count(*) AS live FROM consent.grants WHERE root_id = $1 AND state = 'live' AND expires_at > $2";

// A family is small, so its rows are found by its root and looked through.
const BELOW: &str = "
    -- consent.live_grants_below
    SELECT grant_id
      FROM consent.grants
     WHERE root_id = $1 AND $2 = ANY (ancestors) AND state = 'live' AND expires_at > $3
     ORDER BY grant_id";

/// Lets one transaction at a time change, end or add to the grants of this one's family, until it
/// ends; gives the grant at the top.
///
/// # Errors
/// When the database refuses.
pub async fn hold_family(tx: &Tx, grant: GrantId) -> Result<GrantId, DatabaseError> {
    let row = tx.query_opt(ROOT, &[&grant.uuid()]).await?;
    let root = row.map_or(grant, |row| GrantId::from_uuid(row.get("root")));
    tx.execute(HOLD_FAMILY, &[&root.to_string()]).await?;
    Ok(root)
}

/// How many live grants were made from the one at the top, over all generations.
///
/// # Errors
/// When the database refuses.
pub async fn live_below(tx: &Tx, root: GrantId, now: Timestamp) -> Result<i64, DatabaseError> {
    let row = tx.query_one(LIVE_BELOW, &[&root.uuid(), &now]).await?;
    Ok(row.get("live"))
}

/// The live grants below one of the family of `root`, the older first.
///
/// # Errors
/// When the database refuses.
pub async fn below(
    tx: &Tx,
    root: GrantId,
    grant: GrantId,
    now: Timestamp,
) -> Result<Vec<GrantId>, DatabaseError> {
    let rows = tx
        .query(BELOW, &[&root.uuid(), &grant.uuid(), &now])
        .await?;
    Ok(rows
        .iter()
        .map(|row| GrantId::from_uuid(row.get("grant_id")))
        .collect())
}

/// For each of these grants the line from the top down to it.
///
/// # Errors
/// When the database refuses or a row cannot be read.
pub async fn lines(tx: &Tx, grants: &[GrantId]) -> Result<Vec<Vec<Member>>, DatabaseError> {
    let own = members(tx, grants.iter().copied()).await?;
    let above = own.values().flat_map(|member| member.ancestors.clone());
    let above = members(tx, above).await?;
    let line = |grant: &GrantId| {
        let Some(member) = own.get(grant) else {
            return Vec::new();
        };
        let from_the_top = member.ancestors.iter().rev();
        from_the_top
            .filter_map(|grant| above.get(grant))
            .chain([member])
            .cloned()
            .collect()
    };
    Ok(grants.iter().map(line).collect())
}

pub(super) async fn members(
    tx: &Tx,
    grants: impl Iterator<Item = GrantId>,
) -> Result<HashMap<GrantId, Member>, DatabaseError> {
    let sought: Vec<Uuid> = grants.map(GrantId::uuid).collect();
    if sought.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = tx.query(MEMBERS, &[&sought]).await?;
    let members = rows.iter().map(member);
    members
        .map(|member| member.map(|member| (member.id, member)))
        .collect()
}

pub(super) fn member(row: &Row) -> Result<Member, DatabaseError> {
    let unreadable = |column| DatabaseError::Row {
        table: "consent.grants",
        column,
    };
    let above: Vec<Uuid> = row.get("ancestors");
    let within: Option<Value> = row.get("within");
    let within = within.map(serde_json::from_value).transpose();
    Ok(Member {
        id: GrantId::from_uuid(row.get("grant_id")),
        ancestors: above.into_iter().map(GrantId::from_uuid).collect(),
        within: within.map_err(|_| unreadable("within"))?,
        details: serde_json::from_value(row.get("details")).map_err(|_| unreadable("details"))?,
    })
}
