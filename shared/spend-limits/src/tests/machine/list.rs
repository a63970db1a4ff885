//! What the plain list of calls says.

use clock::{day_of, month_of};
use jiff::SignedDuration;

use super::{call::Call, world::World};
use crate::tests::*;

/// In this order limits are named where several are in the way.
const LASTING_LONGEST: [LimitName; 4] = [
    LimitName::MonthlySpend,
    LimitName::DailySpend,
    LimitName::RequestsPerDay,
    LimitName::RequestsPerMinute,
];

/// What a list of calls says of one bucket.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) month_spent: i64,
    pub(super) month_held: i64,
    pub(super) day_spent: i64,
    pub(super) day_held: i64,
    pub(super) requests_today: u64,
    pub(super) requests_in_minute: u64,
}

impl World {
    /// What Redis must say, where a hold may stand though the ledger knows its call.
    pub(super) fn standing(&self, bucket: usize) -> Sums {
        self.sums(bucket, true, |_| true)
    }

    pub(super) fn sums(
        &self,
        bucket: usize,
        standing: bool,
        counts: impl Fn(&Call) -> bool,
    ) -> Sums {
        let mut sums = Sums::default();
        for call in self
            .calls
            .iter()
            .filter(|call| call.counts_at(bucket) && counts(call))
        {
            let (at, held) = (call.held.at, call.held.amount.nanos());
            let cost = call.cost.filter(|_| !(call.unsettled && standing));
            let (spent, held) = cost.map_or((0, held), |cost| (cost, 0));
            if month_of(at) == month_of(self.now) {
                sums.month_spent += spent;
                sums.month_held += held;
            }
            if day_of(at) == day_of(self.now) {
                sums.day_spent += spent;
                sums.day_held += held;
                sums.requests_today += 1;
            }
            let ago = self.now.duration_since(at);
            sums.requests_in_minute += u64::from(ago < SignedDuration::from_secs(60));
        }
        sums
    }

    /// The limit of these that the list of calls says is in the way, and whose it is.
    pub(super) fn in_the_way(&self, buckets: &[usize], amount: i64) -> Option<(Owner, LimitName)> {
        let level = |&at: &usize| (at, self.standing(at), self.limits[at]);
        let levels: Vec<_> = buckets.iter().map(level).collect();
        let past = |limit: Option<Nanodollars>, sum| sum > limit.unwrap().nanos();
        let used_up = |limit: Option<u32>, used| limit.is_some_and(|most| used >= u64::from(most));
        let in_the_way = |name, sums: &Sums, limits: &CallLimits| match name {
            LimitName::MonthlySpend => past(
                limits.monthly_spend,
                sums.month_spent + sums.month_held + amount,
            ),
            LimitName::DailySpend => {
                past(limits.daily_spend, sums.day_spent + sums.day_held + amount)
            }
            LimitName::RequestsPerDay => used_up(limits.requests_per_day, sums.requests_today),
            _ => used_up(limits.requests_per_minute, sums.requests_in_minute),
        };
        LASTING_LONGEST.into_iter().find_map(|name| {
            let mut levels = levels.iter();
            let whose = levels.find(|(_, sums, limits)| in_the_way(name, sums, limits));
            whose.map(|(at, _, _)| (self.buckets[*at].owner, name))
        })
    }
}
