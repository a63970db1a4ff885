//! What Postgres says was spent is what a plain list of calls says: the list that the machine of the
//! limits, which knows no Postgres, fills a new epoch with.

use std::collections::BTreeMap;

use billing::refill::Ledger;
use clock::{day_of, month_of};
use events::{CallRecord, LimitName, ShadowVerdict};
use ids::{BudgetId, ShadowId, UserId};
use jiff::{SignedDuration, Timestamp};
use money::{LARGEST_LIMIT, Nanodollars};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use spend_limits::{Bucket, Load, RecordedCall};

use crate::{
    calls::{Granted, at},
    refill::nanos,
    stage::Stage,
};

const NOW: &str = "2026-11-22T12:00:00Z";
/// Calls of so many days ago may still be remembered by a proxy, by far.
const REMEMBERED_DAYS: i64 = 2;

/// What a call is made of: minutes ago, cost, and whether it was made by the child of a grant, at the
/// other provider, under the budget, within the shadow, and would have been refused by that.
type Seed = (i64, i64, [bool; 5]);

fn seeds() -> impl Strategy<Value = Vec<Seed>> {
    // Around midnight, and around the first of the month.
    let minutes = prop_oneof![0..720_i64, 719..722_i64, 0..40_000_i64, 30_959..30_962_i64];
    let cost = prop_oneof![Just(0), Just(1), 0..1_000_000_000_i64];
    prop::collection::vec((minutes, cost, any::<[bool; 5]>()), 0..40)
}

struct Around {
    parent: Granted,
    child: Granted,
    budget: BudgetId,
    shadow: ShadowId,
}

impl Around {
    fn new(stage: &Stage) -> Self {
        let (tenant, now) = (stage.tenant(), at(NOW));
        let granted = || Granted::by(tenant, UserId::new(now));
        Self {
            parent: granted(),
            child: granted(),
            budget: BudgetId::new(now),
            shadow: ShadowId::new(now),
        }
    }

    fn call(&self, (minutes, cost, [child, other, budget, shadow, refused]): Seed) -> CallRecord {
        let granted = if child { self.child } else { self.parent };
        let mut call = granted.call_at(at(NOW) - SignedDuration::from_mins(minutes));
        call.cost = nanos(cost);
        call.provider = if other { "anthropic" } else { "openai" }.parse().unwrap();
        if child {
            call.ancestors = vec![self.parent.grant];
        }
        if budget {
            call.budgets = vec![self.budget];
        }
        if shadow {
            let would_refuse = refused.then_some(LimitName::DailySpend);
            let shadow = self.shadow;
            call.shadows = vec![ShadowVerdict {
                shadow,
                would_refuse,
            }];
        }
        call
    }
}

/// The buckets that a call counts in.
fn buckets(call: &CallRecord) -> Vec<Bucket> {
    let grants = call.ancestors.iter().chain([&call.grant]);
    let grants = grants.map(|grant| Bucket::new(*grant, &call.provider));
    let budgets = call.budgets.iter().copied().map(Bucket::of_budget);
    let shadows = call.counted_shadows().map(Bucket::of_shadow);
    grants.chain(budgets).chain(shadows).collect()
}

/// What is loaded, call by call.
fn loads(calls: &[CallRecord], now: Timestamp) -> BTreeMap<Bucket, Load> {
    let mut loads = BTreeMap::new();
    for call in calls {
        for bucket in buckets(call) {
            let load = loads.entry(bucket).or_insert_with(|| empty(bucket));
            if month_of(call.began_at) == month_of(now) {
                load.spent_this_month = plus(load.spent_this_month, call.cost);
            }
            if day_of(call.began_at) == day_of(now) {
                load.spent_today = plus(load.spent_today, call.cost);
                load.requests_today += 1;
            }
            load.recorded.push(RecordedCall {
                call: call.call,
                at: call.began_at,
            });
        }
    }
    loads
}

fn empty(bucket: Bucket) -> Load {
    Load {
        bucket,
        spent_today: Nanodollars::ZERO,
        requests_today: 0,
        spent_this_month: Nanodollars::ZERO,
        recorded: Vec::new(),
    }
}

fn plus(sum: Nanodollars, cost: Nanodollars) -> Nanodollars {
    nanos(sum.nanos() + cost.nanos()).min(LARGEST_LIMIT)
}

/// Calls that no proxy can remember may be listed or not: their sums say all of them.
fn remembered(mut load: Load, now: Timestamp) -> Load {
    let horizon = now - SignedDuration::from_hours(24 * REMEMBERED_DAYS);
    load.recorded.retain(|call| call.at >= horizon);
    load.recorded.sort_by_key(|call| call.call);
    load
}

fn says_nothing(load: &Load) -> bool {
    load.recorded.is_empty()
        && load.requests_today == 0
        && load.spent_this_month == Nanodollars::ZERO
}

#[test]
fn postgres_says_what_a_plain_list_of_calls_says() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let stage = runtime.block_on(Stage::new());
    let now = at(NOW);
    let mut runner = TestRunner::new(Config {
        cases: 60,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&seeds(), |seeds| {
        let around = Around::new(&stage);
        let calls: Vec<_> = seeds.into_iter().map(|seed| around.call(seed)).collect();
        let found = runtime.block_on(async {
            stage.booked(&calls).await;
            Ledger::new(stage.postgres()).whole(now).await.unwrap()
        });
        let expected = loads(&calls, now);
        let mut of_calls: BTreeMap<_, _> = (found.loads.into_iter())
            .filter(|load| expected.contains_key(&load.bucket))
            .map(|load| (load.bucket, remembered(load, now)))
            .collect();
        for (bucket, load) in expected {
            let found = of_calls.remove(&bucket).unwrap_or_else(|| empty(bucket));
            let load = remembered(load, now);
            prop_assert!(
                found == load || says_nothing(&load) && says_nothing(&found),
                "{found:?}\n{load:?}"
            );
        }
        Ok(())
    });
    runtime.block_on(async { drop(stage) });
    outcome.unwrap();
}
