//! How budgets stand, read from what enforces them.

use events::LimitName;
use jiff::Timestamp;
use serde::Serialize;
use spend_limits::{Bucket, CallLimits, LimitStanding};
use utoipa::ToSchema;

use super::BudgetRow;
use crate::vault::Vault;

/// One amount of a budget, and how much of it is used.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SpendView {
    /// `monthly_spend` or `daily_spend`.
    #[schema(value_type = String)]
    pub(super) name: LimitName,
    /// What it allows: USD as a decimal string.
    pub(super) limit: String,
    /// What is spent.
    pub(super) spent: String,
    /// What running calls hold.
    pub(super) reserved: String,
    /// What is left for new calls.
    pub(super) remaining: String,
    /// When the period ends.
    #[schema(value_type = String, format = DateTime)]
    resets_at: Timestamp,
}

/// Each budget with how it stands; `None` when that cannot be read now.
pub(super) async fn of(
    vault: &Vault,
    rows: Vec<BudgetRow>,
) -> Vec<(BudgetRow, Option<Vec<SpendView>>)> {
    let asked: Vec<_> = rows
        .iter()
        .map(|row| (Bucket::of_budget(row.id), CallLimits::from(&row.amounts)))
        .collect();
    let standings = vault.spend_limits.standings(&asked).await;
    if let Err(error) = &standings {
        tracing::warn!(%error, "budgets' use cannot be read");
    }
    let mut standings = standings.ok().map(Vec::into_iter);
    let mut next = || {
        let standing = standings.as_mut()?.next()?;
        Some(standing.iter().map(SpendView::from).collect())
    };
    rows.into_iter().map(|row| (row, next())).collect()
}

impl From<&LimitStanding> for SpendView {
    fn from(standing: &LimitStanding) -> Self {
        Self {
            name: standing.name,
            limit: standing.limit.to_string(),
            spent: standing.spent.to_string(),
            reserved: standing.reserved.to_string(),
            remaining: standing.remaining.to_string(),
            resets_at: standing.resets_at,
        }
    }
}
