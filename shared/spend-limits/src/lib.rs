#![doc = include_str!("../README.md")]
#![deny(clippy::float_arithmetic, clippy::as_conversions)]

mod above;
mod booking;
mod bucket;
mod carry;
mod connection;
mod ended;
mod epoch;
mod error;
mod hold;
mod in_hand;
mod ledger;
mod limits;
mod of_spool;
mod opening;
mod overdue;
mod reserve;
mod revocation;
mod script;
mod settle;
mod settle_behind;
mod standing;
mod sworn;
#[cfg(test)]
mod tests;
mod together;
mod use_once;
mod words;

pub use above::{Above, MOST_ANCESTORS, MOST_BUDGETS, MOST_SHADOWS, OwnersAbove};
pub use bucket::{Bucket, NotABucket, Owner};
pub use carry::{POLL, Spent, Unrecorded};
pub use connection::SpendLimits;
pub use ended::REMEMBERED;
pub use epoch::{Epoch, EpochError};
pub use error::{LimitsError, StoreError};
pub use events::LimitName;
pub use hold::{Held, Hold, RequestsLeft};
pub use ledger::{Ledger, Load, RECORDED_HORIZON, RecordedCall};
pub use limits::{Amount, CallLimits, LimitStanding};
pub use of_spool::{SpoolHold, SpoolPlace};
pub use opening::{AWAITED, Begun, GRACE, Grace, OpenError, Opened, Opening};
pub use overdue::OverdueHold;
pub use reserve::{Refused, Reservation};
pub use settle::Settled;
pub use standing::tightest;
