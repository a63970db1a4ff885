//! The grants that everybody of an organization gave one app that has an id: `consent.grants` by its
//! column `app`.

pub mod http;

use ids::{AppId, GrantId};
use jiff::Timestamp;
use postgres::{DatabaseError, Tx};

use super::{GrantRow, projection::rows_with_those_above};

/// Why a grant ended that an administrator revoked, for its person to read.
pub const REVOKED_BY_ADMINISTRATOR: &str = "revoked by an administrator of your organization";

const IS_KNOWN: &str = "
    -- consent.is_app_known
    SELECT EXISTS (SELECT 1 FROM consent.apps WHERE app_id = $1)
        OR EXISTS (SELECT 1 FROM consent.grants WHERE app->>'app' = $2) AS known";

const LIVE: &str = "
    -- consent.live_grants_of_app_by_everybody
    SELECT grant_id
      FROM consent.grants
     WHERE app->>'app' = $1 AND state = 'live' AND expires_at > $2 AND ($3::uuid IS NULL OR grant_id > $3)
     ORDER BY grant_id
     LIMIT $4";

const LIST: &str = "
    -- consent.list_live_grants_of_app
    SELECT grant_id, user_id, app, details, state, granted_at, expires_at, ancestors, within,
           (SELECT rule_id FROM consent.access_requests r WHERE r.request_id = grants.request_id) AS rule_id
      FROM consent.grants
     WHERE app->>'app' = $1 AND state = 'live' AND expires_at > $2 AND ($3::uuid IS NULL OR grant_id < $3)
     ORDER BY grant_id DESC
     LIMIT $4";

/// Whether the transaction's organization has to do with this app: it is or was one of its own, or
/// somebody granted it something.
///
/// # Errors
/// When the database refuses.
pub async fn is_known(tx: &Tx, app: AppId) -> Result<bool, DatabaseError> {
    let row = tx
        .query_one(IS_KNOWN, &[&app.uuid(), &app.to_string()])
        .await?;
    Ok(row.get("known"))
}

/// The live grants of an app in the transaction's organization, the older first, those after
/// `after`.
///
/// # Errors
/// When the database refuses.
pub async fn live(
    tx: &Tx,
    app: AppId,
    after: Option<GrantId>,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<GrantId>, DatabaseError> {
    let after = after.map(GrantId::uuid);
    let rows = tx
        .query(LIVE, &[&app.to_string(), &now, &after, &limit])
        .await?;
    Ok(rows
        .iter()
        .map(|row| GrantId::from_uuid(row.get("grant_id")))
        .collect())
}

/// The same as connected apps show them, newest first, those before `before`.
///
/// # Errors
/// When the database refuses or a row cannot be read.
pub async fn list(
    tx: &Tx,
    app: AppId,
    before: Option<GrantId>,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<GrantRow>, DatabaseError> {
    let before = before.map(GrantId::uuid);
    let rows = tx
        .query(LIST, &[&app.to_string(), &now, &before, &limit])
        .await?;
    rows_with_those_above(tx, &rows, now).await
}
