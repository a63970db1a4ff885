use super::*;

fn at(text: &str) -> jiff::Timestamp {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_spend_limit_is_reached_to_the_nanodollar_and_not_passed() {
    for limits in [monthly(100), daily(100)] {
        let scratch = Scratch::open().await;
        let bucket = bucket();
        assert_eq!(
            held(&scratch, &asks(bucket, 99, limits)).await.remaining,
            Some(nanos(1))
        );
        let refusal = refused(&scratch, &asks(bucket, 2, limits)).await;
        assert!(
            matches!(refusal, Refused::SpendLimit { spent, reserved, limit, .. }
                if spent == nanos(0) && reserved == nanos(99) && limit == nanos(100)),
            "{refusal:?}"
        );
        assert_eq!(
            held(&scratch, &asks(bucket, 1, limits)).await.remaining,
            Some(nanos(0))
        );
        assert!(matches!(
            refused(&scratch, &asks(bucket, 1, limits)).await,
            Refused::SpendLimit { .. }
        ));
        let _ = held(&scratch, &asks(bucket, 0, limits)).await;
    }
}

#[tokio::test]
async fn a_refusal_names_the_limit_that_lasts_longest_and_when_it_resets() {
    let scratch = Scratch::open().await;
    scratch.set_time(at("2026-11-22T23:59:30.250Z"));
    let bucket = bucket();
    let tight = CallLimits {
        requests_per_minute: Some(1),
        requests_per_day: Some(1),
        daily_spend: Some(nanos(1)),
        monthly_spend: Some(nanos(1)),
    };
    let _ = held(&scratch, &asks(bucket, 1, tight)).await;
    let refusal = async |limits: CallLimits| refused(&scratch, &asks(bucket, 1, limits)).await;

    let Refused::SpendLimit {
        name, resets_at, ..
    } = refusal(tight).await
    else {
        panic!()
    };
    assert_eq!(
        (name, resets_at),
        (LimitName::MonthlySpend, at("2026-12-01T00:00:00Z"))
    );
    let no_month = CallLimits {
        monthly_spend: None,
        ..tight
    };
    let Refused::SpendLimit {
        name, resets_at, ..
    } = refusal(no_month).await
    else {
        panic!()
    };
    assert_eq!(
        (name, resets_at),
        (LimitName::DailySpend, at("2026-11-23T00:00:00Z"))
    );
    let no_spend = CallLimits {
        daily_spend: None,
        ..no_month
    };
    let Refused::RateLimit {
        name,
        retry_after_seconds,
        resets_at,
        limit,
        ..
    } = refusal(no_spend).await
    else {
        panic!()
    };
    assert_eq!(
        (name, retry_after_seconds, limit),
        (LimitName::RequestsPerDay, 30, 1)
    );
    assert_eq!(resets_at, at("2026-11-23T00:00:00Z"));
    let only_minute = CallLimits {
        requests_per_day: None,
        ..no_spend
    };
    let Refused::RateLimit {
        name,
        retry_after_seconds,
        resets_at,
        ..
    } = refusal(only_minute).await
    else {
        panic!()
    };
    assert_eq!(
        (name, retry_after_seconds),
        (LimitName::RequestsPerMinute, 60)
    );
    assert_eq!(resets_at, at("2026-11-23T00:00:30.250Z"));
}

#[tokio::test]
async fn a_refusal_changes_nothing_at_all() {
    let scratch = Scratch::open().await;
    let (bucket, revoked) = (bucket(), bucket());
    let limits = all_four(100);
    let first = asks(bucket, 60, limits);
    let _ = held(&scratch, &first).await;
    scratch.mark_revoked(grant_of(revoked)).await.unwrap();
    let before = scratch.dump();
    let requests = |per_minute, per_day| CallLimits {
        requests_per_minute: per_minute,
        requests_per_day: per_day,
        ..limits
    };
    let too_much = money::LARGEST_LIMIT.nanos() + 1;
    let by_another = scratch.another();
    for (process, asked) in [
        (&*scratch, asks(bucket, 41, limits)),
        (&*scratch, asks(bucket, 1, requests(Some(1), None))),
        (&*scratch, asks(bucket, 1, requests(Some(0), None))),
        (&*scratch, asks(bucket, 1, requests(None, Some(1)))),
        (&*scratch, asks(bucket, 1, requests(None, Some(0)))),
        (&*scratch, asks(bucket, 1, daily(60))),
        (&*scratch, asks(bucket, 1, daily(-5))),
        (&*scratch, asks(bucket, -1, limits)),
        (&*scratch, asks(bucket, too_much, limits)),
        (&*scratch, asks(revoked, 1, limits)),
        (&by_another, first),
        // A new bucket that is refused at once leaves no trace either.
        (&*scratch, asks(super::bucket(), 101, limits)),
    ] {
        let refusal = refused(process, &asked).await;
        assert!(
            !matches!(refusal, Refused::Unavailable(_) | Refused::NotReady),
            "{refusal:?}"
        );
        assert_eq!(scratch.dump(), before, "{refusal:?}");
    }
}

#[tokio::test]
async fn all_limits_are_taken_or_none() {
    let scratch = Scratch::open().await;
    let bucket = bucket();
    let limits = CallLimits {
        daily_spend: Some(nanos(50)),
        ..all_four(100)
    };
    assert!(matches!(
        refused(&scratch, &asks(bucket, 51, limits)).await,
        Refused::SpendLimit { .. }
    ));
    for standing in scratch.standing(bucket, &limits).await.unwrap() {
        assert_eq!(standing.remaining, standing.limit, "{standing:?}");
    }
    let _ = held(&scratch, &asks(bucket, 50, limits)).await;
    let standings = scratch.standing(bucket, &limits).await.unwrap();
    let told: Vec<_> = standings
        .iter()
        .map(|s| format!("{} {} {} {}", s.name, s.spent, s.reserved, s.remaining))
        .collect();
    assert_eq!(
        told,
        [
            "monthly_spend 0 0.00000005 0.00000005",
            "daily_spend 0 0.00000005 0",
            "requests_per_minute 1 0 999",
            "requests_per_day 1 0 999",
        ]
    );
}

#[tokio::test]
async fn a_hold_tells_what_is_left_of_the_tightest_limit() {
    let scratch = Scratch::open().await;
    scratch.set_time(at("2026-11-22T23:59:00Z"));
    let limits = CallLimits {
        requests_per_minute: Some(3),
        requests_per_day: Some(9),
        daily_spend: Some(nanos(70)),
        monthly_spend: Some(nanos(100)),
    };
    let bucket = bucket();
    let _ = held(&scratch, &asks(bucket, 10, limits)).await;
    scratch.set_time(at("2026-11-22T23:59:20.500Z"));
    let second = held(&scratch, &asks(bucket, 10, limits)).await;
    assert_eq!(second.remaining, Some(nanos(50)));
    assert_eq!(second.at, at("2026-11-22T23:59:20.500Z"));
    assert_eq!(second.deadline, at("2026-11-23T00:09:20.500Z"));
    let (minute, day) = (
        second.requests_per_minute.unwrap(),
        second.requests_per_day.unwrap(),
    );
    assert_eq!((minute.remaining, minute.resets_in_seconds), (1, 40));
    assert_eq!((day.remaining, day.resets_in_seconds), (7, 40));
    let unlimited = held(&scratch, &asks(bucket, 10, CallLimits::default())).await;
    assert_eq!(
        (unlimited.remaining, unlimited.requests_per_day),
        (None, None)
    );
}

#[tokio::test]
async fn a_revoked_grant_reserves_nothing_in_this_epoch_and_the_next() {
    let scratch = Scratch::open().await;
    let (one, other) = (bucket(), bucket());
    let other_process = scratch.another();
    let _ = held(&other_process, &asks(one, 1, all_four(100))).await;
    scratch.mark_revoked(grant_of(one)).await.unwrap();
    assert!(matches!(
        refused(&other_process, &asks(one, 1, all_four(100))).await,
        Refused::Revoked
    ));
    let _ = held(&other_process, &asks(other, 1, all_four(100))).await;

    let _: () = redis::cmd("DEL")
        .arg(scratch.shared.keys.epoch())
        .query(&mut scratch.redis())
        .unwrap();
    assert!(matches!(
        refused(&other_process, &asks(one, 1, all_four(100))).await,
        Refused::NotReady
    ));
    open_with(&scratch, Ledger::default()).await;
    assert!(matches!(
        refused(&other_process, &asks(one, 1, all_four(100))).await,
        Refused::Revoked
    ));
}

#[tokio::test]
async fn namespaces_are_apart() {
    let (one, other) = (Scratch::open().await, Scratch::open().await);
    let bucket = bucket();
    let _ = held(&one, &asks(bucket, 100, monthly(100))).await;
    let _ = held(&other, &asks(bucket, 100, monthly(100))).await;
    one.mark_revoked(grant_of(bucket)).await.unwrap();
    assert!(matches!(
        refused(&other, &asks(bucket, 1, monthly(100))).await,
        Refused::SpendLimit { .. }
    ));
    for bad in ["", "UPPER", "a:b", "a b", "{x}", &"x".repeat(41)] {
        assert!(SpendLimits::connect(SHARED_REDIS, bad).is_err(), "{bad}");
    }
}

#[tokio::test]
async fn the_time_is_that_of_the_server() {
    let scratch = Scratch::open().await;
    scratch.set_time(jiff::Timestamp::UNIX_EPOCH);
    let before = Clock::system().now();
    let hold = held(&scratch, &asks(bucket(), 1, all_four(100))).await;
    let apart = hold.at.duration_since(before).abs();
    assert!(apart < jiff::SignedDuration::from_secs(5), "{apart}");
}

#[tokio::test]
async fn one_reservation_is_one_command() {
    let server = PrivateRedis::start(&[]).await;
    let scratch = Scratch::open_at(&server.url()).await;
    let _ = held(&scratch, &asks(bucket(), 1, all_four(100))).await;
    let commands = || {
        let info: String = redis::cmd("INFO")
            .arg("commandstats")
            .query(&mut scratch.redis())
            .unwrap();
        let count = |line: &str| {
            line.split(['=', ','])
                .nth(1)
                .unwrap()
                .parse::<u64>()
                .unwrap()
        };
        let evalsha = info
            .lines()
            .find(|line| line.starts_with("cmdstat_evalsha:"))
            .map_or(0, count);
        let load = info
            .lines()
            .find(|line| line.starts_with("cmdstat_script|load:"))
            .map_or(0, count);
        (evalsha, load)
    };
    let (evalsha, load) = commands();
    for _ in 0..5 {
        let _ = held(&scratch, &asks(bucket(), 1, all_four(100))).await;
    }
    assert_eq!(commands(), (evalsha + 5, load));
}

#[tokio::test]
async fn limits_at_one_provider_leave_those_at_another_alone() {
    let scratch = Scratch::open().await;
    let one = bucket();
    let other = Bucket::new(grant_of(one), &"anthropic".parse().unwrap());
    let limits = all_four(30);
    let _ = held(&scratch, &asks(one, 30, limits)).await;
    assert!(matches!(
        refused(&scratch, &asks(one, 1, limits)).await,
        Refused::SpendLimit { .. }
    ));
    let _ = held(&scratch, &asks(other, 30, limits)).await;
    // Revoking the grant closes both.
    scratch.mark_revoked(grant_of(one)).await.unwrap();
    for bucket in [one, other] {
        assert!(matches!(
            refused(&scratch, &asks(bucket, 0, limits)).await,
            Refused::Revoked
        ));
    }
}
