//! What processes that died have left in the limits: nobody else ends that before its deadline.

use std::time::Instant;

use money::Nanodollars;
use spend_limits::{LimitsError, REMEMBERED, SpendLimits, Spent};

use crate::{
    call::reserve::spent,
    spool::{self, DeadSpool, Spool, TakenOver},
};

/// Holds of dead processes that have not been ended.
#[derive(Default)]
pub struct LeftBehind {
    /// Those of calls with a record.
    spent: Vec<Known>,
    /// Those of them that were ended: their records may not have reached the ledger.
    ended: Vec<Known>,
    /// Where the others stand, of calls that were never sent.
    spools: Vec<DeadSpool>,
    /// The spools that this process took over. It answers for them also when they have left the
    /// register: whoever waits may have read that before.
    numbers: Vec<u64>,
    /// Those of them that may stand in the register.
    registered: Vec<u64>,
}

/// A call whose record was taken over.
struct Known {
    spent: Spent,
    /// Until then its record may not have reached the ledger.
    fresh_until: Instant,
}

impl Known {
    fn is_fresh(&self) -> bool {
        Instant::now() < self.fresh_until
    }
}

impl LeftBehind {
    /// Takes over what dead processes left beside this spool. What cannot be taken over now stays there
    /// for the next time.
    pub async fn take_over(&mut self, spool: &Spool) {
        match spool::recover(spool).await {
            Ok(taken) => self.add(taken),
            Err(error) => {
                tracing::error!(%error, "the spools of dead processes were not taken over");
            }
        }
    }

    /// The calls with a record that the ledger may not have. Those that were taken over longer ago than
    /// [`REMEMBERED`] it has, or they still stand in our own spool.
    pub fn spent(&self) -> impl Iterator<Item = &Spent> {
        let known = self.spent.iter().chain(&self.ended);
        known.filter(|one| one.is_fresh()).map(|one| &one.spent)
    }

    /// The spools that this process took over: it knows all that they did.
    #[must_use]
    pub fn numbers(&self) -> &[u64] {
        &self.numbers
    }

    /// Those of them that may stand in the register; until they do no more, this process answers for
    /// them.
    #[must_use]
    pub fn registered(&self) -> &[u64] {
        &self.registered
    }

    /// Notes that these stand in the register no more.
    pub fn left(&mut self, numbers: &[u64]) {
        self.registered.retain(|number| !numbers.contains(number));
    }

    fn add(&mut self, taken: TakenOver) {
        self.numbers.extend(&taken.numbers);
        self.registered.extend(taken.numbers);
        let known = taken.calls.iter();
        let spent = known.filter_map(|(record, note)| spent(record, note));
        let fresh_until = Instant::now() + REMEMBERED;
        self.spent
            .extend(spent.map(|spent| Known { spent, fresh_until }));
        self.spools.extend(taken.spools);
    }

    /// Ends all of it: at what the call cost by its record, or at nothing if it was never sent.
    ///
    /// # Errors
    /// When the limits cannot be told; what they were not told stays for the next time.
    pub async fn end(&mut self, limits: &SpendLimits) -> Result<(), LimitsError> {
        self.ended.retain(Known::is_fresh);
        if !self.spent.is_empty() {
            let (fresh, old): (Vec<_>, Vec<_>) = self.spent.iter().partition(|one| one.is_fresh());
            let fresh: Vec<Spent> = fresh.into_iter().map(|one| one.spent.clone()).collect();
            let settled = limits.charge_left_behind(&fresh).await?;
            // An epoch that began since has these from the ledger: only a hold may be left of them.
            for Known { spent, .. } in old {
                limits.settle(spent.hold.clone(), spent.actual).await?;
            }
            self.ended.append(&mut self.spent);
            tracing::info!(settled, "holds of a process that died were settled");
        }
        let mut outcome = Ok(());
        for dead in std::mem::take(&mut self.spools) {
            match give_back(limits, &dead).await {
                Ok(0) => {}
                Ok(given_back) => tracing::info!(given_back, "a process died before it sent calls"),
                Err(error) => {
                    self.spools.push(dead);
                    outcome = Err(error);
                }
            }
        }
        outcome
    }
}

/// Ends the holds of calls that were never sent; tells how many there were.
async fn give_back(limits: &SpendLimits, dead: &DeadSpool) -> Result<usize, LimitsError> {
    let mut given_back = 0;
    for found in limits.of_spool(dead.number).await? {
        if dead.never_began(found.hold.call, found.segment) {
            limits.settle(found.hold, Nanodollars::ZERO).await?;
            given_back += 1;
        }
    }
    Ok(given_back)
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, time::Duration};

    use events::CallRecord;
    use spend_limits::{
        Above, Amount, Bucket, CallLimits, Held, Ledger, LimitName, Reservation, SpoolPlace,
    };

    use super::*;
    use crate::spool::{
        HoldNote,
        tests::{Folder, kill, open, record},
    };

    const REDIS: &str = "redis://127.0.0.1:6379";
    const WORST: Nanodollars = Nanodollars::from_nanos(1_000);

    /// The limits as two processes see them: one that dies, and one that takes over.
    async fn open_limits() -> [SpendLimits; 2] {
        let namespace = format!("left-{}", record().call.uuid().simple());
        let both = [(); 2].map(|()| SpendLimits::connect(REDIS, &namespace).unwrap());
        let empty = |_| async { Ok::<_, Infallible>(Ledger::default()) };
        both[0].open_epoch(empty, Duration::ZERO).await.unwrap();
        both
    }

    fn of_a_month() -> CallLimits {
        CallLimits {
            monthly_spend: Some(Nanodollars::from_nanos(1_000_000)),
            ..CallLimits::default()
        }
    }

    fn bucket(record: &CallRecord) -> Bucket {
        Bucket::new(record.grant, &record.provider)
    }

    async fn hold(limits: &SpendLimits, spool: &Spool, record: &CallRecord) -> Held {
        let (spool, segment) = (spool.number().unwrap(), spool.segment());
        let asked = Reservation {
            bucket: bucket(record),
            call: record.call,
            worst_case: WORST,
            limits: of_a_month(),
            above: Above::NONE,
            lasts: Duration::from_secs(600),
            place: Some(SpoolPlace { spool, segment }),
        };
        limits.reserve(&asked).await.unwrap()
    }

    /// Holds a call, and writes down that it begins.
    async fn begin(limits: &SpendLimits, spool: &Spool, record: &CallRecord) {
        let held = hold(limits, spool, record).await;
        let note = HoldNote {
            epoch: held.epoch.to_string(),
            at: held.at,
        };
        let _ = spool.began(record, &note).unwrap();
    }

    /// What is spent and held of one grant.
    async fn stands(limits: &SpendLimits, record: &CallRecord) -> (Amount, Amount) {
        let all = limits
            .standing(bucket(record), &of_a_month())
            .await
            .unwrap();
        let month = all.iter().find(|one| one.name == LimitName::MonthlySpend);
        let month = month.unwrap();
        (month.spent, month.reserved)
    }

    #[tokio::test]
    async fn a_call_that_was_held_and_never_sent_is_given_back_and_no_other() {
        let (folder, [dying, limits]) = (Folder::new(), open_limits().await);
        let (never, begun, living) = (record(), record(), record());
        let (first, third) = (open(&folder), open(&folder));
        let _ = hold(&dying, &first, &never).await;
        let _ = hold(&dying, &third, &living).await;
        begin(&dying, &first, &begun).await;
        kill(first);

        let mut left = LeftBehind::default();
        left.take_over(&open(&folder)).await;
        left.end(&limits).await.unwrap();
        let (nothing, all) = (Amount::Money(Nanodollars::ZERO), Amount::Money(WORST));
        assert_eq!(stands(&limits, &never).await, (nothing, nothing));
        assert_eq!(stands(&limits, &begun).await, (all, nothing));
        assert_eq!(stands(&limits, &living).await, (nothing, all));
    }

    #[tokio::test]
    async fn what_cannot_be_told_now_is_told_later() {
        let (folder, [dying, limits]) = (Folder::new(), open_limits().await);
        let (never, begun) = (record(), record());
        let first = open(&folder);
        begin(&dying, &first, &begun).await;
        let _ = hold(&dying, &first, &never).await;
        kill(first);

        let mut left = LeftBehind::default();
        left.take_over(&open(&folder)).await;
        let nobody = SpendLimits::connect("redis://127.0.0.1:1", "nobody").unwrap();
        left.end(&nobody).await.unwrap_err();
        left.end(&limits).await.unwrap();
        let (nothing, all) = (Amount::Money(Nanodollars::ZERO), Amount::Money(WORST));
        assert_eq!(stands(&limits, &never).await, (nothing, nothing));
        assert_eq!(stands(&limits, &begun).await, (all, nothing));
    }

    #[tokio::test]
    async fn what_the_ledger_may_not_have_is_carried_when_the_limits_begin_anew() {
        let (folder, [dying, limits]) = (Folder::new(), open_limits().await);
        let begun = record();
        let first = open(&folder);
        let number = first.number().unwrap();
        begin(&dying, &first, &begun).await;
        kill(first);

        let mut left = LeftBehind::default();
        left.take_over(&open(&folder)).await;
        let known = |left: &LeftBehind| left.spent().map(|one| one.hold.call).collect::<Vec<_>>();
        assert_eq!(known(&left), [begun.call]);
        assert_eq!(left.numbers(), [number]);
        left.end(&limits).await.unwrap();
        assert_eq!(known(&left), [begun.call], "its record may be on its way");
    }

    #[tokio::test]
    async fn what_the_ledger_has_by_now_is_not_told_and_its_hold_ends_all_the_same() {
        let (folder, [dying, limits]) = (Folder::new(), open_limits().await);
        let begun = record();
        let first = open(&folder);
        begin(&dying, &first, &begun).await;
        kill(first);

        let mut left = LeftBehind::default();
        left.take_over(&open(&folder)).await;
        left.spent[0].fresh_until = Instant::now();
        assert_eq!(left.spent().count(), 0);
        left.end(&limits).await.unwrap();
        let (nothing, all) = (Amount::Money(Nanodollars::ZERO), Amount::Money(WORST));
        assert_eq!(stands(&limits, &begun).await, (all, nothing));
    }
}
