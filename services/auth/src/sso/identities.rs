//! `auth.identities`: people at identity providers, by connection and subject.

use ids::{ConnectionId, TenantId, UserId};
use jiff::Timestamp;
use postgres::{DatabaseError, Tx};

const USER_OF: &str = "
    -- auth.user_of_identity
    SELECT user_id FROM auth.identities WHERE connection_id = $1 AND subject = $2";

const HAS_ANY: &str = "
    -- auth.user_has_identity
    SELECT EXISTS (SELECT 1 FROM auth.identities WHERE user_id = $1) AS has_any";

const LINK: &str = "
    -- auth.link_identity
    INSERT INTO auth.identities (tenant_id, connection_id, subject, user_id, linked_at)
    VALUES ($1, $2, $3, $4, $5)";

/// Whose identity this is, in the transaction's organization.
///
/// # Errors
/// When the database refuses.
pub async fn user_of(
    tx: &Tx,
    connection: ConnectionId,
    subject: &str,
) -> Result<Option<UserId>, DatabaseError> {
    let row = tx
        .query_opt(USER_OF, &[&connection.uuid(), &subject])
        .await?;
    Ok(row.map(|row| UserId::from_uuid(row.get("user_id"))))
}

/// Whether somebody is known at any identity provider.
///
/// # Errors
/// When the database refuses.
pub async fn has_any(tx: &Tx, user: UserId) -> Result<bool, DatabaseError> {
    Ok(tx.query_one(HAS_ANY, &[&user.uuid()]).await?.get("has_any"))
}

/// Writes down whose identity this is from now on.
///
/// # Errors
/// When it is somebody's already, or the database refuses.
pub async fn link(
    tx: &Tx,
    tenant: TenantId,
    (connection, subject): (ConnectionId, &str),
    user: UserId,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 5] = [
        &tenant.uuid(),
        &connection.uuid(),
        &subject,
        &user.uuid(),
        &now,
    ];
    tx.execute(LINK, &parameters).await?;
    Ok(())
}
