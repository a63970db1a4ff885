//! What processes answer while an epoch is being opened.

use super::{
    losses::{begin, catch_up, counted, ledger, lose_the_epoch},
    *,
};
use crate::{Grace, Opened, Spent, Unrecorded};

/// A process may die while an epoch is being opened, and be found dead by one that has carried already.
#[tokio::test]
async fn what_is_told_late_in_an_opening_is_carried_before_anything_can_be_reserved() {
    let scratch = Scratch::open().await;
    let (dead, proxy, bucket) = (scratch.another(), scratch.another(), bucket());
    let hold = held(&dead, &asks(bucket, 60, all_four(100))).await;
    lose_the_epoch(&scratch);
    let opening = begin(&scratch).await;
    assert_eq!(catch_up(&proxy).await, 0);
    let told = [Spent {
        hold: (&hold).into(),
        actual: nanos(60),
        at: hold.at,
    }];
    let found_dead = || async { told.to_vec() };
    let booked = proxy.catch_up(&found_dead, Duration::ZERO).await.unwrap();
    assert_eq!(booked, 1);
    opening.load::<()>(&ledger(Vec::new())).await.unwrap();
    opening.open::<()>().await.unwrap();
    assert_eq!(counted(&scratch, bucket).await, (60, 0, 1));
    let refused = refused(&proxy, &asks(bucket, 60, all_four(100))).await;
    assert!(matches!(refused, Refused::SpendLimit { .. }));
}

#[tokio::test]
async fn an_epoch_opens_when_every_spool_was_answered_for_and_says_for_which_it_gave_up() {
    let scratch = Scratch::open().await;
    let proxy = scratch.another();
    let patience = |most| Grace {
        least: Duration::ZERO,
        most,
    };
    let opens = |spools: Vec<u64>, most| {
        lose_the_epoch(&scratch);
        let ledger = Ledger {
            spools,
            ..Ledger::default()
        };
        let read = async move |_| Ok::<_, std::convert::Infallible>(ledger);
        let limits = scratch.another();
        async move { limits.open_epoch(read, patience(most)).await.unwrap() }
    };
    let long = Duration::from_secs(30);
    let opening = tokio::spawn(opens(vec![7, 8], long));
    let answers = |spools: &'static [u64]| {
        let told = move || async move {
            Unrecorded {
                spools: spools.to_vec(),
                ..Unrecorded::default()
            }
        };
        let proxy = &proxy;
        async move { proxy.catch_up(&told, Duration::ZERO).await.unwrap() }
    };
    eventually("the opening has begun", async || {
        let (open, opening) = proxy.position().await.unwrap();
        open.is_none() && opening.is_some()
    })
    .await;
    answers(&[7]).await;
    assert!(!opening.is_finished() && proxy.position().await.unwrap().0.is_none());
    answers(&[7, 8]).await;
    assert!(matches!(opening.await.unwrap(), Opened::Opened(_)));
    let without = opens(vec![7], Duration::from_millis(1)).await;
    assert!(matches!(without, Opened::Without(_, spools) if spools == [7]));
}
