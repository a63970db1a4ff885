//! Holds whose call is recorded but was never settled: its proxy died in between.

use spend_limits::{LimitsError, SpendLimits};

use crate::refill::ledger::{Ledger, LedgerError};

/// Holds looked at in one go.
const AT_ONCE: u16 = 200;

/// Why overdue holds could not be settled.
#[derive(Debug, thiserror::Error)]
pub enum OverdueError {
    /// Redis cannot be asked.
    #[error(transparent)]
    Limits(#[from] LimitsError),
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Settles overdue holds at what their record says; tells how many remain without one. Those count
/// until their proxy, or the next one in its place, tells how their call ended.
pub async fn settle_recorded(limits: &SpendLimits, ledger: &Ledger) -> Result<u32, OverdueError> {
    let overdue = limits.overdue(AT_ONCE).await?;
    if overdue.is_empty() {
        return Ok(0);
    }
    let calls: Vec<_> = overdue.iter().map(|late| late.hold.call).collect();
    let costs = ledger.costs(&calls).await.map_err(LedgerError::from)?;
    let mut unexplained = 0;
    for late in overdue {
        match costs.get(&late.hold.call) {
            Some(cost) => {
                limits.settle(late.hold, *cost).await?;
            }
            None => unexplained += 1,
        }
    }
    Ok(unexplained)
}
