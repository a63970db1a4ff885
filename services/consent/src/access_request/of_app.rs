//! Requests found by the app that they are of.

use events::AppKey;
use ids::{GrantId, RequestId, UserId};
use jiff::Timestamp;
use postgres::{DatabaseError, Tx};

use super::{AccessRequestRow, projection::from_row};

const OF_GRANT: &str = "
    -- consent.access_request_of_grant
    SELECT request_id, user_id, transport, app, details, extends, granted, state, reason, grant_id, received_at, expires_at, handle_id, rule_id, unasked
      FROM consent.access_requests
     WHERE request_id = (SELECT request_id FROM consent.grants WHERE grant_id = $1)";

const WAITING_OF: &str = "
    -- consent.access_requests_waiting_of_app
    SELECT request_id
      FROM consent.access_requests
     WHERE user_id = $1 AND app_key = $2 AND state = 'pending' AND expires_at > $3
     ORDER BY received_at
     LIMIT 100";

/// The request that a grant came of.
///
/// # Errors
/// When the database refuses or the row cannot be read.
pub async fn of_grant(tx: &Tx, grant: GrantId) -> Result<Option<AccessRequestRow>, DatabaseError> {
    tx.query_opt(OF_GRANT, &[&grant.uuid()])
        .await?
        .as_ref()
        .map(from_row)
        .transpose()
}

/// What waits for a person's decision of one app, oldest first, at most 100.
///
/// # Errors
/// When the database refuses.
pub async fn waiting_of(
    tx: &Tx,
    user: UserId,
    key: &AppKey,
    now: Timestamp,
) -> Result<Vec<RequestId>, DatabaseError> {
    let rows = tx
        .query(WAITING_OF, &[&user.uuid(), &key.to_string(), &now])
        .await?;
    Ok(rows
        .iter()
        .map(|row| RequestId::from_uuid(row.get("request_id")))
        .collect())
}
