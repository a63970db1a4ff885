//! The holds of one spool are found among all, and end wherever they count.

use ids::{BudgetId, ShadowId};

use super::{
    losses::{begin, catch_up, lose_the_epoch},
    *,
};
use crate::{Hold, Settled, SpoolPlace};

const ONE: u64 = 0xdead_beef;
const OTHER: u64 = 0xdead_bee0;

fn asks_from(spool: u64, segment: u64, bucket: Bucket) -> Reservation {
    Reservation {
        place: Some(SpoolPlace { spool, segment }),
        ..asks(bucket, 10, all_four(1_000_000))
    }
}

#[tokio::test]
async fn the_holds_of_a_spool_are_found_and_no_others() {
    let scratch = Scratch::open().await;
    let bucket = bucket();
    // More than one round trip looks at, and than Redis keeps in one piece of memory.
    let mut of_one = Vec::new();
    for nth in 0..300 {
        let mine = held(&scratch, &asks_from(ONE, nth, bucket)).await;
        of_one.push((nth, Hold::from(mine)));
        let _ = held(&scratch, &asks_from(OTHER, nth, bucket)).await;
    }
    let _ = held(&scratch, &asks(bucket, 10, all_four(1_000_000))).await;
    let (_, ended) = of_one.swap_remove(7);
    scratch.settle(ended, nanos(1)).await.unwrap();
    let mut found: Vec<_> = (scratch.of_spool(ONE).await.unwrap().into_iter())
        .map(|found| (found.segment, found.hold))
        .collect();
    found.sort_by_key(|(segment, _)| *segment);
    // A scan may give one twice.
    found.dedup();
    of_one.sort_by_key(|(segment, _)| *segment);
    assert_eq!(found, of_one);
    assert_eq!(scratch.of_spool(0).await.unwrap(), []);
}

#[tokio::test]
async fn a_found_hold_ends_at_everything_above() {
    let scratch = Scratch::open().await;
    let (own, parent) = (bucket(), bucket());
    let now = Clock::system().now();
    let (budget, shadow) = (BudgetId::new(now), ShadowId::new(now));
    let above = Above::of(
        &[(grant_of(parent), all_four(100))],
        &[(budget, monthly(100))],
    );
    let above = above.unwrap().with_shadows(&[(shadow, monthly(100))]);
    let asked = Reservation {
        above: above.unwrap(),
        ..asks_from(ONE, 3, own)
    };
    let hold = Hold::from(held(&scratch, &asked).await);
    let found = scratch.of_spool(ONE).await.unwrap().pop().unwrap();
    assert_eq!((&found.hold, found.segment), (&hold, 3));
    let settled = scratch.settle(found.hold, nanos(0)).await.unwrap();
    assert_eq!(settled, Settled::Done);
    for bucket in [
        own,
        parent,
        Bucket::of_budget(budget),
        Bucket::of_shadow(shadow),
    ] {
        assert_eq!(month(&scratch, bucket).await, (0, 0), "{bucket}");
    }
}

/// Nothing is known of the spool of what was carried: it stays until its deadline.
#[tokio::test]
async fn what_was_carried_into_another_epoch_is_of_no_spool() {
    let scratch = Scratch::open().await;
    let bucket = bucket();
    let _ = held(&scratch, &asks_from(ONE, 1, bucket)).await;
    lose_the_epoch(&scratch);
    let opening = begin(&scratch).await;
    assert_eq!(catch_up(&scratch).await, 1);
    opening.open::<()>().await.unwrap();
    assert_eq!(month(&scratch, bucket).await, (0, 10));
    assert_eq!(scratch.of_spool(ONE).await.unwrap(), []);
}
