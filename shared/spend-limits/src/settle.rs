//! Settling: a hold ends at what its call cost.

use jiff::Timestamp;
use money::{LARGEST_LIMIT, Nanodollars};

use crate::{
    above::OwnersAbove,
    booking::Booking,
    bucket::Bucket,
    connection::SpendLimits,
    epoch::{Epoch, write_field, write_member},
    error::LimitsError,
    hold::Hold,
    script::{Call, Reply, SETTLE, USUAL_ARGUMENT, USUAL_KEY},
    settle_behind::MOST,
    words::Words,
};

/// How a settlement ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// The hold is gone and the cost is booked in the periods in which it was reserved.
    Done,
    /// It was settled before; nothing changed.
    Already,
    /// The epoch in which it was reserved is over and nobody carried the hold into the open one.
    /// [`SpendLimits::charge`] books it there; [`SpendLimits::watch_openings`] does so too.
    OtherEpoch,
}

impl Settled {
    /// Its name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Already => "already",
            Self::OtherEpoch => "other_epoch",
        }
    }
}

/// A hold, and what its call cost.
pub(crate) type Settlement = (Hold, Nanodollars);

impl SpendLimits {
    /// Ends a hold at what its call cost: nothing for a call that never reached a provider, and
    /// all of it when it cost more than was held. Once: of several costs the first counts.
    ///
    /// If this fails and the hold was made by this process, it need not be tried again:
    /// [`SpendLimits::watch_openings`] books it as soon as Redis can be reached.
    ///
    /// # Errors
    /// When Redis cannot be asked, no epoch is open, or the amount is out of range.
    pub async fn settle(
        &self,
        hold: impl Into<Hold>,
        actual: Nanodollars,
    ) -> Result<Settled, LimitsError> {
        let hold = hold.into();
        in_range(actual)?;
        let actual = self.shared.in_hand.settle(hold.call, actual);
        let settled = self.settle_all(&[(hold, actual)]).await?;
        Ok(settled.first().copied().unwrap_or(Settled::Already))
    }

    /// Ends holds in one round trip; tells of each how, in their order.
    pub(crate) async fn settle_all(
        &self,
        settlements: &[Settlement],
    ) -> Result<Vec<Settled>, LimitsError> {
        let answer = self
            .in_open_epoch(&SETTLE, |epoch| self.settle_call(settlements, epoch))
            .await;
        let settled = answer.and_then(|(epoch, reply)| {
            let settled = read_settled(&reply, settlements)?;
            for ((hold, _), settled) in settlements.iter().zip(&settled) {
                if *settled != Settled::OtherEpoch {
                    self.shared.in_hand.settled_in(hold.call, epoch);
                }
            }
            Ok(settled)
        });
        match &settled {
            Ok(all) => {
                for outcome in [Settled::Done, Settled::Already, Settled::OtherEpoch] {
                    let times = all.iter().filter(|settled| **settled == outcome).count();
                    if times > 0 {
                        count(outcome.name(), times);
                    }
                }
            }
            Err(_) => count("failed", settlements.len()),
        }
        settled
    }

    /// Settles what this process has settled of a bucket or one above it and Redis does not know
    /// yet; whether there was any, and Redis knows it now.
    pub(crate) async fn settle_waiting(&self, bucket: Bucket, above: &OwnersAbove) -> bool {
        let buckets: Vec<_> = above.buckets(bucket).collect();
        let waiting = self.shared.in_hand.settling(Some(&buckets));
        !waiting.is_empty() && self.settle_in_turn(&waiting).await.is_ok()
    }

    /// Waits until Redis knows what this process has settled of the hold's bucket and those above,
    /// as far as Redis can be asked: for a hold that leaves no room for another like it, so that
    /// whoever calls next, through whichever process, finds the room it gave back.
    pub async fn settled(&self, hold: impl Into<Hold>) {
        let hold = hold.into();
        self.settle_waiting(hold.bucket, &hold.above).await;
    }

    /// Settles all that this process has settled behind its callers' backs and Redis does not know
    /// yet. For before a stop: nobody else would end these holds until their deadline.
    ///
    /// # Errors
    /// When Redis cannot be asked, or no epoch is open.
    pub async fn settle_rest(&self) -> Result<(), LimitsError> {
        self.settle_in_turn(&self.shared.in_hand.settling(None))
            .await
    }

    async fn settle_in_turn(&self, waiting: &[Settlement]) -> Result<(), LimitsError> {
        for settlements in waiting.chunks(MOST) {
            self.settle_all(settlements).await?;
        }
        Ok(())
    }

    /// Books what a call cost into the open epoch if its own epoch is over, once, without asking
    /// the limits: the money is spent. `at` is [`Held::at`](crate::Held::at); the periods that
    /// hold it pay, as far as they still run.
    ///
    /// # Errors
    /// When Redis cannot be asked, no epoch is open, or the amount is out of range.
    pub async fn charge(
        &self,
        hold: impl Into<Hold>,
        actual: Nanodollars,
        at: Timestamp,
    ) -> Result<Settled, LimitsError> {
        let hold = hold.into();
        in_range(actual)?;
        let actual = self.shared.in_hand.settle(hold.call, actual);
        let epoch = self.position().await?.0.ok_or(LimitsError::NotReady)?;
        let call = hold.call;
        let booking = Booking::settled(hold, actual, at);
        let done = self.book(&[booking], epoch).await?;
        self.shared.in_hand.settled_in(call, epoch);
        let settled = if done > 0 {
            Settled::Done
        } else {
            Settled::Already
        };
        count(settled.name(), 1);
        Ok(settled)
    }

    /// The call of the script that settles these holds in `epoch`.
    pub(crate) fn settle_call(&self, settlements: &[Settlement], epoch: Epoch) -> Call {
        let keys = &self.shared.keys;
        let levels: usize = (settlements.iter())
            .map(|(hold, _)| 1 + hold.above.len())
            .sum();
        let mut call = Call {
            keys: Words::with_capacity(2 + levels, (2 + levels) * USUAL_KEY),
            args: Words::with_capacity(2 + 4 * levels, (2 + 4 * levels) * USUAL_ARGUMENT),
        };
        keys.add_epoch_and_holds(&mut call.keys, epoch);
        call.args.write(|text| epoch.write_to(text));
        call.args.push(&self.time());
        for (hold, actual) in settlements {
            let own = if hold.epoch == epoch { "1" } else { "0" };
            for bucket in hold.above.buckets(hold.bucket) {
                call.keys
                    .write(|text| keys.write_counters(text, epoch, bucket));
                call.args.write(|text| write_field(text, hold.call));
                call.args.write(|text| {
                    // It is listed once, under its own grant.
                    if bucket == hold.bucket {
                        write_member(text, bucket, hold.call);
                    }
                });
                call.args.number(actual.nanos());
                call.args.push(own);
            }
        }
        call
    }

    /// Whether a booking of this process still waits for Redis; for draining before a stop.
    #[must_use]
    pub fn bookings_waiting(&self) -> usize {
        self.shared.in_hand.waiting()
    }
}

/// Reads what the script that settles answered: one word for each owner that a call counts against.
pub(crate) fn read_settled(
    reply: &Reply,
    settlements: &[Settlement],
) -> Result<Vec<Settled>, LimitsError> {
    match reply.word() {
        "SETTLED" => {}
        "BEHIND" | "NOT_READY" => return Err(LimitsError::NotReady),
        _ => return Err(reply.unexpected().into()),
    }
    let mut words = reply.0.iter().skip(1);
    let mut next = || match words.next() {
        Some("DONE") => Ok(Settled::Done),
        Some("ALREADY") => Ok(Settled::Already),
        Some("OTHER_EPOCH") => Ok(Settled::OtherEpoch),
        _ => Err(LimitsError::from(reply.unexpected())),
    };
    let of_call = |(hold, _): &Settlement| {
        let mut settled = next()?;
        for _ in hold.above.iter() {
            // One above that does not have it yet must still get it.
            if next()? == Settled::OtherEpoch {
                settled = Settled::OtherEpoch;
            }
        }
        Ok(settled)
    };
    settlements.iter().map(of_call).collect()
}

pub(crate) fn in_range(amount: Nanodollars) -> Result<(), LimitsError> {
    let fits = (Nanodollars::ZERO..=LARGEST_LIMIT).contains(&amount);
    if fits {
        Ok(())
    } else {
        Err(LimitsError::AmountOutOfRange(amount))
    }
}

fn count(outcome: &'static str, times: usize) {
    let times = u64::try_from(times).unwrap_or(u64::MAX);
    metrics::counter!("latchkey_settle_total", "outcome" => outcome).increment(times);
}
