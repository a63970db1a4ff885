//! What the ledger gives back to an epoch that is being opened.

use std::time::Duration;

use ids::{CallId, GrantId};
use jiff::Timestamp;
use money::Nanodollars;

use crate::bucket::Bucket;

/// How far back [`Load::recorded`] must reach, by the time the ledger took the record.
pub const RECORDED_HORIZON: Duration = Duration::from_secs(600);

/// What the ledger knows, read after the opening began.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// One entry for each grant and each budget with a call in the current month.
    pub loads: Vec<Load>,
    /// Grants that were revoked.
    pub revoked: Vec<GrantId>,
    /// The spools in which calls may be written down that are in no ledger: whoever has one answers
    /// for it by [`Unrecorded::spools`](crate::Unrecorded::spools).
    pub spools: Vec<u64>,
}

/// What the ledger knows of one bucket, by the UTC day and month of the instant it was asked for.
/// A call belongs to the periods in which it was reserved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Load {
    /// Which one.
    pub bucket: Bucket,
    /// Sum of the costs of the day's calls.
    pub spent_today: Nanodollars,
    /// Number of the day's calls.
    pub requests_today: u32,
    /// Sum of the costs of the month's calls, the day's included.
    pub spent_this_month: Nanodollars,
    /// Every call that the sums hold and whose record the ledger took within
    /// [`RECORDED_HORIZON`]: a proxy may still remember it, and it must not count twice.
    pub recorded: Vec<RecordedCall>,
}

/// A call that the ledger has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedCall {
    /// The call.
    pub call: CallId,
    /// When it was reserved.
    pub at: Timestamp,
}
