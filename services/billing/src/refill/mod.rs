//! Giving Redis back what it forgot: the ledger fills a new epoch of limits.

mod ledger;
mod overdue;
mod refill;

pub use ledger::{Ledger, LedgerError, Spent};
pub use overdue::OverdueError;
pub use refill::Refill;
