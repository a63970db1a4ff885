//! A call as it must stand in the counters.

use ids::CallId;
use money::Nanodollars;

use crate::{
    above::OwnersAbove,
    bucket::Bucket,
    epoch::Epoch,
    hold::{Held, Hold},
};

/// One call as a booking: what must stand in the counters for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Booking {
    pub(crate) bucket: Bucket,
    /// The grants above and the budgets, at each of which it must stand too.
    pub(crate) above: OwnersAbove,
    pub(crate) call: CallId,
    /// The epoch in which it was reserved; `None` if it is not known that it was.
    pub(crate) reserved_in: Option<Epoch>,
    pub(crate) settled: bool,
    /// The worst case while it runs, the cost once it is settled.
    pub(crate) amount: Nanodollars,
    pub(crate) at_ms: i64,
    pub(crate) deadline_ms: i64,
    /// Whether the request itself counts. It does not if the reservation may never have been made.
    pub(crate) adds_request: bool,
}

impl Booking {
    pub(crate) fn held(held: &Held) -> Self {
        Self {
            bucket: held.bucket,
            above: held.above.clone(),
            call: held.call,
            reserved_in: Some(held.epoch),
            settled: false,
            amount: held.amount,
            at_ms: held.at.as_millisecond(),
            deadline_ms: held.deadline.as_millisecond(),
            adds_request: true,
        }
    }

    pub(crate) fn settled(hold: Hold, actual: Nanodollars, at: jiff::Timestamp) -> Self {
        Self {
            bucket: hold.bucket,
            above: hold.above,
            call: hold.call,
            reserved_in: Some(hold.epoch),
            settled: true,
            amount: actual,
            at_ms: at.as_millisecond(),
            deadline_ms: 0,
            adds_request: true,
        }
    }

    /// What undoes a reservation that may or may not have been made, or may yet be.
    pub(crate) const fn undo(bucket: Bucket, above: OwnersAbove, call: CallId) -> Self {
        Self {
            bucket,
            above,
            call,
            reserved_in: None,
            settled: true,
            amount: Nanodollars::ZERO,
            at_ms: 0,
            deadline_ms: 0,
            adds_request: false,
        }
    }

    /// Whether it counts against any of these.
    pub(crate) fn counts_against(&self, buckets: &[Bucket]) -> bool {
        self.above
            .buckets(self.bucket)
            .any(|bucket| buckets.contains(&bucket))
    }
}
