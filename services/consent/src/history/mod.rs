//! Every decision about a person's vault: what was granted, denied, changed and ended, when, and by
//! whom. Made of the events alone.

pub mod http;
pub mod page;
pub mod projection;

pub use projection::{DecidedBy, DecisionRow, Kind};

use ids::{EventId, TenantId, UserId};
use postgres::DatabaseError;

use crate::vault::Vault;

/// Which decisions are asked for.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Those before this one.
    pub before: Option<EventId>,
    /// Those about this app: its id, or its name as it gave it.
    pub app: Option<String>,
    /// How many at most.
    pub limit: i64,
}

/// A person's decisions, newest first.
///
/// # Errors
/// When the database refuses.
pub async fn of(
    vault: &Vault,
    (tenant, user): (TenantId, UserId),
    wanted: &Wanted,
) -> Result<Vec<DecisionRow>, DatabaseError> {
    let tx = vault.begin("list decisions", tenant).await?;
    let rows = projection::of_user(&tx, user, wanted).await?;
    tx.commit().await?;
    Ok(rows)
}
