//! `auth.emails`: where people can be reached. Apart from events, so that it can be forgotten.

use std::collections::HashMap;

use ids::{TenantId, UserId};
use postgres::{DatabaseError, Tx};

use super::EmailAddress;

const KEEP: &str = "
    -- auth.keep_email
    INSERT INTO auth.emails (tenant_id, email, user_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";

const USER_OF: &str = "
    -- auth.user_of_email
    SELECT user_id FROM auth.emails WHERE email = $1";

const OF_USERS: &str = "
    -- auth.emails_of_users
    SELECT DISTINCT ON (user_id) user_id, email
      FROM auth.emails
     WHERE user_id = ANY($1)
     ORDER BY user_id, email";

/// Writes down where a person can be reached, unless somebody else has this address.
///
/// # Errors
/// When the database refuses.
pub async fn keep(
    tx: &Tx,
    tenant: TenantId,
    email: &EmailAddress,
    user: UserId,
) -> Result<(), DatabaseError> {
    tx.execute(KEEP, &[&tenant.uuid(), &email.reveal(), &user.uuid()])
        .await?;
    Ok(())
}

/// Whose address of the transaction's organization this is.
///
/// # Errors
/// When the database refuses.
pub async fn user_of(tx: &Tx, email: &EmailAddress) -> Result<Option<UserId>, DatabaseError> {
    let row = tx.query_opt(USER_OF, &[&email.reveal()]).await?;
    Ok(row.map(|row| UserId::from_uuid(row.get("user_id"))))
}

/// One address of each of these people, as far as known.
///
/// # Errors
/// When the database refuses.
pub async fn of_users(tx: &Tx, users: &[UserId]) -> Result<HashMap<UserId, String>, DatabaseError> {
    let users: Vec<_> = users.iter().map(|user| user.uuid()).collect();
    let rows = tx.query(OF_USERS, &[&users]).await?;
    Ok(rows
        .iter()
        .map(|row| (UserId::from_uuid(row.get("user_id")), row.get("email")))
        .collect())
}
