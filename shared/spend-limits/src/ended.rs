//! The calls that ended a short while ago, all of them as they should be in one epoch.
//!
//! They are needed once more if that epoch is lost, and looked for never. There may be millions, so they
//! stand in lists, one behind the other, and not beside the few that run.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use ids::CallId;
use money::Nanodollars;

use crate::{above::OwnersAbove, booking::Booking, bucket::Bucket, epoch::Epoch};

/// How long a settled call is remembered, so that it can be carried into a new epoch if the
/// ledger does not have it yet. Records must reach the ledger within this time.
pub const REMEMBERED: Duration = Duration::from_secs(300);

/// A list has no more.
const MOST: usize = 1_024;
/// Nor do its calls end further apart: the last of them says how long all are remembered.
const SPAN: Duration = Duration::from_secs(10);

/// A call that ended: a [`Booking`] but for what is the same for all of them.
struct Call {
    bucket: Bucket,
    above: OwnersAbove,
    call: CallId,
    amount: Nanodollars,
    at_ms: i64,
}

struct List {
    calls: Vec<Call>,
    first: Instant,
    last: Instant,
}

#[derive(Default)]
pub(crate) struct Ended(VecDeque<List>);

impl Ended {
    /// Adds a call that ended at this time.
    pub(crate) fn add(&mut self, booking: Booking, since: Instant) {
        let full = |list: &List| list.calls.len() >= MOST || since > list.first + SPAN;
        if self.0.back().is_none_or(full) {
            self.begin_list(since);
        }
        let Some(list) = self.0.back_mut() else {
            return;
        };
        list.last = list.last.max(since);
        list.calls.push(Call {
            bucket: booking.bucket,
            above: booking.above,
            call: booking.call,
            amount: booking.amount,
            at_ms: booking.at_ms,
        });
    }

    /// Forgets what is too old for the one that it begins.
    fn begin_list(&mut self, since: Instant) {
        while self.0.front().is_some_and(List::is_too_old) {
            self.0.pop_front();
        }
        // Most often as many end in the next as in the last.
        let room = self.0.back().map_or(0, |list| list.calls.len());
        self.0.push_back(List {
            calls: Vec::with_capacity(room),
            first: since,
            last: since,
        });
    }

    /// Takes out those that the ledger may not have yet, all reserved and settled in `epoch`, each with
    /// the time at which it ended, or a little later.
    pub(crate) fn take(&mut self, epoch: Epoch) -> impl Iterator<Item = (Booking, Instant)> {
        let lists = std::mem::take(&mut self.0);
        let young = lists.into_iter().filter(|list| !list.is_too_old());
        young.flat_map(move |List { calls, last, .. }| {
            let booking = move |call: Call| Booking {
                bucket: call.bucket,
                above: call.above,
                call: call.call,
                reserved_in: Some(epoch),
                settled: true,
                amount: call.amount,
                at_ms: call.at_ms,
                deadline_ms: 0,
                adds_request: true,
            };
            calls.into_iter().map(move |call| (booking(call), last))
        })
    }
}

impl List {
    fn is_too_old(&self) -> bool {
        self.last.elapsed() >= REMEMBERED
    }
}

#[cfg(test)]
mod tests {
    use events::Provider;
    use ids::GrantId;
    use jiff::Timestamp;

    use super::*;
    use crate::hold::Hold;

    fn booking(epoch: Epoch, amount: i64) -> Booking {
        let now = Timestamp::UNIX_EPOCH;
        let provider: Provider = "openai".parse().unwrap();
        let hold = Hold {
            bucket: Bucket::new(GrantId::new(now), &provider),
            above: OwnersAbove::NONE,
            call: CallId::new(now),
            epoch,
        };
        Booking::settled(hold, Nanodollars::from_nanos(amount), now)
    }

    #[test]
    fn what_was_added_is_taken_out_once_and_in_its_order() {
        let (epoch, now) = (Epoch::mint(), Instant::now());
        let mut ended = Ended::default();
        let bookings: Vec<_> = (0..2_500).map(|amount| booking(epoch, amount)).collect();
        bookings.iter().for_each(|one| ended.add(one.clone(), now));
        assert_eq!(ended.0.len(), 3);
        let taken: Vec<_> = ended.take(epoch).map(|(booking, _)| booking).collect();
        assert!(taken == bookings);
        assert_eq!(ended.take(epoch).count(), 0);
    }

    #[test]
    fn what_is_too_old_is_forgotten_and_nothing_else_with_it() {
        let (epoch, now) = (Epoch::mint(), Instant::now());
        let long_ago = now.checked_sub(REMEMBERED).unwrap();
        let mut ended = Ended::default();
        ended.add(booking(epoch, 1), long_ago);
        ended.add(booking(epoch, 2), long_ago + SPAN);
        // Seldom as calls may end, those far apart do not stand in one list.
        ended.add(booking(epoch, 3), now);
        assert_eq!(ended.0.len(), 2);
        let (kept, since) = ended.take(epoch).next().unwrap();
        assert_eq!(kept.amount.nanos(), 1, "with one that is not too old");
        assert!(since >= long_ago + SPAN);

        ended.add(booking(epoch, 1), long_ago);
        ended.add(booking(epoch, 3), now);
        assert_eq!(ended.0.len(), 1, "memory is given back");
        ended.add(booking(epoch, 1), long_ago);
        assert_eq!(ended.take(epoch).count(), 2, "it ended beside the other");
    }
}
