//! Carrying calls into a new epoch: what runs, and what ended but is in no ledger yet.

use std::time::Duration;

use jiff::Timestamp;
use money::Nanodollars;

use crate::{
    booking::Booking,
    bucket::Bucket,
    connection::SpendLimits,
    epoch::{Epoch, field, member},
    error::{LimitsError, StoreError},
    hold::{Held, Hold},
    script::{BOOK, Call, SETTLE},
    settle::{Settled, Settlement, in_range, read_settled},
};

/// How often [`SpendLimits::watch_openings`] looks for a new epoch.
pub const POLL: Duration = Duration::from_millis(300);
/// So many settlements travel with one call of the script.
const SETTLED_TOGETHER: usize = 100;
/// A settlement younger than this is left to whoever is making it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Longer than an opening takes.
const ANSWERS_KEPT: Duration = Duration::from_secs(3_600);

/// A call that ended and that the ledger may not have yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spent {
    /// The hold it had.
    pub hold: Hold,
    /// What it cost.
    pub actual: Nanodollars,
    /// When it was reserved.
    pub at: Timestamp,
}

/// What a process tells when the limits begin anew.
#[derive(Debug, Clone, Default)]
pub struct Unrecorded {
    /// Ended calls that may be in no ledger.
    pub spent: Vec<Spent>,
    /// The spools whose calls are all among these, among those that the process remembers, or in the
    /// ledger: its own, and those it took over.
    pub spools: Vec<u64>,
}

impl From<Vec<Spent>> for Unrecorded {
    fn from(spent: Vec<Spent>) -> Self {
        let spools = Vec::new();
        Self { spent, spools }
    }
}

impl SpendLimits {
    /// Looks for new epochs for ever, and carries the calls of this process into each, together
    /// with what `unrecorded` tells: ended calls that this process does not remember (it was
    /// restarted, they are older than [`REMEMBERED`](crate::REMEMBERED), or another process made
    /// them that is dead) and whose records may not be in the ledger. It is asked again and again
    /// until the epoch is open, and once at least. Every proxy runs this beside its calls; it ends when dropped.
    ///
    /// It also books settlements that could not reach Redis, and undoes reservations of unknown
    /// outcome.
    pub async fn watch_openings<F, Told>(&self, unrecorded: F)
    where
        F: Fn() -> Told,
        Told: Future<Output: Into<Unrecorded>>,
    {
        let mut ticks = tokio::time::interval(POLL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            ticks.tick().await;
            match self.catch_up(&unrecorded, PATIENCE).await {
                Ok(_) => failing = false,
                Err(error) if !failing => {
                    failing = true;
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(error, "calls cannot be booked into the epoch of limits");
                }
                Err(_) => {}
            }
        }
    }

    /// One round of [`SpendLimits::watch_openings`]; returns how many calls were booked.
    pub(crate) async fn catch_up<F, Told>(
        &self,
        unrecorded: &F,
        patience: Duration,
    ) -> Result<usize, LimitsError>
    where
        F: Fn() -> Told,
        Told: Future<Output: Into<Unrecorded>>,
    {
        let (open, opening) = self.position().await?;
        let Some(epoch) = open.or(opening) else {
            return Ok(0);
        };
        let in_hand = &self.shared.in_hand;
        let behind = in_hand.is_behind(epoch);
        let due = in_hand.due(epoch, patience);
        let mut booked = self.book(&due, epoch).await?;
        for booking in &due {
            in_hand.booked(booking, epoch);
        }
        // For as long as nothing can be reserved: a process may die before it carried its calls.
        if behind || open.is_none() {
            let told = unrecorded().await.into();
            booked += self.book(&settled(&told.spent), epoch).await?;
            self.answer_for(&told.spools, epoch).await?;
        }
        if behind {
            in_hand.carried_to(epoch);
            tracing::info!(epoch = %epoch, carried = booked, "calls are carried into the epoch");
        }
        Ok(booked)
    }

    /// Says that an epoch has all that these spools know.
    async fn answer_for(&self, spools: &[u64], epoch: Epoch) -> Result<(), StoreError> {
        if spools.is_empty() {
            return Ok(());
        }
        let key = self.shared.keys.answered(epoch);
        let mut add = redis::cmd("SADD");
        add.arg(&key).arg(spools);
        let mut expire = redis::cmd("EXPIRE");
        expire.arg(&key).arg(ANSWERS_KEPT.as_secs());
        self.tell("answer_for", vec![add, expire]).await
    }

    /// Puts holds of an earlier epoch into the one that is open or being opened, without asking
    /// the limits: these calls run already. Returns how many it did not have yet.
    ///
    /// # Errors
    /// When Redis cannot be asked, or no epoch is open or being opened.
    pub async fn carry(&self, holds: &[Held]) -> Result<usize, LimitsError> {
        let (open, opening) = self.position().await?;
        let epoch = open.or(opening).ok_or(LimitsError::NotReady)?;
        let bookings: Vec<_> = holds.iter().map(Booking::held).collect();
        self.book(&bookings, epoch).await
    }

    /// Books calls of a process that died, each once: a hold that it left in the open epoch ends,
    /// and a call of an earlier epoch is charged as [`SpendLimits::charge`] does. Returns how many
    /// the epoch did not have yet.
    ///
    /// # Errors
    /// When Redis cannot be asked, or no epoch is open.
    pub async fn charge_left_behind(&self, spent: &[Spent]) -> Result<usize, LimitsError> {
        let epoch = self.position().await?.0.ok_or(LimitsError::NotReady)?;
        self.book(&settled(spent), epoch).await
    }

    /// Books each call into `epoch`, once however often it is tried; returns how many were new.
    pub(crate) async fn book(
        &self,
        bookings: &[Booking],
        epoch: Epoch,
    ) -> Result<usize, LimitsError> {
        let (own, others): (Vec<&Booking>, Vec<&Booking>) = bookings
            .iter()
            .partition(|booking| booking.reserved_in == Some(epoch));
        // A call that was reserved in this very epoch has its hold there until it is settled:
        // a missing hold means that it is settled, and booking it anew would count it twice.
        let settlements: Vec<Settlement> = own
            .into_iter()
            .filter(|booking| booking.settled)
            .map(|booking| {
                let hold = Hold {
                    bucket: booking.bucket,
                    above: booking.above.clone(),
                    call: booking.call,
                    epoch,
                };
                (hold, booking.amount)
            })
            .collect();
        let chunks: Vec<_> = settlements.chunks(SETTLED_TOGETHER).collect();
        let settles: Vec<_> = chunks
            .iter()
            .map(|settlements| self.settle_call(settlements, epoch))
            .collect();
        // Its own grant first, for there it cannot be reserved any more once it is booked.
        let (own, books): (Vec<bool>, Vec<Call>) = others
            .into_iter()
            .flat_map(|booking| {
                let buckets = booking.above.buckets(booking.bucket);
                buckets.map(move |bucket| (booking, bucket))
            })
            .map(|(booking, bucket)| {
                let own = bucket == booking.bucket;
                (own, self.book_call(booking, bucket, epoch))
            })
            .unzip();
        let mut new = 0;
        let replies = self.run_many(&SETTLE, &settles).await?;
        for (reply, settlements) in replies.iter().zip(chunks) {
            let done = |settled: &&Settled| **settled == Settled::Done;
            new += read_settled(reply, settlements)?
                .iter()
                .filter(done)
                .count();
        }
        for (reply, own) in self.run_many(&BOOK, &books).await?.iter().zip(own) {
            match reply.word() {
                "DONE" => new += usize::from(own),
                "ALREADY" => {}
                "CLOSED" | "BEHIND" | "NOT_READY" => return Err(LimitsError::NotReady),
                _ => return Err(reply.unexpected().into()),
            }
        }
        Ok(new)
    }

    /// The call of the script that books a call at its own grant, at one above or at a budget.
    fn book_call(&self, booking: &Booking, bucket: Bucket, epoch: Epoch) -> Call {
        let keys = &self.shared.keys;
        let (listed, above) = if bucket == booking.bucket {
            (member(bucket, booking.call), booking.above.noted())
        } else {
            (String::new(), String::new())
        };
        Call {
            keys: [
                keys.epoch(),
                keys.opening(),
                keys.counters(epoch, bucket),
                keys.holds(epoch),
            ]
            .into_iter()
            .chain(keys.minute(epoch, bucket))
            .collect(),
            args: [
                epoch.to_string(),
                self.time(),
                field(booking.call),
                listed,
                if booking.settled { "settled" } else { "held" }.to_owned(),
                booking.amount.nanos().to_string(),
                booking.at_ms.max(0).to_string(),
                booking.deadline_ms.max(0).to_string(),
                u8::from(booking.adds_request).to_string(),
                above,
            ]
            .into(),
        }
    }
}

fn settled(spent: &[Spent]) -> Vec<Booking> {
    spent
        .iter()
        .filter(|spent| in_range(spent.actual).is_ok())
        .map(|spent| Booking::settled(spent.hold.clone(), spent.actual, spent.at))
        .collect()
}
