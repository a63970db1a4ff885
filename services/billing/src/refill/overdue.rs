//! Holds whose call is recorded but was never settled: its proxy died in between.

use jiff::Timestamp;
use money::Nanodollars;
use spend_limits::{LimitsError, OverdueHold, SpendLimits};

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
/// until their proxy, or the next one in its place, tells how their call ended, or else to the end of
/// their day and month.
pub async fn settle_recorded(
    limits: &SpendLimits,
    ledger: &Ledger,
    now: Timestamp,
) -> Result<u32, OverdueError> {
    let mut unexplained = 0;
    loop {
        // Those that were settled are gone from the list; the others stand before the rest of it.
        let overdue = limits.overdue(unexplained, AT_ONCE).await?;
        if overdue.is_empty() {
            return Ok(unexplained);
        }
        let calls: Vec<_> = overdue.iter().map(|late| late.hold.call).collect();
        let costs = ledger.costs(&calls).await.map_err(LedgerError::from)?;
        for late in overdue {
            let cost = costs.get(&late.hold.call).copied();
            match cost.or_else(|| is_over(&late, now).then_some(Nanodollars::ZERO)) {
                Some(cost) => {
                    limits.settle(late.hold, cost).await?;
                }
                None => unexplained += 1,
            }
        }
    }
}

/// Whether it counts nowhere any more: the month in which it was held is over, and so is the day after
/// that, for clocks differ.
fn is_over(late: &OverdueHold, now: Timestamp) -> bool {
    now > clock::next_day(clock::next_month(late.at))
}
