//! `consent.blocked_apps`: the blocks in force.

use event_store::{ProjectionError, RecordedEvent};
use events::{AppIdentity, AppKey, BlockedAppEvent};
use ids::{BlockedAppId, UserId};
use jiff::Timestamp;
use postgres::{DatabaseError, Tx};
use serde_json::{Value, json};
use tokio_postgres::Row;

/// A block in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockedAppRow {
    /// The block.
    pub id: BlockedAppId,
    /// Who blocks.
    pub user: UserId,
    /// By what the app is known.
    pub key: AppKey,
    /// The app as the person saw it.
    pub app: AppIdentity,
    /// Since when.
    pub blocked_at: Timestamp,
}

const BLOCKED: &str = "
    -- consent.app_blocked
    INSERT INTO consent.blocked_apps (block_id, tenant_id, user_id, app_key, key, app, blocked_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";

const UNBLOCKED: &str = "
    -- consent.app_unblocked
    DELETE FROM consent.blocked_apps WHERE block_id = $1";

pub(crate) const CLEAR: &str = "
    -- consent.clear_blocked_apps
    DELETE FROM consent.blocked_apps";

const OF_USER: &str = "
    -- consent.blocked_apps_of_user
    SELECT block_id, user_id, key, app, blocked_at
      FROM consent.blocked_apps
     WHERE user_id = $1
     ORDER BY block_id DESC";

const BLOCKS: &str = "
    -- consent.is_app_blocked
    SELECT EXISTS (SELECT 1 FROM consent.blocked_apps WHERE user_id = $1 AND app_key = ANY($2)) AS blocked";

/// Takes one event in.
///
/// # Errors
/// When the event cannot be read or the database refuses.
pub async fn apply(tx: &Tx, event: &RecordedEvent) -> Result<(), ProjectionError> {
    let Some(change) = event.read::<BlockedAppEvent>()? else {
        return Ok(());
    };
    let id = event.stream_uuid();
    match change {
        BlockedAppEvent::Blocked { user, key, app } => {
            let (tenant, user, app_key) = (event.tenant.uuid(), user.uuid(), key.to_string());
            let (key, app): (Value, Value) = (json!(key), json!(app));
            tx.execute(
                BLOCKED,
                &[
                    &id,
                    &tenant,
                    &user,
                    &app_key,
                    &key,
                    &app,
                    &event.occurred_at,
                ],
            )
            .await?;
        }
        BlockedAppEvent::Unblocked {} => {
            tx.execute(UNBLOCKED, &[&id]).await?;
        }
    }
    Ok(())
}

/// Everything that a person blocks, newest first.
///
/// # Errors
/// When the database refuses or a row cannot be read.
pub async fn of_user(tx: &Tx, user: UserId) -> Result<Vec<BlockedAppRow>, DatabaseError> {
    tx.query(OF_USER, &[&user.uuid()])
        .await?
        .iter()
        .map(from_row)
        .collect()
}

/// Whether a person blocks an app that is known by one of these.
///
/// # Errors
/// When the database refuses.
pub async fn blocks(tx: &Tx, user: UserId, keys: &[AppKey]) -> Result<bool, DatabaseError> {
    let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
    Ok(tx
        .query_one(BLOCKS, &[&user.uuid(), &keys])
        .await?
        .get("blocked"))
}

fn from_row(row: &Row) -> Result<BlockedAppRow, DatabaseError> {
    let unreadable = |column| DatabaseError::Row {
        table: "consent.blocked_apps",
        column,
    };
    Ok(BlockedAppRow {
        id: BlockedAppId::from_uuid(row.get("block_id")),
        user: UserId::from_uuid(row.get("user_id")),
        key: serde_json::from_value(row.get("key")).map_err(|_| unreadable("key"))?,
        app: serde_json::from_value(row.get("app")).map_err(|_| unreadable("app"))?,
        blocked_at: row.get("blocked_at"),
    })
}
