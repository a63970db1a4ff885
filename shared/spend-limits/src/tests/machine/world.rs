//! Two grants under one budget and one shadow, two proxies, billing and a Redis that may lose
//! everything, beside a plain list of calls.

use clock::month_of;
use ids::{BudgetId, ShadowId};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{
    super::losses::lose_the_epoch, BUDGET, GRANTS, PROXIES, SHADOW, Step, call::Call,
    faults::limits_of, list::Sums, naive::Gate,
};
use crate::{Begun, Hold, LimitsError, Load, RecordedCall, Settled, tests::*};

/// How long a hold lasts, in seconds; see [`asks`].
const LASTS: i64 = 600;

pub(super) struct World {
    pub(super) server: PrivateRedis,
    pub(super) scratch: Scratch,
    pub(super) billing: SpendLimits,
    pub(super) proxies: Vec<SpendLimits>,
    budget: BudgetId,
    shadow: ShadowId,
    /// Of each grant, then of the budget and of the shadow.
    pub(super) buckets: Vec<Bucket>,
    /// Of each bucket as they are now, and the largest that ever were.
    pub(super) limits: Vec<CallLimits>,
    pub(super) largest: Vec<CallLimits>,
    /// What Redis held at an earlier time: a replica that fell behind.
    pub(super) stale: Vec<(String, Vec<u8>)>,
    pub(super) calls: Vec<Call>,
    pub(super) now: Timestamp,
    pub(super) open: bool,
    pub(super) gate: Gate,
    /// Whether each proxy saw room when it looked last; for [`Gate::Adding`].
    pub(super) saw_room: Vec<bool>,
}

impl World {
    pub(super) async fn new(server: PrivateRedis, gate: Gate) -> Self {
        let scratch = Scratch::open_at(&server.url()).await;
        let now = Clock::system().now();
        let (budget, shadow) = (BudgetId::new(now), ShadowId::new(now));
        let above = [Bucket::of_budget(budget), Bucket::of_shadow(shadow)];
        let grants = (0..GRANTS).map(|_| bucket());
        let mut world = Self {
            billing: scratch.another(),
            proxies: (0..PROXIES).map(|_| scratch.another()).collect(),
            scratch,
            server,
            budget,
            shadow,
            buckets: grants.chain(above).collect(),
            limits: (0..=SHADOW).map(|bucket| limits_of(bucket, 100)).collect(),
            largest: (0..=SHADOW).map(|bucket| limits_of(bucket, 100)).collect(),
            stale: Vec::new(),
            calls: Vec::new(),
            now: "2026-11-29T18:00:00Z".parse().unwrap(),
            open: true,
            gate,
            saw_room: vec![true; PROXIES],
        };
        world.wait(0);
        world
    }

    pub(super) fn wait(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
        let all = self.proxies.iter().chain([&self.billing, &*self.scratch]);
        all.for_each(|limits| limits.set_time(self.now));
    }

    pub(super) async fn take(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Reserve {
                bucket,
                proxy,
                amount,
            } => self.reserve(bucket, proxy, amount).await?,
            Step::Settle { pick, percent } if !self.calls.is_empty() => {
                self.settle(pick % self.calls.len(), percent).await?;
            }
            Step::Record { pick } if !self.calls.is_empty() => {
                let index = pick % self.calls.len();
                let call = &mut self.calls[index];
                call.recorded |= call.cost.is_some() && !call.orphan;
            }
            Step::Settle { .. } | Step::Record { .. } => {}
            Step::Crash {
                proxy,
                recorded,
                heir,
            } => self.crash(proxy, recorded, heir).await,
            Step::TakeOver { proxy } => self.take_over(proxy).await,
            Step::Reap => self.reap().await?,
            Step::Copy => self.stale = self.scratch.dump().into_iter().collect(),
            Step::StaleFailover => self.fail_over(),
            Step::Restart => {
                lose_the_epoch(&self.scratch);
                self.open = false;
            }
            Step::Change { bucket, percent } => self.change(bucket, percent),
            Step::Roll => {
                let midnight = clock::next_day(self.now);
                self.wait(midnight.duration_since(self.now).as_secs());
            }
            Step::Lose => {
                self.server.tell(&["FLUSHALL"]);
                self.open = false;
            }
            Step::Refill { before, after } => self.refill(before, after).await,
            Step::Wait { seconds } => self.wait(seconds),
        }
        Ok(())
    }

    async fn reserve(
        &mut self,
        bucket: usize,
        proxy: usize,
        amount: i64,
    ) -> Result<(), TestCaseError> {
        let within = |own: CallLimits, of_budget: CallLimits| {
            let above = Above::of(&[], &[(self.budget, of_budget)]).unwrap();
            let shadow = (self.shadow, self.limits[SHADOW]);
            Reservation {
                above: above.with_shadows(&[shadow]).unwrap(),
                ..asks(self.buckets[bucket], amount, own)
            }
        };
        let asked = within(self.limits[bucket], self.limits[BUDGET]);
        let unlimited = within(CallLimits::NONE, CallLimits::NONE);
        let Some(answer) = self.ask_the_gate(proxy, &asked, &unlimited).await else {
            return Ok(());
        };
        let in_the_way = |buckets: &[usize]| {
            let open = self.open.then_some(());
            open.and_then(|()| self.in_the_way(buckets, amount))
        };
        // What refuses knows nothing of the shadow, and the shadow nothing of it.
        let expected = in_the_way(&[bucket, BUDGET]);
        let watched = in_the_way(&[SHADOW]).map(|(_, name)| (self.shadow, name));
        match answer {
            Ok(held) => {
                prop_assert!(self.open && expected.is_none(), "held past {expected:?}");
                prop_assert_eq!(held.at, self.now);
                let verdict: Vec<_> = watched.into_iter().collect();
                prop_assert!(self.gate != Gate::Ours || held.would_refuse == verdict);
                self.calls.push(Call {
                    held,
                    bucket,
                    proxy,
                    cost: None,
                    recorded: false,
                    unsettled: false,
                    spooled: false,
                    orphan: false,
                });
            }
            Err(
                Refused::SpendLimit { whose, name, .. } | Refused::RateLimit { whose, name, .. },
            ) => {
                prop_assert_eq!(Some((whose, name)), expected);
            }
            Err(Refused::NotReady) => prop_assert!(!self.open),
            Err(other) => prop_assert!(false, "{:?}", other),
        }
        Ok(())
    }

    async fn settle(&mut self, index: usize, percent: i64) -> Result<(), TestCaseError> {
        let call = &mut self.calls[index];
        if call.unsettled {
            // Its proxy is gone, and its heir does not know of the hold.
            return Ok(());
        }
        let cost = call.held.amount.nanos() * percent / 100;
        let settled = self.proxies[call.proxy]
            .settle(&call.held, nanos(cost))
            .await;
        match settled {
            // A naive one has no word for what becomes of a call.
            _ if self.gate != Gate::Ours => {}
            Ok(Settled::Done) => prop_assert!(self.open && call.cost.is_none()),
            Ok(Settled::Already) => prop_assert!(self.open && call.cost.is_some()),
            // Of a month that is over not even the end of a call is remembered.
            Ok(Settled::OtherEpoch) => {
                prop_assert!(call.cost.is_some() && month_of(call.held.at) < month_of(self.now));
            }
            Err(LimitsError::NotReady) => prop_assert!(!self.open),
            other => prop_assert!(false, "{:?}", other),
        }
        call.cost.get_or_insert(cost);
        Ok(())
    }

    async fn refill(&mut self, before: [bool; PROXIES], after: [bool; PROXIES]) {
        let opening = match self.billing.begin_opening().await.unwrap() {
            Begun::Opening(opening) => opening,
            Begun::AlreadyOpen if self.open => return,
            other => panic!("{other:?}"),
        };
        if self.gate == Gate::Trusting {
            opening.open::<()>().await.unwrap();
            self.open = true;
            return;
        }
        self.carry(before).await;
        let loads = (0..=SHADOW).map(|bucket| self.load(bucket)).collect();
        opening
            .load::<()>(&Ledger {
                loads,
                revoked: Vec::new(),
                spools: Vec::new(),
            })
            .await
            .unwrap();
        self.carry(after).await;
        opening.open::<()>().await.unwrap();
        // The ledger's word counts now.
        for call in &mut self.calls {
            (call.unsettled, call.orphan) = (false, false);
        }
        // Whoever missed the opening carries into the open epoch before it does anything else.
        self.carry([true; PROXIES]).await;
        self.open = true;
    }

    async fn carry(&self, who: [bool; PROXIES]) {
        for (index, proxy) in self.proxies.iter().enumerate() {
            if who[index] {
                let left = async || self.left_behind(index);
                proxy.catch_up(&left, Duration::ZERO).await.unwrap();
            }
        }
    }

    fn load(&self, bucket: usize) -> Load {
        let sums = self.sums(bucket, false, |call| call.recorded);
        let recorded = self
            .calls
            .iter()
            .filter(|call| call.recorded && call.counts_at(bucket));
        Load {
            bucket: self.buckets[bucket],
            spent_today: nanos(sums.day_spent),
            requests_today: u32::try_from(sums.requests_today).unwrap(),
            spent_this_month: nanos(sums.month_spent),
            recorded: recorded
                .map(|call| RecordedCall {
                    call: call.held.call,
                    at: call.held.at,
                })
                .collect(),
        }
    }

    /// What the counters say is what the list says, and no limit is passed.
    pub(super) async fn check(&self) -> Result<(), TestCaseError> {
        if !self.open {
            return Ok(());
        }
        for (index, bucket) in self.buckets.iter().enumerate() {
            let expected = self.standing(index);
            let all = self
                .billing
                .standing(*bucket, &self.largest[index])
                .await
                .unwrap();
            let of = |amount: Amount| match amount {
                Amount::Money(money) => money.nanos(),
                Amount::Requests(count) => i64::try_from(count).unwrap(),
            };
            // A budget limits no requests.
            let count = |index: usize, of_calls| {
                let standing = all.get(index);
                standing.map_or(of_calls, |one| u64::try_from(of(one.spent)).unwrap())
            };
            let found = Sums {
                month_spent: of(all[0].spent),
                month_held: of(all[0].reserved),
                day_spent: of(all[1].spent),
                day_held: of(all[1].reserved),
                requests_in_minute: count(2, expected.requests_in_minute),
                requests_today: count(3, expected.requests_today),
            };
            prop_assert_eq!(&found, &expected);
            for standing in &all {
                prop_assert!(of(standing.spent) + of(standing.reserved) <= of(standing.limit));
            }
        }
        Ok(())
    }

    /// Whatever happened, everything can be ended, and then nothing is held.
    pub(super) async fn end(&mut self) -> Result<(), TestCaseError> {
        self.refill([true, false], [false, true]).await;
        for proxy in 0..PROXIES {
            self.take_over(proxy).await;
        }
        self.wait(LASTS + 1);
        self.reap().await?;
        for index in 0..self.calls.len() {
            self.settle(index, 50).await?;
        }
        self.check().await?;
        for call in &self.calls {
            let again = self
                .billing
                .settle(Hold::from(&call.held), nanos(1))
                .await
                .unwrap();
            prop_assert_ne!(again, Settled::Done);
        }
        let waiting: usize = self.proxies.iter().map(SpendLimits::bookings_waiting).sum();
        prop_assert_eq!(waiting, 0);
        self.nothing_is_held().await?;
        self.check().await
    }

    /// In the open epoch: those before it are left as they were.
    async fn nothing_is_held(&self) -> Result<(), TestCaseError> {
        let epoch = self.billing.position().await.unwrap().0.unwrap();
        let mut redis = self.scratch.redis();
        for bucket in &self.buckets {
            let counters = self.scratch.shared.keys.counters(epoch, *bucket);
            let fields: Vec<String> = redis::cmd("HKEYS").arg(counters).query(&mut redis).unwrap();
            prop_assert!(
                !fields.iter().any(|field| field.starts_with("r:")),
                "{:?}",
                fields
            );
        }
        let holds = self.scratch.shared.keys.holds(epoch);
        let listed: u64 = redis::cmd("ZCARD").arg(holds).query(&mut redis).unwrap();
        prop_assert_eq!(listed, 0);
        Ok(())
    }
}
