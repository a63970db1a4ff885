//! Shadow limits: no call is refused by them, and what they would have refused is not counted there.

use ids::{BudgetId, ShadowId};

use super::{
    losses::{begin, catch_up, ledger, load, lose_the_epoch},
    *,
};
use crate::{MOST_SHADOWS, Settled};

fn shadow() -> ShadowId {
    ShadowId::new(Clock::system().now())
}

/// A call of a grant that may spend much, which these shadows watch.
fn asks_watched(
    bucket: Bucket,
    worst_case: i64,
    shadows: &[(ShadowId, CallLimits)],
) -> Reservation {
    Reservation {
        above: Above::NONE.with_shadows(shadows).unwrap(),
        ..asks(bucket, worst_case, all_four(1_000_000))
    }
}

async fn at(limits: &SpendLimits, shadow: ShadowId) -> (i64, i64) {
    month(limits, Bucket::of_shadow(shadow)).await
}

#[tokio::test]
async fn a_shadow_refuses_nothing_and_counts_only_what_fits() {
    let scratch = Scratch::open().await;
    let (grant, watching) = (bucket(), shadow());
    let asked = |worst_case| asks_watched(grant, worst_case, &[(watching, monthly(100))]);
    let fits = held(&scratch, &asked(80)).await;
    assert_eq!(fits.would_refuse, []);
    let beyond = held(&scratch, &asked(21)).await;
    assert_eq!(beyond.would_refuse, [(watching, LimitName::MonthlySpend)]);
    assert_eq!(beyond.remaining, Some(nanos(1_000_000 - 101)));
    assert_eq!(at(&scratch, watching).await, (0, 80));
    assert_eq!(month(&scratch, grant).await, (0, 101));
    // As it would be if it refused: what is given back is there for the next.
    for (hold, cost) in [(&fits, 50), (&beyond, 21)] {
        assert_eq!(
            scratch.settle(hold, nanos(cost)).await.unwrap(),
            Settled::Done
        );
    }
    assert_eq!(at(&scratch, watching).await, (50, 0));
    assert_eq!(month(&scratch, grant).await, (71, 0));
    let fits = held(&scratch, &asked(50)).await;
    assert_eq!(fits.would_refuse, []);
    assert!(fits.leaves_no_room());
    // What this process has settled and Redis does not know yet is not in its way.
    scratch.shared.in_hand.settle(fits.call, nanos(1));
    assert_eq!(held(&scratch, &asked(49)).await.would_refuse, []);
}

#[tokio::test]
async fn each_kind_of_limit_is_watched() {
    let scratch = Scratch::open().await;
    let requests = |per_minute, per_day| CallLimits {
        requests_per_minute: per_minute,
        requests_per_day: per_day,
        ..CallLimits::NONE
    };
    for (limits, name) in [
        (monthly(15), LimitName::MonthlySpend),
        (daily(15), LimitName::DailySpend),
        (requests(None, Some(1)), LimitName::RequestsPerDay),
        (requests(Some(1), None), LimitName::RequestsPerMinute),
    ] {
        let (grant, watching) = (bucket(), shadow());
        let asked = || asks_watched(grant, 10, &[(watching, limits)]);
        assert_eq!(held(&scratch, &asked()).await.would_refuse, []);
        for _ in 0..2 {
            let beyond = held(&scratch, &asked()).await;
            assert_eq!(beyond.would_refuse, [(watching, name)]);
        }
    }
}

#[tokio::test]
async fn what_refuses_is_none_the_weaker_for_being_watched() {
    let scratch = Scratch::open().await;
    let (grant, watching) = (bucket(), shadow());
    let budget = BudgetId::new(Clock::system().now());
    let asked = |worst_case| Reservation {
        above: Above::of(&[], &[(budget, monthly(100))])
            .unwrap()
            .with_shadows(&[(watching, monthly(1_000))])
            .unwrap(),
        ..asks(grant, worst_case, all_four(200))
    };
    let _ = held(&scratch, &asked(90)).await;
    let before = scratch.fields();
    let refusal = refused(&scratch, &asked(11)).await;
    assert!(
        matches!(refusal, Refused::SpendLimit { whose, .. } if whose == Owner::Budget(budget)),
        "{refusal}"
    );
    assert_eq!(scratch.fields(), before);
    assert_eq!(at(&scratch, watching).await, (0, 90), "nor has it counted");
    let standing = scratch
        .standing_under(grant, &all_four(200), &asked(1).above)
        .await
        .unwrap();
    assert_eq!(standing[0].remaining, Amount::Money(nanos(10)));
    scratch.mark_revoked(grant_of(grant)).await.unwrap();
    let refusal = refused(&scratch, &asked(1)).await;
    assert!(matches!(refusal, Refused::Revoked), "{refusal}");
}

#[tokio::test]
async fn a_hold_ends_at_the_shadows_that_it_counts_at_whoever_ends_it() {
    let scratch = Scratch::open().await;
    let (grant, parent) = (bucket(), bucket());
    let budget = BudgetId::new(Clock::system().now());
    let watching: Vec<_> = (0..MOST_SHADOWS).map(|_| shadow()).collect();
    // Every other one would refuse it.
    let limits = [1, 500].into_iter().cycle().map(monthly);
    let shadows: Vec<_> = watching.iter().copied().zip(limits).collect();
    let asked = Reservation {
        above: Above::of(
            &[(grant_of(parent), all_four(1_000))],
            &[(budget, monthly(1_000))],
        )
        .unwrap()
        .with_shadows(&shadows)
        .unwrap(),
        ..asks(grant, 400, all_four(1_000))
    };
    let hold = held(&scratch, &asked).await;
    let refusing = watching.iter().step_by(2);
    let refusing: Vec<_> = refusing
        .map(|shadow| (*shadow, LimitName::MonthlySpend))
        .collect();
    assert_eq!(hold.would_refuse, refusing);
    let billing = scratch.another();
    billing.set_time("2026-11-22T12:20:00Z".parse().unwrap());
    let overdue = billing.overdue(0, 100).await.unwrap();
    assert_eq!(overdue[0].hold, (&hold).into());
    let ended = billing.settle(overdue[0].hold.clone(), nanos(300)).await;
    assert_eq!(ended.unwrap(), Settled::Done);
    for (shadow, spent) in watching.iter().zip([0, 300].into_iter().cycle()) {
        assert_eq!(at(&scratch, *shadow).await, (spent, 0));
    }
    assert_eq!(month(&scratch, Bucket::of_budget(budget)).await, (300, 0));
    assert_eq!(month(&scratch, parent).await, (300, 0));
}

#[tokio::test]
async fn a_reservation_of_unknown_outcome_is_undone_at_its_shadow() {
    let scratch = Scratch::open().await;
    let (grant, watching) = (bucket(), shadow());
    let asked = asks_watched(grant, 40, &[(watching, monthly(100))]);
    let owners = asked.above.owners();
    let asking = (scratch.shared.in_hand).ask(grant, owners, asked.call);
    // Redis did hold it; the answer was lost.
    let _ = held(&scratch.another(), &asked).await;
    drop(asking);
    assert_eq!(at(&scratch, watching).await, (0, 40));
    assert_eq!(catch_up(&scratch).await, 1);
    assert_eq!(at(&scratch, watching).await, (0, 0));
    assert_eq!(month(&scratch, grant).await, (0, 0));
}

#[tokio::test]
async fn what_the_ledger_and_a_proxy_know_counts_once_at_a_shadow() {
    for carried_first in [true, false] {
        let scratch = Scratch::open().await;
        let (proxy, grant, watching) = (scratch.another(), bucket(), shadow());
        let asked = |worst_case| asks_watched(grant, worst_case, &[(watching, monthly(100))]);
        let running = held(&proxy, &asked(30)).await;
        let recorded = held(&proxy, &asked(25)).await;
        let beyond = held(&proxy, &asked(60)).await;
        assert_eq!(beyond.would_refuse.len(), 1);
        proxy.settle(&recorded, nanos(20)).await.unwrap();
        lose_the_epoch(&scratch);
        let opening = begin(&scratch).await;
        if carried_first {
            assert_eq!(catch_up(&proxy).await, 3);
        }
        let loads = [grant, Bucket::of_shadow(watching)];
        let loads = loads.map(|bucket| load(bucket, &[(&recorded, 20)]));
        opening.load::<()>(&ledger(loads.to_vec())).await.unwrap();
        if !carried_first {
            assert_eq!(catch_up(&proxy).await, 2, "the ledger had one of them");
        }
        opening.open::<()>().await.unwrap();
        assert_eq!(at(&scratch, watching).await, (20, 30));
        assert_eq!(month(&scratch, grant).await, (20, 90));
        for hold in [&running, &beyond] {
            let ended = scratch.another().settle(hold, nanos(5)).await;
            assert_eq!(ended.unwrap(), Settled::Done);
        }
        assert_eq!(at(&scratch, watching).await, (25, 0));
        assert_eq!(month(&scratch, grant).await, (30, 0));
    }
}
