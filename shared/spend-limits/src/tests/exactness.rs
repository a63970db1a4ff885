use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

use super::*;
use crate::{Bucket, Hold, Settled};

#[tokio::test]
async fn sums_are_exact_beyond_two_to_the_fifty_third() {
    let scratch = Scratch::open().await;
    let bucket = bucket();
    let largest = money::LARGEST_LIMIT.nanos();
    let odd = largest - 1;
    let mut holds = Vec::new();
    for _ in 0..3 {
        holds.push(held(&scratch, &asks(bucket, odd, CallLimits::default())).await);
    }
    let limits = monthly(largest);
    let (_, reserved, remaining) = stands(&scratch, bucket, &limits, LimitName::MonthlySpend).await;
    assert_eq!(
        (reserved, remaining),
        (Amount::Money(nanos(3 * odd)), Amount::Money(nanos(0)))
    );
    assert!(matches!(
        refused(&scratch, &asks(bucket, 0, limits)).await,
        Refused::SpendLimit { .. }
    ));
    for hold in &holds {
        scratch.settle(hold, nanos(largest - 3)).await.unwrap();
    }
    let (spent, reserved, _) = stands(&scratch, bucket, &limits, LimitName::MonthlySpend).await;
    assert_eq!(
        (spent, reserved),
        (
            Amount::Money(nanos(3 * (largest - 3))),
            Amount::Money(nanos(0))
        )
    );
}

#[tokio::test]
async fn the_largest_limit_is_exact_to_the_last_nanodollar() {
    let scratch = Scratch::open().await;
    let bucket = bucket();
    let largest = money::LARGEST_LIMIT.nanos();
    // A limit above the largest one is enforced as the largest.
    for limits in [monthly(largest), monthly(i64::MAX)] {
        let hold = held(&scratch, &asks(bucket, largest - 1, limits)).await;
        assert!(matches!(
            refused(&scratch, &asks(bucket, 2, limits)).await,
            Refused::SpendLimit { .. }
        ));
        let last = held(&scratch, &asks(bucket, 1, limits)).await;
        assert_eq!(last.remaining, Some(nanos(0)));
        assert!(matches!(
            refused(&scratch, &asks(bucket, 1, limits)).await,
            Refused::SpendLimit { .. }
        ));
        scratch.settle(&hold, nanos(0)).await.unwrap();
        scratch.settle(&last, nanos(0)).await.unwrap();
    }
}

/// What a call may hold or cost: next to nothing, or about what the sums change their way at, or the most there is.
fn amounts() -> impl Strategy<Value = i64> {
    let largest = money::LARGEST_LIMIT.nanos();
    let around = 1_000_000_000_000_000_i64;
    prop_oneof![
        0..10_i64,
        (around - 5)..(around + 5),
        (largest - 5)..=largest
    ]
}

#[tokio::test]
async fn sums_of_any_size_are_exact_however_calls_end_together() {
    let mut runner = TestRunner::deterministic();
    let calls = proptest::collection::vec((amounts(), amounts()), 1..20);
    for _ in 0..60 {
        let calls = calls.new_tree(&mut runner).unwrap().current();
        let scratch = Scratch::open().await;
        let bucket = bucket();
        let (mut reserved, mut spent, mut running) = (0, 0, Vec::new());
        for (worst_case, cost) in calls {
            let asked = asks(bucket, worst_case, CallLimits::default());
            running.push((Hold::from(held(&scratch, &asked).await), nanos(cost)));
            reserved += worst_case;
            assert_eq!(sums(&scratch, bucket).await, [spent, reserved]);
            // A few end at once, and the last one twice.
            if running.len() == 7 {
                running.push(running[6].clone());
                let settled = scratch.settle_all(&running).await.unwrap();
                assert_eq!(settled[7], Settled::Already);
                assert!(settled[..7].iter().all(|how| *how == Settled::Done));
                spent += running[..7]
                    .iter()
                    .map(|(_, cost)| cost.nanos())
                    .sum::<i64>();
                (reserved, running) = (0, Vec::new());
                assert_eq!(sums(&scratch, bucket).await, [spent, reserved]);
            }
        }
    }
}

/// What is spent and what is held, of the day and of the month alike.
async fn sums(scratch: &Scratch, bucket: Bucket) -> [i64; 2] {
    let limits = all_four(1);
    let mut both = Vec::new();
    for name in [LimitName::DailySpend, LimitName::MonthlySpend] {
        let (spent, reserved, _) = stands(scratch, bucket, &limits, name).await;
        both.push([spent, reserved].map(|amount| match amount {
            Amount::Money(money) => money.nanos(),
            Amount::Requests(_) => unreachable!("a limit on money"),
        }));
    }
    assert_eq!(both[0], both[1]);
    both[0]
}
