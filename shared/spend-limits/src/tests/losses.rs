use super::*;
use crate::{Begun, GRACE, LimitsError, Load, RecordedCall, Settled, Spent};

/// What the ledger says of one bucket whose calls are all of today.
pub(super) fn load(bucket: Bucket, calls: &[(&Held, i64)]) -> Load {
    let sum = nanos(calls.iter().map(|(_, cost)| cost).sum());
    Load {
        bucket,
        spent_today: sum,
        requests_today: u32::try_from(calls.len()).unwrap(),
        spent_this_month: sum,
        recorded: calls
            .iter()
            .map(|(held, _)| RecordedCall {
                call: held.call,
                at: held.at,
            })
            .collect(),
    }
}

pub(super) fn ledger(loads: Vec<Load>) -> Ledger {
    Ledger {
        loads,
        revoked: Vec::new(),
        spools: Vec::new(),
    }
}

/// Spent this month, reserved this month, requests today.
pub(super) async fn counted(limits: &SpendLimits, bucket: Bucket) -> (i64, i64, u64) {
    let (spent, reserved) = month(limits, bucket).await;
    let of = all_four(1_000_000);
    let (day_spent, day_reserved, _) = stands(limits, bucket, &of, LimitName::DailySpend).await;
    assert_eq!(
        (day_spent, day_reserved),
        (Amount::Money(nanos(spent)), Amount::Money(nanos(reserved)))
    );
    let (minute, _, _) = stands(limits, bucket, &of, LimitName::RequestsPerMinute).await;
    let (day, _, _) = stands(limits, bucket, &of, LimitName::RequestsPerDay).await;
    assert_eq!(minute, day, "all tests here reserve within one minute");
    match day {
        Amount::Requests(requests) => (spent, reserved, requests),
        Amount::Money(_) => panic!(),
    }
}

/// The mark goes, as it goes with everything else when memory is lost.
pub(super) fn lose_the_epoch(scratch: &Scratch) {
    let _: () = redis::cmd("DEL")
        .arg(scratch.shared.keys.epoch())
        .query(&mut scratch.redis())
        .unwrap();
}

pub(super) async fn begin(limits: &SpendLimits) -> crate::Opening {
    match limits.begin_opening().await.unwrap() {
        Begun::Opening(opening) => opening,
        other => panic!("{other:?}"),
    }
}

pub(super) async fn catch_up(limits: &SpendLimits) -> usize {
    limits.catch_up(&nothing, Duration::ZERO).await.unwrap()
}

#[tokio::test]
async fn after_a_flush_nothing_is_allowed_until_the_ledger_and_the_proxies_have_given_it_back() {
    let server = PrivateRedis::start(&[]).await;
    let proxy = Scratch::open_at(&server.url()).await;
    let billing = proxy.another();
    let (bucket, revoked) = (bucket(), bucket());
    let limits = all_four(100);
    let running = held(&proxy, &asks(bucket, 30, limits)).await;
    let recorded = held(&proxy, &asks(bucket, 25, limits)).await;
    let unrecorded = held(&proxy, &asks(bucket, 25, limits)).await;
    proxy.settle(&recorded, nanos(20)).await.unwrap();
    proxy.settle(&unrecorded, nanos(10)).await.unwrap();
    proxy.mark_revoked(grant_of(revoked)).await.unwrap();
    assert_eq!(counted(&proxy, bucket).await, (30, 30, 3));

    server.tell(&["FLUSHALL"]);
    assert!(matches!(
        refused(&proxy, &asks(bucket, 1, limits)).await,
        Refused::NotReady
    ));
    let no_standing = proxy.standing(bucket, &limits).await;
    assert!(matches!(no_standing, Err(LimitsError::NotReady)));
    assert!(billing.epoch_needed().await.unwrap());

    let watching = SpendLimits::clone(&proxy);
    let watch = tokio::spawn(async move { watching.watch_openings(nothing).await });
    let read = async |_| {
        let loads = vec![load(bucket, &[(&recorded, 20)])];
        Ok::<_, std::convert::Infallible>(Ledger {
            loads,
            revoked: vec![grant_of(revoked)],
            spools: Vec::new(),
        })
    };
    billing.open_epoch(read, GRACE).await.unwrap();
    watch.abort();
    assert_eq!(counted(&billing, bucket).await, (30, 30, 3));
    assert!(matches!(
        refused(&proxy, &asks(bucket, 41, limits)).await,
        Refused::SpendLimit { .. }
    ));
    assert!(matches!(
        refused(&proxy, &asks(revoked, 1, limits)).await,
        Refused::Revoked
    ));
    let _ = held(&proxy, &asks(bucket, 40, limits)).await;
    assert_eq!(
        proxy.settle(&running, nanos(5)).await.unwrap(),
        Settled::Done
    );
    assert_eq!(counted(&billing, bucket).await, (35, 40, 4));
}

#[tokio::test]
async fn a_restart_ends_the_epoch_even_if_every_key_survives_it() {
    let mut server = PrivateRedis::start(&["--appendonly", "yes", "--appendfsync", "always"]).await;
    let proxy = Scratch::open_at(&server.url()).await;
    let bucket = bucket();
    let _ = held(&proxy, &asks(bucket, 30, all_four(100))).await;
    let before = proxy.dump();
    server.kill();
    server.start_again().await;
    assert_eq!(proxy.dump(), before, "the append-only file has it all");
    eventually("the proxy is connected again and refuses", async || {
        matches!(
            refused(&proxy, &asks(bucket, 1, all_four(100))).await,
            Refused::NotReady
        )
    })
    .await;
    let opening = begin(&proxy.another()).await;
    // The hold, and perhaps an attempt whose connection broke.
    assert!(catch_up(&proxy).await >= 1);
    opening.open::<()>().await.unwrap();
    assert_eq!(counted(&proxy, bucket).await, (0, 30, 1));
}

#[tokio::test]
async fn a_cost_told_while_no_epoch_is_open_reaches_the_next_one_once() {
    let scratch = Scratch::open().await;
    let bucket = bucket();
    let hold = held(&scratch, &asks(bucket, 30, all_four(100))).await;
    lose_the_epoch(&scratch);
    let untold = scratch.settle(&hold, nanos(12)).await;
    assert!(matches!(untold, Err(LimitsError::NotReady)), "{untold:?}");
    assert_eq!(scratch.bookings_waiting(), 1);
    let opening = begin(&scratch).await;
    assert_eq!(catch_up(&scratch).await, 1);
    assert_eq!(catch_up(&scratch).await, 0);
    opening.open::<()>().await.unwrap();
    assert_eq!(scratch.bookings_waiting(), 0);
    assert_eq!(counted(&scratch, bucket).await, (12, 0, 1));
    assert_eq!(
        scratch.settle(&hold, nanos(12)).await.unwrap(),
        Settled::Already
    );
    assert_eq!(
        scratch.charge(&hold, nanos(12), hold.at).await.unwrap(),
        Settled::Already
    );
    assert_eq!(counted(&scratch, bucket).await, (12, 0, 1));
}

#[tokio::test]
async fn a_call_of_an_epoch_that_is_over_is_charged_to_the_open_one_once() {
    let scratch = Scratch::open().await;
    let proxy = scratch.another();
    let bucket = bucket();
    let hold = held(&proxy, &asks(bucket, 30, all_four(100))).await;
    lose_the_epoch(&scratch);
    open_with(&scratch, Ledger::default()).await;
    assert_eq!(
        proxy.settle(&hold, nanos(12)).await.unwrap(),
        Settled::OtherEpoch
    );
    assert_eq!(counted(&scratch, bucket).await, (0, 0, 0));
    assert_eq!(
        proxy.charge(&hold, nanos(12), hold.at).await.unwrap(),
        Settled::Done
    );
    assert_eq!(
        proxy.charge(&hold, nanos(12), hold.at).await.unwrap(),
        Settled::Already
    );
    assert_eq!(
        proxy.settle(&hold, nanos(12)).await.unwrap(),
        Settled::Already
    );
    assert_eq!(
        scratch
            .another()
            .charge(&hold, nanos(30), hold.at)
            .await
            .unwrap(),
        Settled::Already
    );
    assert_eq!(catch_up(&proxy).await, 0);
    assert_eq!(counted(&scratch, bucket).await, (12, 0, 1));
}

#[tokio::test]
async fn a_proxy_that_missed_the_opening_carries_into_the_open_epoch() {
    let scratch = Scratch::open().await;
    let proxy = scratch.another();
    let bucket = bucket();
    let running = held(&proxy, &asks(bucket, 30, all_four(100))).await;
    let ended = held(&proxy, &asks(bucket, 30, all_four(100))).await;
    lose_the_epoch(&scratch);
    open_with(&scratch, Ledger::default()).await;
    assert_eq!(
        proxy.settle(&ended, nanos(7)).await.unwrap(),
        Settled::OtherEpoch
    );
    assert_eq!(catch_up(&proxy).await, 2);
    assert_eq!(catch_up(&proxy).await, 0);
    assert_eq!(counted(&scratch, bucket).await, (7, 30, 2));
    assert_eq!(
        proxy.settle(&running, nanos(1)).await.unwrap(),
        Settled::Done
    );
    assert_eq!(counted(&scratch, bucket).await, (8, 0, 2));
}

#[tokio::test]
async fn holds_are_carried_once_and_a_carried_hold_settles_once() {
    let scratch = Scratch::open().await;
    let proxy = scratch.another();
    let bucket = bucket();
    let holds = [
        held(&proxy, &asks(bucket, 30, all_four(100))).await,
        held(&proxy, &asks(bucket, 40, all_four(100))).await,
    ];
    assert_eq!(
        proxy.carry(&holds).await.unwrap(),
        0,
        "they are of this epoch"
    );
    lose_the_epoch(&scratch);
    assert!(matches!(
        proxy.carry(&holds).await,
        Err(LimitsError::NotReady)
    ));
    let opening = begin(&scratch).await;
    assert_eq!(proxy.carry(&holds).await.unwrap(), 2);
    assert_eq!(scratch.another().carry(&holds).await.unwrap(), 0);
    opening.open::<()>().await.unwrap();
    assert_eq!(counted(&scratch, bucket).await, (0, 70, 2));
    assert_eq!(
        scratch.another().settle(&holds[0], nanos(9)).await.unwrap(),
        Settled::Done
    );
    assert_eq!(proxy.carry(&holds).await.unwrap(), 0);
    assert_eq!(
        proxy.settle(&holds[0], nanos(9)).await.unwrap(),
        Settled::Already
    );
    assert_eq!(counted(&scratch, bucket).await, (9, 40, 2));
}

#[tokio::test]
async fn the_end_of_a_carried_call_is_remembered_while_its_month_runs() {
    let scratch = Scratch::open().await;
    let bucket = bucket();
    let hold = held(&scratch, &asks(bucket, 30, all_four(100))).await;
    lose_the_epoch(&scratch);
    open_with(&scratch, Ledger::default()).await;
    assert_eq!(catch_up(&scratch).await, 1);
    assert_eq!(
        scratch.settle(&hold, nanos(12)).await.unwrap(),
        Settled::Done
    );
    let late = scratch.another();
    for (day, expected) in [("11-30", Settled::Already), ("12-01", Settled::OtherEpoch)] {
        let at = format!("2026-{day}T12:00:00Z").parse().unwrap();
        late.set_time(at);
        scratch.set_time(at);
        // The first reservation of a day drops what is over.
        let _ = held(&scratch, &asks(bucket, 0, all_four(100))).await;
        assert_eq!(late.settle(&hold, nanos(12)).await.unwrap(), expected);
        let charged = late.charge(&hold, nanos(12), hold.at).await.unwrap();
        assert_eq!(charged == Settled::Done, expected == Settled::OtherEpoch);
    }
    assert_eq!(
        month(&scratch, bucket).await,
        (0, 0),
        "November's call is not December's"
    );
}

#[tokio::test]
async fn what_a_restarted_proxy_finds_unsent_is_booked_into_a_new_epoch_once() {
    let scratch = Scratch::open().await;
    let bucket = bucket();
    let hold = held(&scratch, &asks(bucket, 30, all_four(100))).await;
    // It kept the epoch as text beside the record.
    let kept = hold.epoch.to_string().parse().unwrap();
    assert_eq!(hold.epoch, kept);
    let told = [Spent {
        hold: (&hold).into(),
        actual: nanos(12),
        at: hold.at,
    }];
    let unsent = || async { told.to_vec() };
    // In its own epoch it settles what the dead process had not.
    let restarted = scratch.another();
    assert_eq!(
        restarted.catch_up(&unsent, Duration::ZERO).await.unwrap(),
        1
    );
    assert_eq!(counted(&scratch, bucket).await, (12, 0, 1));
    assert_eq!(
        scratch
            .another()
            .catch_up(&unsent, Duration::ZERO)
            .await
            .unwrap(),
        0
    );
    lose_the_epoch(&scratch);
    let opening = begin(&scratch).await;
    let restarted = scratch.another();
    assert_eq!(
        restarted.catch_up(&unsent, Duration::ZERO).await.unwrap(),
        1
    );
    assert_eq!(
        restarted.catch_up(&unsent, Duration::ZERO).await.unwrap(),
        0
    );
    opening.open::<()>().await.unwrap();
    assert_eq!(catch_up(&scratch).await, 0);
    assert_eq!(counted(&scratch, bucket).await, (12, 0, 1));
}

#[tokio::test]
async fn what_a_dead_proxy_left_is_charged_once_in_its_own_epoch_and_in_the_next() {
    let scratch = Scratch::open().await;
    let bucket = bucket();
    let hold = held(&scratch, &asks(bucket, 30, all_four(100))).await;
    let other = held(&scratch, &asks(bucket, 40, all_four(100))).await;
    let spent = |hold: &Held, actual| Spent {
        hold: hold.into(),
        actual: nanos(actual),
        at: hold.at,
    };
    let heir = scratch.another();
    let left = [spent(&hold, 30)];
    assert_eq!(heir.charge_left_behind(&left).await.unwrap(), 1);
    assert_eq!(heir.charge_left_behind(&left).await.unwrap(), 0);
    assert_eq!(counted(&heir, bucket).await, (30, 40, 2));
    lose_the_epoch(&scratch);
    let left = [spent(&other, 40)];
    let too_early = heir.charge_left_behind(&left).await;
    assert!(matches!(too_early, Err(LimitsError::NotReady)));
    open_with(&heir, ledger(vec![load(bucket, &[(&hold, 30)])])).await;
    assert_eq!(heir.charge_left_behind(&left).await.unwrap(), 1);
    assert_eq!(heir.charge_left_behind(&left).await.unwrap(), 0);
    assert_eq!(counted(&heir, bucket).await, (70, 0, 2));
}
