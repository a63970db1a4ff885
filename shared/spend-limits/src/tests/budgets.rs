//! A budget that several grants share: what counts at a grant counts there too, through every way
//! that a hold may go.

use ids::BudgetId;

use super::{
    losses::{begin, catch_up, ledger, load, lose_the_epoch},
    *,
};
use crate::{Settled, Spent};

fn budget() -> BudgetId {
    BudgetId::new(Clock::system().now())
}

/// A call of a grant that may spend much, under a budget that may spend `limit` in a month.
fn asks_within(bucket: Bucket, budget: BudgetId, worst_case: i64, limit: i64) -> Reservation {
    Reservation {
        above: Above::of(&[], &[(budget, monthly(limit))]).unwrap(),
        ..asks(bucket, worst_case, all_four(1_000_000))
    }
}

async fn at(limits: &SpendLimits, budget: BudgetId) -> (i64, i64) {
    month(limits, Bucket::of_budget(budget)).await
}

#[tokio::test]
async fn a_budgets_refusal_names_it_and_changes_nothing() {
    let scratch = Scratch::open().await;
    let (budgets, [one, other]) = ([budget(), budget()], [bucket(), bucket()]);
    let asked = |bucket, worst_case| Reservation {
        above: Above::of(
            &[],
            &[(budgets[0], monthly(1_000)), (budgets[1], daily(100))],
        )
        .unwrap(),
        ..asks(bucket, worst_case, all_four(1_000_000))
    };
    let hold = held(&scratch, &asked(one, 80)).await;
    assert_eq!(hold.remaining, Some(nanos(20)), "the tightest of all");
    let before = scratch.dump();
    let refusal = refused(&scratch, &asked(other, 21)).await;
    let named = Owner::Budget(budgets[1]);
    assert!(
        matches!(refusal, Refused::SpendLimit { whose, name: LimitName::DailySpend, reserved, limit, .. }
            if whose == named && reserved == nanos(80) && limit == nanos(100)),
        "{refusal}"
    );
    assert_eq!(scratch.dump(), before);
    // What one grant gives back, the other has.
    scratch.settle(&hold, nanos(50)).await.unwrap();
    let fits = held(&scratch, &asked(other, 50)).await;
    assert_eq!(fits.remaining, Some(nanos(0)));
    for budget in budgets {
        assert_eq!(at(&scratch, budget).await, (50, 50));
    }
    assert_eq!(month(&scratch, one).await, (50, 0));
    assert_eq!(month(&scratch, other).await, (0, 50));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grants_at_once_never_take_more_than_their_budget_has() {
    let scratch = Scratch::open().await;
    let budget = budget();
    let processes = [scratch.another(), scratch.another()];
    let grants = [bucket(), bucket(), bucket()];
    let mut running = tokio::task::JoinSet::new();
    for turn in 0..150 {
        let process = processes[turn % 2].clone();
        let asked = asks_within(grants[turn % 3], budget, 10, 100);
        running.spawn(async move {
            let Ok(hold) = process.reserve(&asked).await else {
                return 0;
            };
            process.settle(&hold, nanos(7)).await.unwrap();
            7
        });
    }
    let cost: i64 = running.join_all().await.into_iter().sum();
    assert!((91..=100).contains(&cost), "{cost}");
    assert_eq!(at(&scratch, budget).await, (cost, 0));
}

#[tokio::test]
async fn a_call_may_count_against_grants_and_budgets_at_once() {
    let scratch = Scratch::open().await;
    let (child, parent, root) = (bucket(), bucket(), bucket());
    let budgets: Vec<_> = (0..crate::MOST_BUDGETS).map(|_| budget()).collect();
    let of = |limit: i64| (0..6).map(move |index| monthly(limit + index));
    let with_limits: Vec<_> = budgets.iter().copied().zip(of(500)).collect();
    let grants = [parent, root].map(|bucket| (grant_of(bucket), all_four(1_000)));
    let asked = |worst_case| Reservation {
        above: Above::of(&grants, &with_limits).unwrap(),
        ..asks(child, worst_case, all_four(1_000))
    };
    let hold = held(&scratch, &asked(400)).await;
    assert_eq!(hold.remaining, Some(nanos(100)));
    let refusal = refused(&scratch, &asked(101)).await;
    assert!(
        matches!(refusal, Refused::SpendLimit { whose, .. } if whose == Owner::Budget(budgets[0])),
        "{refusal}"
    );
    scratch.mark_revoked(grant_of(root)).await.unwrap();
    let refusal = refused(&scratch, &asked(1)).await;
    assert!(matches!(refusal, Refused::Revoked), "{refusal}");
    let billing = scratch.another();
    billing.set_time("2026-11-22T12:20:00Z".parse().unwrap());
    let overdue = billing.overdue(0, 100).await.unwrap();
    assert_eq!(overdue.len(), 1, "it is listed once");
    assert_eq!(overdue[0].hold, (&hold).into());
    let ended = billing.settle(overdue[0].hold.clone(), nanos(400)).await;
    assert_eq!(ended.unwrap(), Settled::Done);
    for bucket in [child, parent, root] {
        assert_eq!(month(&scratch, bucket).await, (400, 0));
    }
    for budget in budgets {
        assert_eq!(at(&scratch, budget).await, (400, 0));
    }
}

#[tokio::test]
async fn a_budget_is_not_refused_for_what_another_grant_has_given_back() {
    let scratch = Scratch::open().await;
    let budget = budget();
    let hold = held(&scratch, &asks_within(bucket(), budget, 100, 100)).await;
    assert!(hold.leaves_no_room());
    // Redis is told behind the caller's back; the next call does not wait for that.
    scratch.shared.in_hand.settle(hold.call, nanos(1));
    let _ = held(&scratch, &asks_within(bucket(), budget, 99, 100)).await;
}

#[tokio::test]
async fn what_the_ledger_and_a_proxy_know_counts_once_at_a_budget() {
    for carried_first in [true, false] {
        let scratch = Scratch::open().await;
        let (proxy, budget) = (scratch.another(), budget());
        let grants = [bucket(), bucket()];
        let running = held(&proxy, &asks_within(grants[0], budget, 30, 100)).await;
        let recorded = held(&proxy, &asks_within(grants[0], budget, 25, 100)).await;
        let unrecorded = held(&proxy, &asks_within(grants[1], budget, 25, 100)).await;
        proxy.settle(&recorded, nanos(20)).await.unwrap();
        proxy.settle(&unrecorded, nanos(10)).await.unwrap();
        lose_the_epoch(&scratch);
        let opening = begin(&scratch).await;
        if carried_first {
            assert_eq!(catch_up(&proxy).await, 3);
        }
        let loads = [grants[0], Bucket::of_budget(budget)];
        let loads = loads.map(|bucket| load(bucket, &[(&recorded, 20)]));
        opening.load::<()>(&ledger(loads.to_vec())).await.unwrap();
        if !carried_first {
            assert_eq!(catch_up(&proxy).await, 2, "the ledger had one of them");
        }
        opening.open::<()>().await.unwrap();
        assert_eq!(at(&scratch, budget).await, (30, 30));
        let refusal = refused(&scratch, &asks_within(bucket(), budget, 41, 100)).await;
        assert!(matches!(refusal, Refused::SpendLimit { .. }), "{refusal}");
        let ended = scratch.another().settle(&running, nanos(5)).await;
        assert_eq!(ended.unwrap(), Settled::Done);
        assert_eq!(at(&scratch, budget).await, (35, 0));
        // Nobody asks a budget for the requests of a minute.
        let minute = format!("{}:minute", Bucket::of_budget(budget));
        assert!(!scratch.dump().keys().any(|key| key.ends_with(&minute)));
    }
}

#[tokio::test]
async fn a_restarted_proxy_books_an_unsent_record_at_its_budget() {
    let scratch = Scratch::open().await;
    let budget = budget();
    let hold = held(&scratch, &asks_within(bucket(), budget, 30, 100)).await;
    lose_the_epoch(&scratch);
    open_with(&scratch, Ledger::default()).await;
    let told = [Spent {
        hold: (&hold).into(),
        actual: nanos(12),
        at: hold.at,
    }];
    let unsent = || async { told.to_vec() };
    let restarted = scratch.another();
    for new in [1, 0] {
        let booked = restarted.catch_up(&unsent, Duration::ZERO).await.unwrap();
        assert_eq!(booked, new);
    }
    assert_eq!(at(&scratch, budget).await, (12, 0));
}

#[tokio::test]
async fn a_grant_is_told_no_more_than_remains_of_its_budget() {
    let scratch = Scratch::open().await;
    let (grant, budget) = (bucket(), budget());
    let _ = held(&scratch, &asks_within(bucket(), budget, 70, 100)).await;
    let above = Above::of(&[], &[(budget, monthly(100))]).unwrap();
    let own = all_four(50);
    let standing = scratch.standing_under(grant, &own, &above).await.unwrap();
    let month = &standing[0];
    assert_eq!(month.limit, Amount::Money(nanos(50)), "its own");
    assert_eq!(month.spent, Amount::Money(nanos(0)), "its own");
    assert_eq!(month.remaining, Amount::Money(nanos(30)));
    assert_eq!(standing.len(), 4);
}
