use super::*;
use crate::{Hold, LimitsError, Settled};

#[tokio::test]
async fn a_settled_hold_becomes_its_cost_and_frees_the_rest() {
    let scratch = Scratch::open().await;
    let bucket = bucket();
    let limits = all_four(100);
    let hold = held(&scratch, &asks(bucket, 100, limits)).await;
    assert!(matches!(
        refused(&scratch, &asks(bucket, 1, limits)).await,
        Refused::SpendLimit { .. }
    ));
    assert_eq!(
        scratch.settle(&hold, nanos(30)).await.unwrap(),
        Settled::Done
    );
    for name in [LimitName::MonthlySpend, LimitName::DailySpend] {
        let (spent, reserved, remaining) = stands(&scratch, bucket, &limits, name).await;
        let money = |n| Amount::Money(nanos(n));
        assert_eq!(
            (spent, reserved, remaining),
            (money(30), money(0), money(70))
        );
    }
    let _ = held(&scratch, &asks(bucket, 70, limits)).await;
}

#[tokio::test]
async fn settling_again_changes_nothing_whoever_does_it_and_whatever_they_say() {
    let scratch = Scratch::open().await;
    let bucket = bucket();
    let hold = held(&scratch, &asks(bucket, 50, all_four(100))).await;
    assert_eq!(
        scratch.settle(&hold, nanos(30)).await.unwrap(),
        Settled::Done
    );
    let before = scratch.dump();
    assert_eq!(
        scratch.settle(&hold, nanos(30)).await.unwrap(),
        Settled::Already
    );
    assert_eq!(
        scratch.settle(&hold, nanos(0)).await.unwrap(),
        Settled::Already
    );
    assert_eq!(
        scratch.another().settle(&hold, nanos(50)).await.unwrap(),
        Settled::Already
    );
    assert_eq!(
        scratch
            .another()
            .charge(&hold, nanos(50), hold.at)
            .await
            .unwrap(),
        Settled::Already
    );
    assert_eq!(scratch.dump(), before);
}

#[tokio::test]
async fn a_call_that_never_reached_a_provider_costs_nothing_but_stays_counted() {
    let scratch = Scratch::open().await;
    let bucket = bucket();
    let limits = CallLimits {
        requests_per_day: Some(1),
        ..all_four(100)
    };
    let hold = held(&scratch, &asks(bucket, 100, limits)).await;
    scratch.settle(&hold, Nanodollars::ZERO).await.unwrap();
    assert_eq!(month(&scratch, bucket).await, (0, 0));
    assert!(matches!(
        refused(&scratch, &asks(bucket, 1, limits)).await,
        Refused::RateLimit { .. }
    ));
    // A hold of nothing is a hold too.
    let free = held(&scratch, &asks(bucket, 0, monthly(1))).await;
    assert_eq!(
        scratch.settle(&free, Nanodollars::ZERO).await.unwrap(),
        Settled::Done
    );
    assert_eq!(
        scratch.settle(&free, Nanodollars::ZERO).await.unwrap(),
        Settled::Already
    );
}

#[tokio::test]
async fn a_cost_above_the_hold_is_booked_whole() {
    let scratch = Scratch::open().await;
    let bucket = bucket();
    let hold = held(&scratch, &asks(bucket, 90, monthly(100))).await;
    scratch.settle(&hold, nanos(250)).await.unwrap();
    assert_eq!(month(&scratch, bucket).await, (250, 0));
    let (_, _, remaining) = stands(&scratch, bucket, &monthly(100), LimitName::MonthlySpend).await;
    assert_eq!(remaining, Amount::Money(nanos(0)));
    assert!(matches!(
        refused(&scratch, &asks(bucket, 0, monthly(100))).await,
        Refused::SpendLimit { .. }
    ));
}

#[tokio::test]
async fn an_impossible_cost_is_refused_and_changes_nothing() {
    let scratch = Scratch::open().await;
    let bucket = bucket();
    let hold = held(&scratch, &asks(bucket, 90, monthly(100))).await;
    let before = scratch.dump();
    for bad in [
        nanos(-1),
        nanos(i64::MIN),
        nanos(money::LARGEST_LIMIT.nanos() + 1),
    ] {
        let error = scratch.settle(&hold, bad).await.unwrap_err();
        assert!(matches!(error, LimitsError::AmountOutOfRange(_)));
        let error = scratch.charge(&hold, bad, hold.at).await.unwrap_err();
        assert!(matches!(error, LimitsError::AmountOutOfRange(_)));
    }
    assert_eq!(scratch.dump(), before);
    assert_eq!(
        scratch.settle(&hold, nanos(1)).await.unwrap(),
        Settled::Done
    );
}

#[tokio::test]
async fn an_overdue_hold_is_found_and_counts_until_it_is_settled() {
    let scratch = Scratch::open().await;
    let bucket = bucket();
    let short = Reservation {
        lasts: Duration::from_secs(60),
        ..asks(bucket, 40, all_four(100))
    };
    scratch.set_time("2026-11-22T12:00:00Z".parse().unwrap());
    let long = held(&scratch, &asks(bucket, 30, all_four(100))).await;
    let late = held(&scratch, &short).await;
    let billing = scratch.another();
    billing.set_time("2026-11-22T12:00:59.999Z".parse().unwrap());
    assert_eq!(billing.overdue(0, 100).await.unwrap(), []);
    billing.set_time("2026-11-22T12:01:00Z".parse().unwrap());
    let overdue = billing.overdue(0, 100).await.unwrap();
    let [found] = overdue.as_slice() else {
        panic!("{overdue:?}")
    };
    assert_eq!(
        (found.hold.clone(), found.amount),
        (Hold::from(&late), late.amount)
    );
    assert_eq!((found.at, found.deadline), (late.at, late.deadline));
    assert_eq!(month(&billing, bucket).await, (0, 70));

    billing
        .settle(found.hold.clone(), found.amount)
        .await
        .unwrap();
    assert_eq!(month(&billing, bucket).await, (40, 30));
    assert_eq!(billing.overdue(0, 100).await.unwrap(), []);
    // The proxy was only slow: what it tells now changes nothing.
    assert_eq!(
        scratch.settle(&late, nanos(5)).await.unwrap(),
        Settled::Already
    );
    assert_eq!(
        scratch.settle(&long, nanos(5)).await.unwrap(),
        Settled::Done
    );
    assert_eq!(month(&billing, bucket).await, (45, 0));
}

#[tokio::test]
async fn many_standings_are_what_each_alone_is() {
    let scratch = Scratch::open().await;
    let mut asked = Vec::new();
    for cents in 1..=250 {
        let bucket = bucket();
        let limits = all_four(1000);
        if cents % 50 == 0 {
            let _ = held(&scratch, &asks(bucket, cents, limits)).await;
        }
        asked.push((bucket, limits));
    }
    let many = scratch.standings(&asked).await.unwrap();
    assert_eq!(many.len(), asked.len());
    for index in [0, 48, 49, 50, 99, 249] {
        let (bucket, limits) = asked[index];
        let alone = scratch.standing(bucket, &limits).await.unwrap();
        let spends = |standings: &[crate::LimitStanding]| {
            standings
                .iter()
                .map(|s| (s.name, s.reserved, s.remaining))
                .collect::<Vec<_>>()
        };
        assert_eq!(spends(&many[index]), spends(&alone));
    }
    assert_eq!(scratch.standings(&[]).await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_settled_grant_leaves_no_hold_behind() {
    let scratch = Scratch::open().await;
    let bucket = bucket();
    for cost in [0, 1, 50] {
        let hold = held(&scratch, &asks(bucket, 20, all_four(1000))).await;
        scratch.settle(&hold, nanos(cost)).await.unwrap();
    }
    let fields = scratch.fields();
    assert!(
        fields
            .keys()
            .all(|field| !field.starts_with("r:") && !field.starts_with("c:")),
        "{fields:?}"
    );
    assert!(scratch.dump().keys().all(|name| !name.ends_with(":holds")));
    let mut redis = scratch.redis();
    for name in scratch
        .dump()
        .keys()
        .filter(|name| !name.ends_with(":epoch"))
    {
        let lives: i64 = redis::cmd("TTL").arg(name).query(&mut redis).unwrap();
        assert!((1..=45 * 86_400).contains(&lives), "{name} lives {lives} s");
    }
}
