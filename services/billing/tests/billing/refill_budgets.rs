//! What is given back to budgets: the sums of the calls that counted against them, to the nano-dollar.

use std::time::Duration;

use clock::Clock;
use events::CallRecord;
use ids::{BudgetId, UserId};
use money::Nanodollars;
use spend_limits::{
    Above, Amount, Bucket, CallLimits, Hold, Opened, OwnersAbove, Reservation, Settled, SpendLimits,
};

use crate::{
    calls::{Granted, at},
    refill::{bucket, limits, nanos, refill},
    stage::Stage,
};

fn amounts(dollars: i64) -> CallLimits {
    CallLimits {
        daily_spend: Some(Nanodollars::from_dollars(dollars)),
        monthly_spend: Some(Nanodollars::from_dollars(dollars)),
        ..CallLimits::NONE
    }
}

/// What a budget has spent and holds in this month, and has spent today.
async fn used(limits: &SpendLimits, budget: BudgetId) -> (i64, i64, i64) {
    let standing = limits
        .standing(Bucket::of_budget(budget), &amounts(1_000))
        .await
        .unwrap();
    let of = |amount| match amount {
        Amount::Money(money) => money.nanos(),
        Amount::Requests(_) => unreachable!("a budget limits no requests"),
    };
    (
        of(standing[0].spent),
        of(standing[0].reserved),
        of(standing[1].spent),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_spent_under_a_budget_is_given_back_whichever_grants_spent_it() {
    let stage = Stage::at_time(Clock::system()).await;
    let now = stage.clock.now();
    let tenant = stage.tenant();
    let grants = [0; 2].map(|_| Granted::by(tenant, UserId::new(now)));
    let [shared, other] = [0; 2].map(|_| BudgetId::new(now));
    let of = |granted: &Granted, budgets: &[BudgetId], cost: i64| {
        let mut call: CallRecord = granted.call_at(now);
        call.budgets = budgets.to_vec();
        call.cost = nanos(cost);
        call
    };
    let calls = [
        // It began before there was a budget.
        of(&grants[0], &[], 1),
        of(&grants[0], &[shared], 10),
        of(&grants[1], &[shared, other], 100),
        of(&grants[1], &[shared], 1_000),
    ];
    stage.booked(&calls).await;
    let (refill, limits) = (refill(&stage), limits(&stage));
    let mut earlier = None;
    for _ in 0..2 {
        if let Opened::Opened(epoch) = refill.open().await.unwrap() {
            earlier = Some(epoch);
        }
        assert_eq!(used(&limits, shared).await, (1_110, 0, 1_110));
        assert_eq!(used(&limits, other).await, (100, 0, 100));
        stage.forget_redis();
    }
    // A proxy still knows a call that was recorded a moment ago: it counts once.
    refill.open().await.unwrap();
    let hold = Hold {
        bucket: bucket(grants[1].grant, "openai"),
        above: OwnersAbove::of(&[], &[shared]).unwrap(),
        call: calls[3].call,
        epoch: earlier.unwrap(),
    };
    let charged = limits.charge(hold, nanos(1_000), now).await;
    assert_eq!(charged.unwrap(), Settled::Already);
    assert_eq!(used(&limits, shared).await, (1_110, 0, 1_110));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budgets_month_is_the_sum_of_its_days() {
    let stage = Stage::new().await;
    let granted = Granted::by(stage.tenant(), UserId::new(stage.clock.now()));
    let budget = BudgetId::new(stage.clock.now());
    let calls = [
        ("2026-10-31T23:59:59Z", 1),
        ("2026-11-01T00:00:00Z", 10),
        ("2026-11-22T00:00:00Z", 100),
        ("2026-11-22T11:00:00Z", 1_000),
    ]
    .map(|(began_at, cost)| {
        let mut call = granted.call(began_at);
        call.budgets = vec![budget];
        call.cost = nanos(cost);
        call
    });
    stage.booked(&calls).await;
    let ledger = billing::refill::Ledger::new(stage.postgres());
    let spent = ledger.spent(at("2026-11-22T12:00:00Z")).await.unwrap();
    let of_budget = spent
        .iter()
        .find(|spent| spent.bucket == Bucket::of_budget(budget))
        .unwrap();
    assert_eq!(of_budget.this_month, nanos(1_110));
    assert_eq!(of_budget.today, nanos(1_100));
    assert_eq!(of_budget.calls_today, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overdue_hold_ends_at_its_budget_once_its_call_is_recorded() {
    let stage = Stage::at_time(Clock::system()).await;
    let refill = refill(&stage);
    refill.open().await.unwrap();
    let limits = limits(&stage);
    let now = stage.clock.now();
    let budget = BudgetId::new(now);
    let mut call = Granted::by(stage.tenant(), UserId::new(now)).call_at(now);
    call.budgets = vec![budget];
    call.cost = nanos(3);
    let reservation = Reservation {
        bucket: bucket(call.grant, "openai"),
        call: call.call,
        worst_case: nanos(10),
        limits: CallLimits::NONE,
        above: Above::of(&[], &[(budget, amounts(1))]).unwrap(),
        lasts: Duration::from_millis(1),
        place: None,
    };
    drop(limits.reserve(&reservation).await.unwrap());
    let swept = async || refill.sweep().await.unwrap();
    stage.until("the hold is overdue", swept, 1).await;
    assert_eq!(used(&limits, budget).await, (0, 10, 0));
    stage.booked(&[call.clone()]).await;
    assert_eq!(refill.sweep().await.unwrap(), 0);
    assert_eq!(used(&limits, budget).await, (3, 0, 3));
}
