//! The writing side: consent's, within the transaction that appends the event.

use events::AuthorizationDetail;
use ids::{GrantId, TokenDigest};
use jiff::Timestamp;
use postgres::{DatabaseError, Tx};
use tokio_postgres::types::Json;

use crate::access::GrantAccess;

const OPEN: &str = "
    -- consent.open_grant_access
    INSERT INTO consent.grant_access
           (token_digest, tenant_id, grant_id, user_id, app, details, expires_at, closed_at, version)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

const CHANGE: &str = "
    -- consent.change_grant_access
    UPDATE consent.grant_access
       SET details = $2, expires_at = $3, version = version + 1
     WHERE grant_id = $1
       AND closed_at IS NULL";

// Closing is final: the first instant stays.
const CLOSE: &str = "
    -- consent.close_grant_access
    UPDATE consent.grant_access
       SET closed_at = $2, version = version + 1
     WHERE grant_id = $1
       AND closed_at IS NULL";

/// Lets the token with this digest do what `access` says.
///
/// # Errors
/// When the database refuses: the digest or the grant is there already
/// ([`DatabaseError::is_unique_violation`]), or the transaction is of another organization.
pub async fn open(
    tx: &Tx,
    digest: &TokenDigest,
    access: &GrantAccess,
) -> Result<(), DatabaseError> {
    tx.execute(
        OPEN,
        &[
            &digest.as_bytes().as_slice(),
            &access.tenant.uuid(),
            &access.grant.uuid(),
            &access.user.uuid(),
            &Json(&access.app),
            &Json(&access.details),
            &access.expires_at,
            &access.closed_at,
            &access.version,
        ],
    )
    .await?;
    Ok(())
}

/// Changes what the token of a grant may do; the token stays. False when the grant has no token
/// yet or is closed: then nothing changed.
///
/// # Errors
/// When the database refuses.
pub async fn change(
    tx: &Tx,
    grant: GrantId,
    details: &[AuthorizationDetail],
    expires_at: Timestamp,
) -> Result<bool, DatabaseError> {
    let rows = tx
        .execute(CHANGE, &[&grant.uuid(), &Json(details), &expires_at])
        .await?;
    Ok(rows > 0)
}

/// Ends what the token of a grant may do, for good. False when the grant has no token yet or was
/// closed before.
///
/// # Errors
/// When the database refuses.
pub async fn close(tx: &Tx, grant: GrantId, at: Timestamp) -> Result<bool, DatabaseError> {
    let rows = tx.execute(CLOSE, &[&grant.uuid(), &at]).await?;
    Ok(rows > 0)
}
