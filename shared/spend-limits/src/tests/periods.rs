use super::*;
use crate::Bucket;
use crate::Settled;

fn at(text: &str) -> jiff::Timestamp {
    text.parse().unwrap()
}

async fn spent(limits: &SpendLimits, bucket: Bucket, name: LimitName) -> (String, String) {
    let (spent, reserved, _) = stands(limits, bucket, &all_four(1_000_000_000), name).await;
    (spent.to_string(), reserved.to_string())
}

fn told(spent: &str, reserved: &str) -> (String, String) {
    (spent.to_owned(), reserved.to_owned())
}

#[tokio::test]
async fn requests_of_any_sixty_seconds_are_limited_exactly() {
    let scratch = Scratch::open().await;
    let bucket = bucket();
    let limits = CallLimits {
        requests_per_minute: Some(3),
        ..CallLimits::default()
    };
    let mut allowed = Vec::new();
    // One attempt each 500 ms for five minutes: any window of 60 s may hold three.
    let start = at("2026-11-22T23:58:00Z").as_millisecond();
    for step in 0..600 {
        let now = start + step * 500;
        scratch.set_time(jiff::Timestamp::from_millisecond(now).unwrap());
        match scratch.reserve(&asks(bucket, 1, limits)).await {
            Ok(_) => allowed.push(now),
            Err(Refused::RateLimit {
                resets_at,
                retry_after_seconds,
                ..
            }) => {
                let leaves = allowed[allowed.len() - 3] + 60_000;
                assert_eq!(resets_at.as_millisecond(), leaves);
                assert_eq!(i64::from(retry_after_seconds), (leaves - now + 999) / 1000);
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(allowed.len(), 15);
    for three in allowed.windows(4) {
        assert!(three[3] - three[0] >= 60_000, "{three:?}");
    }
    assert_eq!(
        allowed[3] - allowed[0],
        60_000,
        "the moment one leaves, the next may come"
    );
    let epoch = scratch.position().await.unwrap().0.unwrap();
    let list = scratch.shared.keys.minute(epoch, bucket);
    let kept: usize = redis::cmd("LLEN")
        .arg(list)
        .query(&mut scratch.redis())
        .unwrap();
    assert_eq!(kept, 3, "no more is kept than the limit asks for");
}

#[tokio::test]
async fn requests_of_one_millisecond_leave_the_minute_together() {
    let scratch = Scratch::open().await;
    let bucket = bucket();
    let limits = CallLimits {
        requests_per_minute: Some(7),
        ..CallLimits::default()
    };
    for (now, room) in [
        ("12:00:00Z", 7),
        ("12:00:59.999Z", 0),
        ("12:01:00Z", 7),
        ("12:01:59.999Z", 0),
    ] {
        scratch.set_time(at(&format!("2026-11-22T{now}")));
        for left in (0..room).rev() {
            let held = held(&scratch, &asks(bucket, 1, limits)).await;
            assert_eq!(held.requests_per_minute.unwrap().remaining, left);
        }
        assert!(matches!(
            refused(&scratch, &asks(bucket, 1, limits)).await,
            Refused::RateLimit { .. }
        ));
    }
}

#[tokio::test]
async fn a_changed_limit_on_requests_counts_the_minute_that_was() {
    let scratch = Scratch::open().await;
    let bucket = bucket();
    let limits = |n| CallLimits {
        requests_per_minute: Some(n),
        ..CallLimits::default()
    };
    for second in 0..6 {
        scratch.set_time(at(&format!("2026-11-22T12:00:0{second}Z")));
        let _ = held(&scratch, &asks(bucket, 1, limits(6))).await;
    }
    // Lowered to 2: four must leave, so the fifth-oldest says when.
    let Refused::RateLimit { resets_at, .. } = refused(&scratch, &asks(bucket, 1, limits(2))).await
    else {
        panic!()
    };
    assert_eq!(resets_at, at("2026-11-22T12:01:04Z"));
    assert!(matches!(
        refused(&scratch, &asks(bucket, 1, limits(6))).await,
        Refused::RateLimit { .. }
    ));
    let raised = held(&scratch, &asks(bucket, 1, limits(8))).await;
    assert_eq!(raised.requests_per_minute.unwrap().remaining, 1);
}

#[tokio::test]
async fn days_and_months_begin_anew_at_midnight_utc() {
    let scratch = Scratch::open().await;
    let bucket = bucket();
    let limits = CallLimits {
        requests_per_day: Some(1),
        ..daily(10)
    };
    let both = CallLimits {
        monthly_spend: Some(nanos(15)),
        ..limits
    };
    scratch.set_time(at("2026-11-29T23:59:59.999Z"));
    let first = held(&scratch, &asks(bucket, 10, both)).await;
    scratch.settle(&first, nanos(10)).await.unwrap();
    assert!(scratch.reserve(&asks(bucket, 1, both)).await.is_err());
    scratch.set_time(at("2026-11-30T00:00:00Z"));
    let refusal = refused(&scratch, &asks(bucket, 6, both)).await;
    assert!(
        matches!(refusal, Refused::SpendLimit { name: LimitName::MonthlySpend, spent, .. } if spent == nanos(10))
    );
    let second = held(&scratch, &asks(bucket, 5, both)).await;
    scratch.settle(&second, nanos(5)).await.unwrap();
    scratch.set_time(at("2026-12-01T00:00:00Z"));
    let third = held(&scratch, &asks(bucket, 10, both)).await;
    assert_eq!(third.remaining, Some(nanos(0)));
    // What is over was dropped.
    let fields = scratch.fields();
    let counters: Vec<_> = fields
        .keys()
        .filter(|name| name.starts_with(['d', 'm']))
        .collect();
    assert_eq!(counters, ["d20788:h", "d20788:n", "m202612:h"]);
}

#[tokio::test]
async fn a_call_belongs_to_the_periods_in_which_it_was_reserved() {
    let scratch = Scratch::open().await;
    let bucket = bucket();
    scratch.set_time(at("2026-11-29T23:00:00Z"));
    let over_a_day = held(&scratch, &asks(bucket, 20, all_four(100))).await;
    let over_a_month = held(&scratch, &asks(bucket, 30, all_four(100))).await;
    scratch.set_time(at("2026-11-30T01:00:00Z"));
    // Nobody has reserved since midnight: the new day has nothing, the month has all.
    assert_eq!(
        spent(&scratch, bucket, LimitName::DailySpend).await,
        told("0", "0")
    );
    assert_eq!(
        spent(&scratch, bucket, LimitName::MonthlySpend).await,
        told("0", "0.00000005")
    );
    assert_eq!(
        scratch.settle(&over_a_day, nanos(7)).await.unwrap(),
        Settled::Done
    );
    assert_eq!(
        spent(&scratch, bucket, LimitName::DailySpend).await,
        told("0", "0")
    );
    let today = held(&scratch, &asks(bucket, 1, all_four(100))).await;
    assert_eq!(
        spent(&scratch, bucket, LimitName::DailySpend).await,
        told("0", "0.000000001")
    );
    assert_eq!(
        spent(&scratch, bucket, LimitName::MonthlySpend).await,
        told("0.000000007", "0.000000031")
    );
    scratch.set_time(at("2026-12-01T00:00:00Z"));
    let next_month = held(&scratch, &asks(bucket, 2, all_four(100))).await;
    for (hold, cost) in [(&over_a_month, 29), (&today, 1)] {
        assert_eq!(
            scratch.settle(hold, nanos(cost)).await.unwrap(),
            Settled::Done
        );
        assert_eq!(
            scratch.settle(hold, nanos(cost)).await.unwrap(),
            Settled::Already
        );
    }
    assert_eq!(
        spent(&scratch, bucket, LimitName::MonthlySpend).await,
        told("0", "0.000000002")
    );
    scratch.settle(&next_month, nanos(2)).await.unwrap();
    let fields = scratch.fields();
    let today = [
        "d20788:h",
        "d20788:n",
        "d20788:s",
        "m202612:h",
        "m202612:s",
        "p",
    ];
    assert_eq!(fields.keys().map(String::as_str).collect::<Vec<_>>(), today);
}

#[tokio::test]
async fn a_clock_that_goes_back_over_midnight_gives_no_limit_twice() {
    let scratch = Scratch::open().await;
    let bucket = bucket();
    scratch.set_time(at("2026-11-30T12:00:00Z"));
    let hold = held(&scratch, &asks(bucket, 10, daily(10))).await;
    scratch.settle(&hold, nanos(10)).await.unwrap();
    scratch.set_time(at("2026-12-01T00:00:00Z"));
    let hold = held(&scratch, &asks(bucket, 10, daily(10))).await;
    scratch.settle(&hold, nanos(10)).await.unwrap();
    for back in ["2026-11-30T23:59:59Z", "2026-11-30T00:00:00Z"] {
        scratch.set_time(at(back));
        let refusal = refused(&scratch, &asks(bucket, 1, daily(10))).await;
        assert!(
            matches!(refusal, Refused::SpendLimit { resets_at, .. } if resets_at == at("2026-12-02T00:00:00Z")),
            "{refusal:?}"
        );
    }
}

#[tokio::test]
async fn lua_and_rust_agree_on_every_day_and_month() {
    let scratch = Scratch::open().await;
    let bucket = bucket();
    // Each first and last day of a month over a leap year, a common year and the turn of 2100.
    let mut day = jiff::civil::date(2027, 12, 1);
    let dates = std::iter::from_fn(|| {
        day = day.last_of_month().tomorrow().ok()?;
        (day.year() < 2030).then_some(day)
    });
    let far = [
        jiff::civil::date(2100, 2, 1),
        jiff::civil::date(2100, 3, 1),
        jiff::civil::date(2400, 2, 1),
    ];
    for first in dates.chain(far) {
        for date in [first, first.last_of_month()] {
            scratch.set_time(clock::start_of(date));
            let _ = held(&scratch, &asks(bucket, 1, monthly(1_000_000))).await;
            let fields = scratch.fields();
            let name = format!("m{:04}{:02}:h", date.year(), date.month());
            let months: Vec<_> = fields
                .keys()
                .filter(|field| field.starts_with('m'))
                .collect();
            assert_eq!(months, [&name], "{date}");
        }
    }
}

#[tokio::test]
async fn the_minute_is_counted_exactly_however_much_left_it_at_once() {
    let scratch = Scratch::open().await;
    let bucket = bucket();
    let limits = CallLimits {
        requests_per_minute: Some(1000),
        ..CallLimits::default()
    };
    let mut began: Vec<i64> = Vec::new();
    let mut now = at("2026-11-22T12:00:00Z").as_millisecond();
    // Bursts, and pauses after which any number of them have left.
    for step in 0..300_i64 {
        now += match step * 7919 % 31 {
            0 => 61_000,
            1..4 => step * 523 % 29_000,
            pause => pause * step % 700,
        };
        scratch.set_time(jiff::Timestamp::from_millisecond(now).unwrap());
        let last_minute: Vec<_> = began.iter().filter(|at| **at > now - 60_000).collect();
        let left = held(&scratch, &asks(bucket, 1, limits)).await;
        let left = left.requests_per_minute.unwrap();
        assert_eq!(
            usize::try_from(left.remaining).unwrap(),
            999 - last_minute.len()
        );
        let leaves = last_minute.first().map_or(now, |at| **at) + 60_000;
        assert_eq!(
            i64::from(left.resets_in_seconds),
            (leaves - now + 999) / 1000
        );
        began.push(now);
    }
}
