//! The calls this process knows: those that run, and those that ended a short while ago.
//!
//! When Redis loses its memory, what these calls hold or have spent is in no ledger yet; it is
//! carried from here into the next epoch. A booking that could not reach Redis waits here too.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use foldhash::{HashMap, HashSet};
use ids::CallId;
use money::Nanodollars;

use crate::{
    above::OwnersAbove,
    booking::Booking,
    bucket::Bucket,
    ended::{Ended, REMEMBERED},
    epoch::Epoch,
    hold::{Held, Hold},
    settle::Settlement,
};

/// At most so many reservations of unknown outcome are waited for; further ones are left to
/// their deadline.
const MOST_UNCERTAIN: usize = 10_000;

#[derive(Debug)]
struct Known {
    booking: Booking,
    /// The reservation is under way: nothing is booked for it yet.
    asking: bool,
    /// The epoch that has this booking as it is now.
    booked_in: Option<Epoch>,
    /// When it last changed.
    since: Instant,
    /// A running call is forgotten after this.
    until: Instant,
}

#[derive(Default)]
struct Calls {
    /// Those that run, and those whose end may not stand where it should yet.
    known: HashMap<CallId, Known>,
    /// Calls whose booking has not reached the open epoch.
    pending: HashSet<CallId>,
    uncertain: usize,
    /// The epoch into which all calls known at that time were carried.
    carried_to: Option<Epoch>,
    /// Those that ran and ended in that epoch, and stand there so.
    ended: Ended,
    /// How many settlements Redis was told of.
    settled: u64,
    sweep_at: usize,
}

/// All calls this process knows.
#[derive(Default)]
pub(crate) struct InHand(Mutex<Calls>);

impl InHand {
    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a reservation is being asked for; `None` if the call is known already.
    pub(crate) fn ask(
        &self,
        bucket: Bucket,
        above: &OwnersAbove,
        call: CallId,
    ) -> Option<Asking<'_>> {
        let mut calls = self.calls();
        if calls.known.contains_key(&call) {
            return None;
        }
        calls.sweep_if_grown();
        let now = Instant::now();
        let booking = Booking::undo(bucket, above.clone(), call);
        calls.known.insert(
            call,
            Known {
                booking,
                asking: true,
                booked_in: None,
                since: now,
                until: now,
            },
        );
        Some(Asking {
            in_hand: self,
            call,
            open: true,
        })
    }

    /// Notes what a call cost, before Redis is told. The first cost told stays; returns it.
    pub(crate) fn settle(&self, call: CallId, actual: Nanodollars) -> Nanodollars {
        let mut calls = self.calls();
        let Some(known) = calls.known.get_mut(&call) else {
            return actual;
        };
        if known.booking.settled {
            return known.booking.amount;
        }
        known.booking.settled = true;
        known.booking.amount = actual;
        known.booked_in = None;
        known.since = Instant::now();
        calls.pending.insert(call);
        actual
    }

    /// Notes that the booking of a settled call stands in `epoch`.
    pub(crate) fn settled_in(&self, call: CallId, epoch: Epoch) {
        let mut calls = self.calls();
        calls.settled = calls.settled.wrapping_add(1);
        let carried = calls.carried_to == Some(epoch);
        let Some(known) = calls.known.get_mut(&call) else {
            return;
        };
        if !known.booking.settled {
            return;
        }
        known.booked_in = Some(epoch);
        // The answer may come from an epoch that ended while it was on its way, or from one that does not
        // have the others yet: then it is looked at once more.
        if carried {
            calls.lay_down(call, epoch);
        }
    }

    /// Another number each time Redis was told of a settlement.
    pub(crate) fn settlements(&self) -> u64 {
        self.calls().settled
    }

    /// The settlements that Redis may not know yet: those that count against one of these buckets, or
    /// all.
    pub(crate) fn settling(&self, of: Option<&[Bucket]>) -> Vec<Settlement> {
        let calls = self.calls();
        let settlement = |call: &CallId| {
            let known = calls.known.get(call)?;
            let booking = &known.booking;
            let waits = !known.asking && known.waits_for_redis(calls.carried_to);
            let asked = of.is_none_or(|of| booking.counts_against(of));
            let epoch = booking.reserved_in.filter(|_| waits && asked)?;
            let hold = Hold {
                bucket: booking.bucket,
                above: booking.above.clone(),
                call: booking.call,
                epoch,
            };
            Some((hold, booking.amount))
        };
        calls.pending.iter().filter_map(settlement).collect()
    }

    /// Whether not every call known at some time was carried into `epoch`.
    pub(crate) fn is_behind(&self, epoch: Epoch) -> bool {
        self.calls().carried_to != Some(epoch)
    }

    /// What must be booked so that `epoch` has all calls. Once it has those known when it began,
    /// settlements younger than `patience` are left to whoever is making them.
    pub(crate) fn due(&self, epoch: Epoch, patience: Duration) -> Vec<Booking> {
        let mut calls = self.calls();
        let steady = calls.carried_to == Some(epoch);
        if !steady {
            calls.take_up();
        }
        let candidates: Vec<CallId> = if steady {
            calls.pending.iter().copied().collect()
        } else {
            calls.known.keys().copied().collect()
        };
        let mut due = Vec::new();
        for call in candidates {
            let Some(known) = calls.known.get(&call).filter(|known| !known.asking) else {
                continue;
            };
            if known.booked_in == Some(epoch) {
                calls.pending.remove(&call);
            } else if known.is_out_of_date(epoch) {
                calls.forget(call);
            } else if !(steady && known.booking.settled && known.since.elapsed() < patience) {
                due.push(known.booking.clone());
            }
        }
        due
    }

    /// Notes that `epoch` has this booking, unless the call changed meanwhile.
    pub(crate) fn booked(&self, booking: &Booking, epoch: Epoch) {
        let mut calls = self.calls();
        let Some(known) = calls.known.get_mut(&booking.call) else {
            return;
        };
        if known.booking != *booking {
            return;
        }
        known.booked_in = Some(epoch);
        if booking.adds_request {
            calls.pending.remove(&booking.call);
        } else {
            calls.forget(booking.call);
        }
    }

    /// Notes that all calls that were due have been carried into `epoch`.
    pub(crate) fn carried_to(&self, epoch: Epoch) {
        self.calls().carried_to = Some(epoch);
    }

    /// How many settlements wait for Redis.
    pub(crate) fn waiting(&self) -> usize {
        let calls = self.calls();
        calls
            .pending
            .iter()
            .filter_map(|call| calls.known.get(call))
            .filter(|known| known.waits_for_redis(calls.carried_to))
            .count()
    }
}

impl Calls {
    /// A call that ended goes to its like, if it was reserved in this epoch, too.
    fn lay_down(&mut self, call: CallId, epoch: Epoch) {
        self.pending.remove(&call);
        let like = |known: &Known| {
            let booking = &known.booking;
            !known.asking && booking.adds_request && booking.reserved_in == Some(epoch)
        };
        if self.known.get(&call).is_some_and(like)
            && let Some(known) = self.known.remove(&call)
        {
            self.ended.add(known.booking, known.since);
        }
    }

    /// Those that ended come back: another epoch must have them, too.
    fn take_up(&mut self) {
        let Some(epoch) = self.carried_to.take() else {
            return;
        };
        for (booking, since) in self.ended.take(epoch) {
            self.known.entry(booking.call).or_insert(Known {
                booking,
                asking: false,
                booked_in: Some(epoch),
                since,
                until: since,
            });
        }
    }

    fn forget(&mut self, call: CallId) {
        self.pending.remove(&call);
        if let Some(known) = self.known.remove(&call)
            && !known.asking
            && !known.booking.adds_request
        {
            self.uncertain = self.uncertain.saturating_sub(1);
        }
    }

    /// Forgets what nobody will ask for, each time the number of calls has doubled.
    fn sweep_if_grown(&mut self) {
        if self.known.len() < self.sweep_at {
            return;
        }
        let now = Instant::now();
        self.known
            .retain(|_, known| match (known.asking, known.booking.settled) {
                (true, _) => true,
                (false, false) => now < known.until,
                (false, true) => known.booked_in.is_none() || known.since.elapsed() < REMEMBERED,
            });
        let Self { known, pending, .. } = self;
        pending.retain(|call| known.contains_key(call));
        self.sweep_at = self.known.len().saturating_mul(2).max(1024);
    }
}

impl Known {
    /// Whether it is settled, and not as such in the epoch into which all were carried: Redis was not told,
    /// or an epoch that is over has answered for it.
    fn waits_for_redis(&self, carried_to: Option<Epoch>) -> bool {
        let elsewhere = carried_to.is_some() && self.booked_in != carried_to;
        self.booking.settled && (self.booked_in.is_none() || elsewhere)
    }

    /// Whether carrying it into another epoch would be wrong: the ledger has it by now.
    fn is_out_of_date(&self, epoch: Epoch) -> bool {
        if self.booking.reserved_in == Some(epoch) || !self.booking.adds_request {
            return false;
        }
        if self.booking.settled {
            self.since.elapsed() >= REMEMBERED
        } else {
            Instant::now() >= self.until
        }
    }
}

/// A reservation under way. If its outcome stays unknown (no answer, or the asking was given up),
/// it is undone as soon as Redis can be told.
pub(crate) struct Asking<'a> {
    in_hand: &'a InHand,
    call: CallId,
    open: bool,
}

impl Asking<'_> {
    /// The reservation was made.
    pub(crate) fn held(mut self, held: &Held) {
        self.open = false;
        let lasts = held
            .deadline
            .as_millisecond()
            .saturating_sub(held.at.as_millisecond());
        let lasts = Duration::from_millis(u64::try_from(lasts).unwrap_or(0));
        let mut calls = self.in_hand.calls();
        if let Some(known) = calls.known.get_mut(&self.call) {
            known.booking = Booking::held(held);
            known.asking = false;
            known.booked_in = Some(held.epoch);
            known.since = Instant::now();
            known.until = known.since + lasts + REMEMBERED;
        }
        // The answer may come from an epoch that ended while it was on its way.
        if calls.carried_to != Some(held.epoch) {
            calls.pending.insert(self.call);
        }
    }

    /// It is certain that no reservation was made.
    pub(crate) fn refused(mut self) {
        self.open = false;
        self.in_hand.calls().known.remove(&self.call);
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        let mut calls = self.in_hand.calls();
        if calls.uncertain >= MOST_UNCERTAIN {
            calls.known.remove(&self.call);
            return;
        }
        if let Some(known) = calls.known.get_mut(&self.call) {
            known.asking = false;
            known.since = Instant::now();
            calls.uncertain += 1;
            calls.pending.insert(self.call);
        }
    }
}
