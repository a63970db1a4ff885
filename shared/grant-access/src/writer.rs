//! The writing side: consent's, within the transaction that appends the event.

use events::AuthorizationDetail;
use ids::{GrantId, KeyThumbprint, TokenDigest};
use jiff::Timestamp;
use postgres::{DatabaseError, Tx};
use tokio_postgres::types::{Json, ToSql};

use crate::access::{Ancestor, GrantAccess};

const OPEN: &str = "
    -- consent.open_grant_access
    INSERT INTO consent.grant_access
           (token_digest, tenant_id, grant_id, user_id, app, details, expires_at, closed_at, version,
            narrowed, token_ends_at, ancestors, key_thumbprint)
    VALUES ($1, $2, $3, $4, $5, $6, LEAST($7::timestamptz, $11::timestamptz), $8, $9, $10, $11, $12, $13)";

const OF_TOKEN: &str = "
    -- consent.grant_access_of_token
    SELECT tenant_id, grant_id, user_id, app, details, expires_at, closed_at, ancestors, key_thumbprint, version, narrowed
      FROM consent.grant_access
     WHERE token_digest = $1";

const CHANGE_UNDER: &str = "
    -- consent.change_grant_access_under
    UPDATE consent.grant_access
       SET details = $2, expires_at = LEAST($3, token_ends_at), ancestors = $4, version = version + 1
     WHERE grant_id = $1
       AND closed_at IS NULL";

const CHANGE: &str = "
    -- consent.change_grant_access
    UPDATE consent.grant_access
       SET details = $2, expires_at = LEAST($3, token_ends_at), version = version + 1
     WHERE grant_id = $1
       AND narrowed IS NULL
       AND closed_at IS NULL";

const NARROWED: &str = "
    -- consent.narrowed_grant_access
    SELECT token_digest, narrowed
      FROM consent.grant_access
     WHERE grant_id = $1
       AND narrowed IS NOT NULL
       AND closed_at IS NULL";

const CHANGE_NARROWED: &str = "
    -- consent.change_narrowed_grant_access
    UPDATE consent.grant_access
       SET details = $2, expires_at = LEAST($3, token_ends_at), version = version + 1
     WHERE token_digest = $1
       AND closed_at IS NULL";

const OUTDATE: &str = "
    -- consent.outdate_grant_access
    UPDATE consent.grant_access
       SET token_ends_at = $2, expires_at = LEAST(expires_at, $2), version = version + 1
     WHERE grant_id = $1
       AND token_ends_at > $2
       AND closed_at IS NULL";

// Closing is final: the first instant stays.
const CLOSE: &str = "
    -- consent.close_grant_access
    UPDATE consent.grant_access
       SET closed_at = $2, version = version + 1
     WHERE grant_id = $1
       AND closed_at IS NULL";

/// How one token differs from its grant.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terms<'a> {
    /// What the token was narrowed to, if its app asked for less than the grant.
    pub narrowed: Option<&'a [AuthorizationDetail]>,
    /// When the token ends, if it may end before its grant.
    pub ends_at: Option<Timestamp>,
}

/// Lets the token with this digest do what `access` says, for as long as its grant lasts.
///
/// # Errors
/// When the database refuses: the digest is there already
/// ([`DatabaseError::is_unique_violation`]), or the transaction is of another organization.
pub async fn open(
    tx: &Tx,
    digest: &TokenDigest,
    access: &GrantAccess,
) -> Result<(), DatabaseError> {
    open_under(tx, digest, access, Terms::default()).await
}

/// Lets the token with this digest do what `access` says, under these terms. `access` itself holds
/// what follows from the grant and the terms together.
///
/// # Errors
/// When the database refuses, as for [`open`].
pub async fn open_under(
    tx: &Tx,
    digest: &TokenDigest,
    access: &GrantAccess,
    terms: Terms<'_>,
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
            &terms.narrowed.map(Json),
            &terms.ends_at,
            &(!access.ancestors.is_empty()).then_some(Json(&access.ancestors)),
            &access.bound_to.as_ref().map(KeyThumbprint::as_str),
        ],
    )
    .await?;
    Ok(())
}

/// What a token of the transaction's organization may do, closed or not, and what it was narrowed to
/// if it was.
///
/// # Errors
/// When the database refuses or the row cannot be read.
pub async fn of_token(
    tx: &Tx,
    digest: &TokenDigest,
) -> Result<Option<(GrantAccess, Option<Vec<AuthorizationDetail>>)>, DatabaseError> {
    let row = tx
        .query_opt(OF_TOKEN, &[&digest.as_bytes().as_slice()])
        .await?;
    let Some(row) = row else { return Ok(None) };
    let narrowed: Option<Json<_>> = row.try_get("narrowed").map_err(|_| DatabaseError::Row {
        table: "consent.grant_access",
        column: "narrowed",
    })?;
    let access = GrantAccess::from_row(&row)?;
    Ok(Some((access, narrowed.map(|Json(narrowed)| narrowed))))
}

/// Changes what the token of a grant below others may do, and what those allow.
///
/// # Errors
/// When the database refuses.
pub async fn change_under(
    tx: &Tx,
    grant: GrantId,
    details: &[AuthorizationDetail],
    expires_at: Timestamp,
    ancestors: &[Ancestor],
) -> Result<(), DatabaseError> {
    let values: [&(dyn ToSql + Sync); 4] =
        [&grant.uuid(), &Json(details), &expires_at, &Json(ancestors)];
    tx.execute(CHANGE_UNDER, &values).await.map(drop)
}

/// Changes what the tokens of a grant may do, save those that were narrowed; the tokens stay. False
/// when the grant has no such token or is closed: then nothing changed.
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

/// The tokens of a grant that were narrowed, and to what: each follows a change in its own way.
///
/// # Errors
/// When the database refuses or a row cannot be read.
pub async fn narrowed(
    tx: &Tx,
    grant: GrantId,
) -> Result<Vec<(TokenDigest, Vec<AuthorizationDetail>)>, DatabaseError> {
    let unreadable = |column| DatabaseError::Row {
        table: "consent.grant_access",
        column,
    };
    tx.query(NARROWED, &[&grant.uuid()])
        .await?
        .iter()
        .map(|row| {
            let digest: &[u8] = row.get("token_digest");
            let digest =
                TokenDigest::from_bytes(digest).ok_or_else(|| unreadable("token_digest"))?;
            let Json(narrowed) = row
                .try_get("narrowed")
                .map_err(|_| unreadable("narrowed"))?;
            Ok((digest, narrowed))
        })
        .collect()
}

/// Changes what one narrowed token may do.
///
/// # Errors
/// When the database refuses.
pub async fn change_narrowed(
    tx: &Tx,
    digest: TokenDigest,
    details: &[AuthorizationDetail],
    expires_at: Timestamp,
) -> Result<(), DatabaseError> {
    tx.execute(
        CHANGE_NARROWED,
        &[&digest.as_bytes().as_slice(), &Json(details), &expires_at],
    )
    .await
    .map(drop)
}

/// Ends the tokens of a grant that may end before it at `at`, if they would last longer: another
/// has taken their place.
///
/// # Errors
/// When the database refuses.
pub async fn outdate(tx: &Tx, grant: GrantId, at: Timestamp) -> Result<(), DatabaseError> {
    tx.execute(OUTDATE, &[&grant.uuid(), &at]).await.map(drop)
}

/// Ends what the tokens of a grant may do, for good. False when the grant has no token yet or was
/// closed before.
///
/// # Errors
/// When the database refuses.
pub async fn close(tx: &Tx, grant: GrantId, at: Timestamp) -> Result<bool, DatabaseError> {
    let rows = tx.execute(CLOSE, &[&grant.uuid(), &at]).await?;
    Ok(rows > 0)
}
