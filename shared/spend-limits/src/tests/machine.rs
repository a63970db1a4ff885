//! Anything may happen in any order: what the counters say is what a plain list of calls says.

use crate::Bucket;
use std::time::Instant;

use clock::{day_of, month_of};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::{Begun, Hold, LimitsError, Load, RecordedCall, Settled};

const GRANTS: usize = 2;
const PROXIES: usize = 2;
const LIMITS: CallLimits = CallLimits {
    requests_per_minute: Some(6),
    requests_per_day: Some(12),
    daily_spend: Some(nanos(200)),
    monthly_spend: Some(nanos(500)),
};
/// No new case begins after this, so that a slow machine does not wait for ever.
const LONGEST: Duration = Duration::from_secs(20);

#[derive(Debug, Clone)]
enum Step {
    Reserve {
        bucket: usize,
        proxy: usize,
        amount: i64,
    },
    /// Settles one of the calls that were made, running or not, at a share of its hold.
    Settle {
        pick: usize,
        percent: i64,
    },
    /// The call's record reaches the ledger.
    Record {
        pick: usize,
    },
    /// Redis forgets everything.
    Lose,
    /// Billing opens an epoch; each proxy carries before the loading, after it, or both.
    Refill {
        before: [bool; PROXIES],
        after: [bool; PROXIES],
    },
    Wait {
        seconds: i64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..GRANTS, 0..PROXIES, 0..80_i64)
            .prop_map(|(bucket, proxy, amount)| Step::Reserve { bucket, proxy, amount }),
        6 => (any::<usize>(), prop_oneof![Just(0), Just(100), 1..100_i64])
            .prop_map(|(pick, percent)| Step::Settle { pick, percent }),
        4 => any::<usize>().prop_map(|pick| Step::Record { pick }),
        1 => Just(Step::Lose),
        2 => (any::<[bool; PROXIES]>(), any::<[bool; PROXIES]>())
            .prop_map(|(before, after)| Step::Refill { before, after }),
        2 => prop_oneof![1..50_i64, 1..50_000_i64].prop_map(|seconds| Step::Wait { seconds }),
    ]
}

struct Call {
    held: Held,
    bucket: usize,
    proxy: usize,
    cost: Option<i64>,
    recorded: bool,
}

struct World {
    server: PrivateRedis,
    scratch: Scratch,
    billing: SpendLimits,
    proxies: Vec<SpendLimits>,
    grants: Vec<Bucket>,
    calls: Vec<Call>,
    now: Timestamp,
    open: bool,
}

/// What a list of calls says of one bucket.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sums {
    month_spent: i64,
    month_held: i64,
    day_spent: i64,
    day_held: i64,
    requests_today: u64,
    requests_in_minute: u64,
}

impl World {
    async fn new(server: PrivateRedis) -> Self {
        let scratch = Scratch::open_at(&server.url()).await;
        let mut world = Self {
            billing: scratch.another(),
            proxies: (0..PROXIES).map(|_| scratch.another()).collect(),
            scratch,
            server,
            grants: (0..GRANTS).map(|_| bucket()).collect(),
            calls: Vec::new(),
            now: "2026-11-29T18:00:00Z".parse().unwrap(),
            open: true,
        };
        world.wait(0);
        world
    }

    fn wait(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
        let all = self.proxies.iter().chain([&self.billing, &*self.scratch]);
        all.for_each(|limits| limits.set_time(self.now));
    }

    fn sums(&self, bucket: usize, counts: impl Fn(&Call) -> bool) -> Sums {
        let mut sums = Sums::default();
        for call in self
            .calls
            .iter()
            .filter(|call| call.bucket == bucket && counts(call))
        {
            let (at, held) = (call.held.at, call.held.amount.nanos());
            let (spent, held) = call.cost.map_or((0, held), |cost| (cost, 0));
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

    /// The limit that the list of calls says is in the way.
    fn in_the_way(&self, bucket: usize, amount: i64) -> Option<LimitName> {
        let sums = self.sums(bucket, |_| true);
        if sums.month_spent + sums.month_held + amount > 500 {
            Some(LimitName::MonthlySpend)
        } else if sums.day_spent + sums.day_held + amount > 200 {
            Some(LimitName::DailySpend)
        } else if sums.requests_today >= 12 {
            Some(LimitName::RequestsPerDay)
        } else if sums.requests_in_minute >= 6 {
            Some(LimitName::RequestsPerMinute)
        } else {
            None
        }
    }

    async fn take(&mut self, step: Step) -> Result<(), TestCaseError> {
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
                call.recorded |= call.cost.is_some();
            }
            Step::Settle { .. } | Step::Record { .. } => {}
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
        let asked = asks(self.grants[bucket], amount, LIMITS);
        let answer = self.proxies[proxy].reserve(&asked).await;
        let expected = if self.open {
            self.in_the_way(bucket, amount)
        } else {
            None
        };
        match answer {
            Ok(held) => {
                prop_assert!(self.open && expected.is_none(), "held past {expected:?}");
                prop_assert_eq!(held.at, self.now);
                self.calls.push(Call {
                    held,
                    bucket,
                    proxy,
                    cost: None,
                    recorded: false,
                });
            }
            Err(Refused::SpendLimit { name, .. } | Refused::RateLimit { name, .. }) => {
                prop_assert_eq!(Some(name), expected);
            }
            Err(Refused::NotReady) => prop_assert!(!self.open),
            Err(other) => prop_assert!(false, "{:?}", other),
        }
        Ok(())
    }

    async fn settle(&mut self, index: usize, percent: i64) -> Result<(), TestCaseError> {
        let call = &mut self.calls[index];
        let cost = call.held.amount.nanos() * percent / 100;
        let settled = self.proxies[call.proxy]
            .settle(&call.held, nanos(cost))
            .await;
        match settled {
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
        self.carry(before).await;
        let loads = (0..GRANTS).map(|bucket| self.load(bucket)).collect();
        opening
            .load::<()>(&Ledger {
                loads,
                revoked: Vec::new(),
            })
            .await
            .unwrap();
        self.carry(after).await;
        opening.open::<()>().await.unwrap();
        // Whoever missed the opening carries into the open epoch before it does anything else.
        self.carry([true; PROXIES]).await;
        self.open = true;
    }

    async fn carry(&self, who: [bool; PROXIES]) {
        for (proxy, carries) in self.proxies.iter().zip(who) {
            if carries {
                proxy.catch_up(&nothing, Duration::ZERO).await.unwrap();
            }
        }
    }

    fn load(&self, bucket: usize) -> Load {
        let sums = self.sums(bucket, |call| call.recorded);
        let recorded = self
            .calls
            .iter()
            .filter(|call| call.recorded && call.bucket == bucket);
        Load {
            bucket: self.grants[bucket],
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
    async fn check(&self) -> Result<(), TestCaseError> {
        if !self.open {
            return Ok(());
        }
        for (index, bucket) in self.grants.iter().enumerate() {
            let expected = self.sums(index, |_| true);
            let all = self.billing.standing(*bucket, &LIMITS).await.unwrap();
            let of = |amount: Amount| match amount {
                Amount::Money(money) => money.nanos(),
                Amount::Requests(count) => i64::try_from(count).unwrap(),
            };
            let count = |index: usize| u64::try_from(of(all[index].spent)).unwrap();
            let found = Sums {
                month_spent: of(all[0].spent),
                month_held: of(all[0].reserved),
                day_spent: of(all[1].spent),
                day_held: of(all[1].reserved),
                requests_in_minute: count(2),
                requests_today: count(3),
            };
            prop_assert_eq!(&found, &expected);
            for standing in &all {
                prop_assert!(of(standing.spent) + of(standing.reserved) <= of(standing.limit));
            }
        }
        Ok(())
    }

    /// Whatever happened, everything can be ended, and then nothing is held.
    async fn end(&mut self) -> Result<(), TestCaseError> {
        self.refill([true, false], [false, true]).await;
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
        prop_assert!(
            self.scratch
                .fields()
                .keys()
                .all(|field| !field.starts_with("r:"))
        );
        self.check().await
    }
}

#[test]
fn the_counters_say_what_a_plain_list_of_calls_says() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let began = Instant::now();
    let world = std::cell::RefCell::new(Some(runtime.block_on(PrivateRedis::start(&[]))));
    let cases = ProptestConfig {
        cases: 300,
        max_shrink_iters: 300,
        ..ProptestConfig::default()
    };
    proptest!(cases, |(steps in proptest::collection::vec(step(), 1..40))| {
        if began.elapsed() > LONGEST {
            return Ok(());
        }
        let kept = world.borrow_mut().take();
        let server = kept.unwrap_or_else(|| runtime.block_on(PrivateRedis::start(&[])));
        server.tell(&["FLUSHALL"]);
        let (server, outcome) = runtime.block_on(async {
            let mut now = World::new(server).await;
            let outcome = run(&mut now, steps).await;
            (now.server, outcome)
        });
        world.replace(Some(server));
        outcome?;
    });
}

async fn run(world: &mut World, steps: Vec<Step>) -> Result<(), TestCaseError> {
    for step in steps {
        world.take(step).await?;
        world.check().await?;
    }
    world.end().await
}
