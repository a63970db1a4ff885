use super::*;

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
