//! What a granted reservation is, and how it is named.

use clock::{next_day, next_month};
use events::LimitName;
use ids::{CallId, ShadowId};
use jiff::Timestamp;
use money::Nanodollars;

use crate::{
    above::OwnersAbove, bucket::Bucket, epoch::Epoch, error::StoreError, limits::CallLimits,
    script::Reply,
};

/// Names a hold: enough to end it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Hold {
    /// Whose limits it counts against.
    pub bucket: Bucket,
    /// The grants above, the budgets and the shadows that it counts against as well.
    pub above: OwnersAbove,
    /// The call it was made for.
    pub call: CallId,
    /// The epoch in which it was made.
    pub epoch: Epoch,
}

/// The worst case of one call, held against all limits of its grant until it is settled.
///
/// Dropping this ends nothing: a hold of a call that began is released by evidence alone.
#[must_use = "a hold counts against the limits until it is settled"]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Whose limits it counts against.
    pub bucket: Bucket,
    /// The grants above, the budgets and the shadows that it counts against as well.
    pub above: OwnersAbove,
    /// The call it was made for.
    pub call: CallId,
    /// The epoch in which it was made.
    pub epoch: Epoch,
    /// The worst case that is held.
    pub amount: Nanodollars,
    /// When it was made, by Redis's clock. Its day and month are the periods that pay.
    pub at: Timestamp,
    /// After this instant billing may settle it in the proxy's place.
    pub deadline: Timestamp,
    /// What is left of the tightest spend limit after this hold, of its grant, those above and the
    /// budgets;
    /// `None` without a spend limit.
    pub remaining: Option<Nanodollars>,
    /// What is left of the requests per minute, where they are tightest, if limited.
    pub requests_per_minute: Option<RequestsLeft>,
    /// What is left of the requests per day, where they are tightest, if limited.
    pub requests_per_day: Option<RequestsLeft>,
    /// The shadows that would have refused the call, and by which limit. It is not counted there, and
    /// they are not among those above.
    pub would_refuse: Vec<(ShadowId, LimitName)>,
}

impl Held {
    /// Whether another call like this one would be refused while this one runs, or a shadow may say
    /// that it would be.
    #[must_use]
    pub fn leaves_no_room(&self) -> bool {
        self.above.has_shadows() || self.remaining.is_some_and(|left| left < self.amount)
    }
}

/// How a limit on requests stands after a hold; for the `RateLimit` header fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestsLeft {
    /// What the limit allows.
    pub limit: u32,
    /// What is left of it.
    pub remaining: u32,
    /// Seconds until some of it comes back, rounded up, at least 1.
    pub resets_in_seconds: u32,
}

impl From<&Held> for Hold {
    fn from(held: &Held) -> Self {
        Self {
            bucket: held.bucket,
            above: held.above.clone(),
            call: held.call,
            epoch: held.epoch,
        }
    }
}

impl From<Held> for Hold {
    fn from(held: Held) -> Self {
        Self {
            bucket: held.bucket,
            above: held.above,
            call: held.call,
            epoch: held.epoch,
        }
    }
}

/// The counters as a script read them, before anything was added.
pub(crate) struct Counters {
    pub(crate) now: Timestamp,
    /// An instant of the day that counts: Redis's today, or a later day it has already seen.
    pub(crate) day: Timestamp,
    pub(crate) requests_today: u64,
    pub(crate) day_settled: Nanodollars,
    pub(crate) day_held: Nanodollars,
    pub(crate) month_settled: Nanodollars,
    pub(crate) month_held: Nanodollars,
    pub(crate) requests_in_minute: u64,
    pub(crate) oldest_in_minute: Timestamp,
}

impl Counters {
    /// Reads the tail that `reserve.lua` and `standing.lua` share; of several owners, that of the
    /// one at `level`, counted from the call's own.
    pub(crate) fn read(reply: &Reply, level: usize) -> Result<Self, StoreError> {
        let count = |index| reply.number(index).map(|n| u64::try_from(n).unwrap_or(0));
        let first = 2 + level * Self::VALUES;
        Ok(Self {
            now: reply.instant(1)?,
            day: instant_of_day(reply.number(first)?),
            requests_today: count(first + 1)?,
            day_settled: reply.nanos(first + 2)?,
            day_held: reply.nanos(first + 3)?,
            month_settled: reply.nanos(first + 4)?,
            month_held: reply.nanos(first + 5)?,
            requests_in_minute: count(first + 6)?,
            oldest_in_minute: reply.instant(first + 7)?,
        })
    }

    /// How many values of a reply tell the counters of one owner.
    pub(crate) const VALUES: usize = 8;

    pub(crate) fn day_ends(&self) -> Timestamp {
        next_day(self.day)
    }

    pub(crate) fn month_ends(&self) -> Timestamp {
        next_month(self.day)
    }

    /// When the oldest request of the last minute stops counting.
    pub(crate) fn minute_eases(&self) -> Timestamp {
        self.oldest_in_minute
            .checked_add(jiff::SignedDuration::from_secs(60))
            .unwrap_or(Timestamp::MAX)
    }

    pub(crate) fn day_used(&self) -> Nanodollars {
        sum(self.day_settled, self.day_held)
    }

    pub(crate) fn month_used(&self) -> Nanodollars {
        sum(self.month_settled, self.month_held)
    }

    /// What is left of the tightest spend limit once `amount` more is taken.
    pub(crate) fn remaining_after(
        &self,
        amount: Nanodollars,
        limits: &CallLimits,
    ) -> Option<Nanodollars> {
        let day = limits
            .daily()
            .map(|limit| limit.remaining_after(sum(self.day_used(), amount)));
        let month = limits
            .monthly()
            .map(|limit| limit.remaining_after(sum(self.month_used(), amount)));
        [day, month].into_iter().flatten().min()
    }

    /// How a limit on requests stands once one more is counted.
    pub(crate) fn requests_left(
        &self,
        limit: u32,
        used: u64,
        resets_at: Timestamp,
    ) -> RequestsLeft {
        let left = u64::from(limit).saturating_sub(used).saturating_sub(1);
        RequestsLeft {
            limit,
            remaining: u32::try_from(left).unwrap_or(u32::MAX),
            resets_in_seconds: seconds_until(self.now, resets_at),
        }
    }
}

/// A sum that stays at the largest amount rather than overflow.
pub(crate) fn sum(one: Nanodollars, other: Nanodollars) -> Nanodollars {
    one.checked_add(other)
        .unwrap_or(Nanodollars::from_nanos(i64::MAX))
}

/// The first instant of a day that Redis numbered from 1970-01-01.
pub(crate) fn instant_of_day(day: i64) -> Timestamp {
    Timestamp::from_second(day.saturating_mul(86_400)).unwrap_or(Timestamp::MAX)
}

/// Whole seconds from `now` until `then`, rounded up, at least 1: what `Retry-After` may say.
pub(crate) fn seconds_until(now: Timestamp, then: Timestamp) -> u32 {
    let milliseconds = then
        .as_millisecond()
        .saturating_sub(now.as_millisecond())
        .max(1);
    u32::try_from(milliseconds.saturating_add(999) / 1000).unwrap_or(u32::MAX)
}
