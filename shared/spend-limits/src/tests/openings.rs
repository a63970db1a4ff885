use super::{
    losses::{begin, catch_up, counted, ledger, load, lose_the_epoch},
    *,
};
use crate::{Begun, Load, OpenError, RecordedCall, Settled};

#[tokio::test]
async fn a_call_that_both_the_ledger_and_a_proxy_know_counts_once_in_either_order() {
    for settled in [false, true] {
        for ledger_first in [false, true] {
            let scratch = Scratch::open().await;
            let bucket = bucket();
            let known = held(&scratch, &asks(bucket, 30, all_four(100))).await;
            let other = held(&scratch, &asks(bucket, 50, all_four(100))).await;
            if settled {
                scratch.settle(&known, nanos(12)).await.unwrap();
            }
            lose_the_epoch(&scratch);
            let opening = begin(&scratch.another()).await;
            let ledger = ledger(vec![load(bucket, &[(&known, 12)])]);
            if ledger_first {
                opening.load::<()>(&ledger).await.unwrap();
                catch_up(&scratch).await;
            } else {
                catch_up(&scratch).await;
                opening.load::<()>(&ledger).await.unwrap();
            }
            opening.load::<()>(&ledger).await.unwrap();
            opening.open::<()>().await.unwrap();
            catch_up(&scratch).await;
            assert_eq!(
                counted(&scratch, bucket).await,
                (12, 50, 2),
                "{settled} {ledger_first}"
            );
            assert_eq!(
                scratch.settle(&known, nanos(12)).await.unwrap(),
                Settled::Already
            );
            assert_eq!(
                scratch.settle(&other, nanos(1)).await.unwrap(),
                Settled::Done
            );
            assert_eq!(
                counted(&scratch, bucket).await,
                (13, 0, 2),
                "{settled} {ledger_first}"
            );
        }
    }
}

#[tokio::test]
async fn one_of_several_opens_and_a_lost_opening_opens_nothing() {
    let scratch = Scratch::closed(SHARED_REDIS);
    let (one, other) = (scratch.another(), scratch.another());
    let first = begin(&one).await;
    assert!(matches!(other.begin_opening().await.unwrap(), Begun::Busy));
    assert!(one.epoch_needed().await.unwrap());
    // Its lease runs out, or memory is lost again, while it reads the ledger.
    let _: () = redis::cmd("DEL")
        .arg(scratch.shared.keys.opening())
        .query(&mut scratch.redis())
        .unwrap();
    let second = begin(&other).await;
    let bucket = bucket();
    let stale = ledger(vec![Load {
        bucket,
        spent_today: nanos(1),
        requests_today: 1,
        spent_this_month: nanos(1),
        recorded: Vec::new(),
    }]);
    assert!(matches!(
        first.load::<()>(&stale).await,
        Err(OpenError::Lost)
    ));
    assert!(matches!(first.open::<()>().await, Err(OpenError::Lost)));
    let ledger = ledger(vec![Load {
        spent_today: nanos(4),
        spent_this_month: nanos(9),
        ..stale.loads[0].clone()
    }]);
    second.load::<()>(&ledger).await.unwrap();
    second.open::<()>().await.unwrap();
    assert!(matches!(
        one.begin_opening().await.unwrap(),
        Begun::AlreadyOpen
    ));
    assert_eq!(month(&one, bucket).await, (9, 0));
    let (today, _, _) = stands(&one, bucket, &daily(100), LimitName::DailySpend).await;
    assert_eq!(today, Amount::Money(nanos(4)));
}

#[tokio::test]
async fn an_unreadable_ledger_opens_nothing_and_the_next_attempt_may_begin_at_once() {
    let scratch = Scratch::closed(SHARED_REDIS);
    let failed = scratch
        .open_epoch(async |_| Err::<Ledger, _>("no database"), Duration::ZERO)
        .await;
    assert!(
        matches!(failed, Err(OpenError::Ledger("no database"))),
        "{failed:?}"
    );
    assert!(matches!(
        refused(&scratch, &asks(bucket(), 1, all_four(1))).await,
        Refused::NotReady
    ));
    eventually("another attempt may begin", async || {
        matches!(scratch.begin_opening().await.unwrap(), Begun::Opening(_))
    })
    .await;
}

#[tokio::test]
async fn a_long_list_of_recorded_calls_is_loaded_whole_and_fills_the_minute() {
    let scratch = Scratch::closed(SHARED_REDIS);
    let bucket = bucket();
    let second = |s: i64| noon() - jiff::SignedDuration::from_secs(s);
    let recorded: Vec<_> = (0..1200)
        .map(|i| RecordedCall {
            call: call(),
            at: second(i % 120),
        })
        .collect();
    let load = Load {
        bucket,
        spent_today: nanos(1200),
        requests_today: 1200,
        spent_this_month: nanos(5000),
        recorded: recorded.clone(),
    };
    let opening = begin(&scratch).await;
    for _ in 0..2 {
        opening
            .load::<()>(&ledger(vec![load.clone()]))
            .await
            .unwrap();
    }
    opening.open::<()>().await.unwrap();
    assert_eq!(month(&scratch, bucket).await, (5000, 0));
    let of = CallLimits {
        requests_per_minute: Some(600),
        requests_per_day: None,
        ..all_four(10_000)
    };
    let (used, _, _) = stands(&scratch, bucket, &of, LimitName::RequestsPerMinute).await;
    assert_eq!(used, Amount::Requests(600));
    assert!(matches!(
        refused(&scratch, &asks(bucket, 1, of)).await,
        Refused::RateLimit {
            retry_after_seconds: 1,
            ..
        }
    ));
    for call in [recorded[0], recorded[1199]] {
        let again = Reservation {
            call: call.call,
            ..asks(bucket, 1, CallLimits::default())
        };
        assert!(matches!(
            refused(&scratch, &again).await,
            Refused::Duplicate
        ));
    }
}
