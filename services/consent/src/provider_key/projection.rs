//! `consent.provider_keys`: what is known of each key, and never the key.

use event_store::{ProjectionError, RecordedEvent};
use events::{Provider, ProviderKeyEvent};
use ids::{ProviderKeyId, UserId};
use jiff::Timestamp;
use postgres::{DatabaseError, Tx};
use tokio_postgres::Row;

/// What is known of a provider key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderKeyRow {
    /// The key.
    pub id: ProviderKeyId,
    /// Whose it is.
    pub owner: UserId,
    /// Its provider.
    pub provider: Provider,
    /// The person's name for it.
    pub name: String,
    /// Its last four characters.
    pub last_four: String,
    /// The version that counts.
    pub version: i32,
    /// Whether it works.
    pub state: KeyState,
    /// When it was first stored.
    pub stored_at: Timestamp,
    /// When it last changed.
    pub changed_at: Timestamp,
    /// When the provider was last to be asked about this version.
    pub check_requested_at: Option<Timestamp>,
    /// When the provider last said whether it takes this version.
    pub checked_at: Option<Timestamp>,
}

impl ProviderKeyRow {
    /// Since when the provider is to be asked, if it has not said anything since.
    #[must_use]
    pub fn unanswered_since(&self) -> Option<Timestamp> {
        self.check_requested_at
            .filter(|asked| self.checked_at.is_none_or(|said| said < *asked))
    }
}

/// Whether a provider key works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// As far as is known.
    Usable,
    /// The provider refused it.
    Invalid,
}

impl KeyState {
    /// Its name on the wire and on pages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Usable => "usable",
            Self::Invalid => "invalid",
        }
    }
}

const STORED: &str = "
    -- consent.provider_key_stored
    INSERT INTO consent.provider_keys
           (key_id, tenant_id, owner_id, provider, name, last_four, version, state, stored_at, changed_at)
    VALUES ($1, $2, $3, $4, $5, $6, 1, 'usable', $7, $7)";

const ROTATED: &str = "
    -- consent.provider_key_rotated
    UPDATE consent.provider_keys
       SET version = $2, last_four = $3, state = 'usable', changed_at = $4,
           check_requested_at = NULL, checked_at = NULL
     WHERE key_id = $1";

const FOUND_INVALID: &str = "
    -- consent.provider_key_found_invalid
    UPDATE consent.provider_keys SET state = 'invalid', changed_at = $2, checked_at = $2 WHERE key_id = $1";

const CHECK_REQUESTED: &str = "
    -- consent.provider_key_check_requested
    UPDATE consent.provider_keys SET check_requested_at = $2 WHERE key_id = $1";

// A key that goes on working has not changed.
const FOUND_WORKING: &str = "
    -- consent.provider_key_found_working
    UPDATE consent.provider_keys
       SET changed_at = CASE state WHEN 'usable' THEN changed_at ELSE $2 END, state = 'usable', checked_at = $2
     WHERE key_id = $1";

const DELETED: &str = "
    -- consent.provider_key_deleted
    UPDATE consent.provider_keys SET state = 'deleted', changed_at = $2 WHERE key_id = $1";

pub(crate) const CLEAR: &str = "
    -- consent.clear_provider_keys
    DELETE FROM consent.provider_keys";

const OF_OWNER: &str = "
    -- consent.provider_keys_of_owner
    SELECT key_id, owner_id, provider, name, last_four, version, state, stored_at, changed_at,
           check_requested_at, checked_at
      FROM consent.provider_keys
     WHERE owner_id = $1 AND state <> 'deleted'
     ORDER BY provider, stored_at
     LIMIT 200";

const COUNT_OF_OWNER: &str = "
    -- consent.count_provider_keys_of_owner
    SELECT count(*) AS keys
      FROM consent.provider_keys
     WHERE owner_id = $1 AND state <> 'deleted'";

const ONE: &str = "
    -- consent.provider_key
    SELECT key_id, owner_id, provider, name, last_four, version, state, stored_at, changed_at,
           check_requested_at, checked_at
      FROM consent.provider_keys
     WHERE key_id = $1 AND state <> 'deleted'";

const OF_PROVIDER: &str = "
    -- consent.provider_keys_of_provider
    SELECT key_id
      FROM consent.provider_keys
     WHERE tenant_id = store.current_tenant() AND provider = $1 AND state <> 'deleted'";

/// Takes one event in.
///
/// # Errors
/// When the event cannot be read or the database refuses.
pub async fn apply(tx: &Tx, event: &RecordedEvent) -> Result<(), ProjectionError> {
    let Some(change) = event.read::<ProviderKeyEvent>()? else {
        return Ok(());
    };
    let id = event.stream_uuid();
    let at = &event.occurred_at;
    match change {
        ProviderKeyEvent::Stored {
            owner,
            provider,
            name,
            last_four,
        } => {
            let tenant = event.tenant.uuid();
            let owner = owner.uuid();
            tx.execute(
                STORED,
                &[
                    &id,
                    &tenant,
                    &owner,
                    &provider.as_str(),
                    &name,
                    &last_four,
                    at,
                ],
            )
            .await?
        }
        ProviderKeyEvent::Rotated { version, last_four } => {
            tx.execute(ROTATED, &[&id, &version, &last_four, at])
                .await?
        }
        ProviderKeyEvent::FoundInvalid { .. } => tx.execute(FOUND_INVALID, &[&id, at]).await?,
        ProviderKeyEvent::CheckRequested { .. } => tx.execute(CHECK_REQUESTED, &[&id, at]).await?,
        ProviderKeyEvent::FoundWorking { .. } => tx.execute(FOUND_WORKING, &[&id, at]).await?,
        ProviderKeyEvent::Deleted {} => tx.execute(DELETED, &[&id, at]).await?,
    };
    Ok(())
}

/// The keys a person owns, at most 200.
///
/// # Errors
/// When the database refuses or a row cannot be read.
pub async fn of_owner(tx: &Tx, owner: UserId) -> Result<Vec<ProviderKeyRow>, DatabaseError> {
    tx.query(OF_OWNER, &[&owner.uuid()])
        .await?
        .iter()
        .map(from_row)
        .collect()
}

/// How many keys a person owns.
///
/// # Errors
/// When the database refuses.
pub async fn count_of_owner(tx: &Tx, owner: UserId) -> Result<i64, DatabaseError> {
    let row = tx.query_one(COUNT_OF_OWNER, &[&owner.uuid()]).await?;
    Ok(row.get("keys"))
}

/// Every key of a provider, of whomever in the transaction's organization.
///
/// # Errors
/// When the database refuses.
pub async fn of_provider(
    tx: &Tx,
    provider: &Provider,
) -> Result<Vec<ProviderKeyId>, DatabaseError> {
    let rows = tx.query(OF_PROVIDER, &[&provider.as_str()]).await?;
    let id = |row: &Row| ProviderKeyId::from_uuid(row.get("key_id"));
    Ok(rows.iter().map(id).collect())
}

/// One key of the transaction's organization.
///
/// # Errors
/// When the database refuses or the row cannot be read.
pub async fn one(tx: &Tx, id: ProviderKeyId) -> Result<Option<ProviderKeyRow>, DatabaseError> {
    tx.query_opt(ONE, &[&id.uuid()])
        .await?
        .as_ref()
        .map(from_row)
        .transpose()
}

fn from_row(row: &Row) -> Result<ProviderKeyRow, DatabaseError> {
    let unreadable = |column| DatabaseError::Row {
        table: "consent.provider_keys",
        column,
    };
    let state = match row.get::<_, &str>("state") {
        "usable" => KeyState::Usable,
        "invalid" => KeyState::Invalid,
        _ => return Err(unreadable("state")),
    };
    Ok(ProviderKeyRow {
        id: ProviderKeyId::from_uuid(row.get("key_id")),
        owner: UserId::from_uuid(row.get("owner_id")),
        provider: row
            .get::<_, &str>("provider")
            .parse()
            .map_err(|_| unreadable("provider"))?,
        name: row.get("name"),
        last_four: row.get("last_four"),
        version: row.get("version"),
        state,
        stored_at: row.get("stored_at"),
        changed_at: row.get("changed_at"),
        check_requested_at: row.get("check_requested_at"),
        checked_at: row.get("checked_at"),
    })
}
