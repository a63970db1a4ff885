//! `auth.users`: the members of an organization.

use event_store::{ProjectionError, RecordedEvent};
use events::UserEvent;
use ids::UserId;
use jiff::Timestamp;
use postgres::{DatabaseError, Tx};
use sessions::Role;
use tokio_postgres::Row;

/// A member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    /// Who.
    pub user: UserId,
    /// What they are called.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Since when.
    pub joined_at: Timestamp,
}

const JOINED: &str = "
    -- auth.user_joined
    INSERT INTO auth.users (user_id, tenant_id, name, role, joined_at) VALUES ($1, $2, $3, $4, $5)";

pub(crate) const CLEAR: &str = "
    -- auth.clear_users
    DELETE FROM auth.users";

const ONE: &str = "
    -- auth.user
    SELECT user_id, name, role, joined_at FROM auth.users WHERE user_id = $1";

// Ids are of version 7, so this is the order in which people joined.
const AFTER: &str = "
    -- auth.users_after
    SELECT user_id, name, role, joined_at
      FROM auth.users
     WHERE $1::uuid IS NULL OR user_id > $1
     ORDER BY user_id
     LIMIT $2";

/// Takes one event in.
///
/// # Errors
/// When the event cannot be read or the database refuses.
pub async fn apply(tx: &Tx, event: &RecordedEvent) -> Result<(), ProjectionError> {
    let Some(UserEvent::Joined { name, role }) = event.read::<UserEvent>()? else {
        return Ok(());
    };
    let (id, tenant) = (event.stream_uuid(), event.tenant.uuid());
    tx.execute(JOINED, &[&id, &tenant, &name, &role, &event.occurred_at])
        .await?;
    Ok(())
}

/// One member of the transaction's organization.
///
/// # Errors
/// When the database refuses or the row cannot be read.
pub async fn one(tx: &Tx, user: UserId) -> Result<Option<UserRow>, DatabaseError> {
    tx.query_opt(ONE, &[&user.uuid()])
        .await?
        .as_ref()
        .map(from_row)
        .transpose()
}

/// Up to `limit` members of the transaction's organization who joined after `after`.
///
/// # Errors
/// When the database refuses or a row cannot be read.
pub async fn after(
    tx: &Tx,
    after: Option<UserId>,
    limit: i64,
) -> Result<Vec<UserRow>, DatabaseError> {
    let after = after.map(UserId::uuid);
    tx.query(AFTER, &[&after, &limit])
        .await?
        .iter()
        .map(from_row)
        .collect()
}

fn from_row(row: &Row) -> Result<UserRow, DatabaseError> {
    let role: &str = row.get("role");
    Ok(UserRow {
        user: UserId::from_uuid(row.get("user_id")),
        name: row.get("name"),
        role: role.parse().map_err(|_| DatabaseError::Row {
            table: "auth.users",
            column: "role",
        })?,
        joined_at: row.get("joined_at"),
    })
}
