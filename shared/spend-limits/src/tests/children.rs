//! A child counts against each grant above it, through every way that a hold may go.

use super::{
    losses::{begin, catch_up, counted, ledger, load, lose_the_epoch},
    *,
};
use crate::{Settled, Spent};

/// A grant with two above it: its own bucket, its parent's, and the root's.
fn family() -> [Bucket; 3] {
    [bucket(), bucket(), bucket()]
}

fn above(family: &[Bucket], limits: CallLimits) -> Above {
    let grants: Vec<_> = family[1..]
        .iter()
        .map(|bucket| (grant_of(*bucket), limits))
        .collect();
    Above::of(&grants, &[]).unwrap()
}

/// A call of the family's youngest, whose own limit is `own` and that of all above `limit`.
fn asks_under(family: &[Bucket], worst_case: i64, own: i64, limit: i64) -> Reservation {
    Reservation {
        above: above(family, all_four(limit)),
        ..asks(family[0], worst_case, all_four(own))
    }
}

async fn everywhere(limits: &SpendLimits, family: &[Bucket], is: (i64, i64, u64)) {
    for bucket in family {
        assert_eq!(counted(limits, *bucket).await, is, "{bucket}");
    }
}

#[tokio::test]
async fn a_childs_call_is_held_and_settled_at_every_grant_above_it() {
    let scratch = Scratch::open().await;
    let family = family();
    let hold = held(&scratch, &asks_under(&family, 30, 50, 100)).await;
    assert_eq!(hold.remaining, Some(nanos(20)), "its own limit is tighter");
    everywhere(&scratch, &family, (0, 30, 1)).await;
    assert_eq!(
        scratch.settle(&hold, nanos(12)).await.unwrap(),
        Settled::Done
    );
    assert_eq!(
        scratch.settle(&hold, nanos(12)).await.unwrap(),
        Settled::Already
    );
    everywhere(&scratch, &family, (12, 0, 1)).await;
    // A call of the parent itself is no call of the child.
    let _ = held(&scratch, &asks(family[1], 5, all_four(100))).await;
    assert_eq!(counted(&scratch, family[0]).await, (12, 0, 1));
    assert_eq!(counted(&scratch, family[2]).await, (12, 0, 1));
}

#[tokio::test]
async fn what_does_not_fit_above_is_refused_in_that_grants_name_and_changes_nothing() {
    let scratch = Scratch::open().await;
    let family = family();
    let _ = held(&scratch, &asks(family[2], 80, all_four(100))).await;
    let before = scratch.dump();
    let refusal = refused(&scratch, &asks_under(&family, 30, 50, 100)).await;
    assert!(
        matches!(refusal, Refused::SpendLimit { whose, reserved, limit, .. }
            if whose == family[2].owner && reserved == nanos(80) && limit == nanos(100)),
        "{refusal}"
    );
    let few = CallLimits {
        requests_per_day: Some(0),
        ..CallLimits::NONE
    };
    let few = Reservation {
        above: above(&family[..2], few),
        ..asks(family[0], 1, all_four(50))
    };
    let refusal = refused(&scratch, &few).await;
    assert!(
        matches!(refusal, Refused::RateLimit { whose, .. } if whose == family[1].owner),
        "{refusal}"
    );
    assert_eq!(scratch.dump(), before);
    let fits = held(&scratch, &asks_under(&family, 20, 50, 100)).await;
    assert_eq!(fits.remaining, Some(nanos(0)), "the root has nothing left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_children_at_once_never_take_more_than_their_parent_has() {
    let scratch = Scratch::open().await;
    let parent = bucket();
    let processes = [scratch.another(), scratch.another()];
    let mut running = tokio::task::JoinSet::new();
    let children = [bucket(), bucket(), bucket()];
    for turn in 0..150 {
        let process = processes[turn % 2].clone();
        let family = [children[turn % 3], parent];
        running.spawn(async move {
            let Ok(hold) = process.reserve(&asks_under(&family, 10, 100, 100)).await else {
                return 0;
            };
            process.settle(&hold, nanos(7)).await.unwrap();
            7
        });
    }
    let cost: i64 = running.join_all().await.into_iter().sum();
    assert!((90..=100).contains(&cost), "{cost}");
    assert_eq!(month(&scratch, parent).await, (cost, 0));
    let mut of_children = 0;
    for child in children {
        of_children += month(&scratch, child).await.0;
    }
    assert_eq!(of_children, cost);
}

#[tokio::test]
async fn a_child_of_a_revoked_grant_is_refused_however_far_above_it_is() {
    for ended in 0..3 {
        let scratch = Scratch::open().await;
        let family = family();
        scratch.mark_revoked(grant_of(family[ended])).await.unwrap();
        let refusal = refused(&scratch, &asks_under(&family, 1, 50, 100)).await;
        assert!(matches!(refusal, Refused::Revoked), "{refusal}");
    }
}

#[tokio::test]
async fn a_childs_overdue_hold_is_listed_once_and_ends_everywhere() {
    let scratch = Scratch::open().await;
    let family = family();
    let short = Reservation {
        lasts: Duration::from_secs(60),
        ..asks_under(&family, 30, 50, 100)
    };
    let hold = held(&scratch, &short).await;
    let billing = scratch.another();
    billing.set_time("2026-11-22T12:02:00Z".parse().unwrap());
    let overdue = billing.overdue(0, 100).await.unwrap();
    assert_eq!(overdue.len(), 1);
    assert_eq!(overdue[0].hold, (&hold).into());
    billing
        .settle(overdue[0].hold.clone(), nanos(30))
        .await
        .unwrap();
    assert_eq!(billing.overdue(0, 100).await.unwrap(), []);
    everywhere(&scratch, &family, (30, 0, 1)).await;
}

#[tokio::test]
async fn what_the_ledger_and_a_proxy_know_of_a_child_counts_once_at_every_grant() {
    for carried_first in [true, false] {
        let scratch = Scratch::open().await;
        let (proxy, family) = (scratch.another(), family());
        let running = held(&proxy, &asks_under(&family, 30, 100, 100)).await;
        let recorded = held(&proxy, &asks_under(&family, 25, 100, 100)).await;
        let unrecorded = held(&proxy, &asks_under(&family, 25, 100, 100)).await;
        proxy.settle(&recorded, nanos(20)).await.unwrap();
        proxy.settle(&unrecorded, nanos(10)).await.unwrap();
        everywhere(&proxy, &family, (30, 30, 3)).await;
        lose_the_epoch(&scratch);
        let opening = begin(&scratch).await;
        if carried_first {
            assert_eq!(catch_up(&proxy).await, 3);
        }
        let loads = family.map(|bucket| load(bucket, &[(&recorded, 20)]));
        opening.load::<()>(&ledger(loads.to_vec())).await.unwrap();
        if !carried_first {
            assert_eq!(catch_up(&proxy).await, 2, "the ledger had one of them");
        }
        opening.open::<()>().await.unwrap();
        everywhere(&scratch, &family, (30, 30, 3)).await;
        assert_eq!(
            scratch.another().settle(&running, nanos(5)).await.unwrap(),
            Settled::Done
        );
        everywhere(&scratch, &family, (35, 0, 3)).await;
    }
}

#[tokio::test]
async fn what_was_carried_to_the_child_alone_is_still_booked_above() {
    let scratch = Scratch::open().await;
    let (proxy, family) = (scratch.another(), family());
    let hold = held(&proxy, &asks_under(&family, 30, 100, 100)).await;
    lose_the_epoch(&scratch);
    open_with(&scratch, Ledger::default()).await;
    // The connection broke between the two bookings: the child has it, the grants above do not.
    let mut half = hold.clone();
    half.above = crate::OwnersAbove::NONE;
    assert_eq!(scratch.another().carry(&[half]).await.unwrap(), 1);
    assert_eq!(
        proxy.settle(&hold, nanos(12)).await.unwrap(),
        Settled::OtherEpoch
    );
    assert_eq!(counted(&scratch, family[1]).await, (0, 0, 0));
    catch_up(&proxy).await;
    everywhere(&scratch, &family, (12, 0, 1)).await;
}

#[tokio::test]
async fn a_restarted_proxy_books_a_childs_unsent_record_at_every_grant() {
    let scratch = Scratch::open().await;
    let family = family();
    let hold = held(&scratch, &asks_under(&family, 30, 100, 100)).await;
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
    everywhere(&scratch, &family, (12, 0, 1)).await;
}

#[tokio::test]
async fn a_parent_is_not_refused_for_what_its_child_has_given_back() {
    let scratch = Scratch::open().await;
    let family = family();
    let hold = held(&scratch, &asks_under(&family, 100, 100, 100)).await;
    // Redis is told behind the caller's back; the next call does not wait for that.
    scratch.shared.in_hand.settle(hold.call, nanos(1));
    let _ = held(&scratch, &asks(family[2], 99, all_four(100))).await;
}

#[tokio::test]
async fn a_child_is_told_its_own_limits_and_what_really_remains() {
    let scratch = Scratch::open().await;
    let family = family();
    let _ = held(&scratch, &asks(family[1], 70, all_four(100))).await;
    let own = all_four(50);
    let standing = scratch
        .standing_under(family[0], &own, &above(&family, all_four(100)))
        .await
        .unwrap();
    let month = &standing[0];
    assert_eq!(month.limit, Amount::Money(nanos(50)));
    assert_eq!(month.spent, Amount::Money(nanos(0)));
    assert_eq!(month.remaining, Amount::Money(nanos(30)));
    assert_eq!(standing.len(), 4);
}
