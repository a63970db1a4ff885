use crate::Bucket;
use std::time::Instant;

use super::*;
use crate::{LimitsError, Settled, StoreError};

async fn undone(limits: &SpendLimits, bucket: Bucket) {
    eventually("what was reserved unknown to us is undone", async || {
        drop(limits.catch_up(&nothing, Duration::ZERO).await);
        limits.bookings_waiting() == 0
    })
    .await;
    assert_eq!(month(limits, bucket).await, (0, 0));
}

#[tokio::test]
async fn without_redis_every_call_is_refused_at_once_and_served_again_after() {
    let mut server = PrivateRedis::start(&[]).await;
    let scratch = Scratch::open_at(&server.url()).await;
    let bucket = bucket();
    let _ = held(&scratch, &asks(bucket, 1, all_four(100))).await;
    server.kill();
    for _ in 0..5 {
        let began = Instant::now();
        let refusal = refused(&scratch, &asks(bucket, 1, all_four(100))).await;
        assert!(matches!(refusal, Refused::Unavailable(_)), "{refusal:?}");
        assert!(
            began.elapsed() < Duration::from_secs(2),
            "{:?}",
            began.elapsed()
        );
    }
    assert!(scratch.check_server().await.is_err());
    server.start_again().await;
    eventually(
        "it is connected again and knows that memory is lost",
        async || {
            matches!(
                refused(&scratch, &asks(bucket, 1, all_four(100))).await,
                Refused::NotReady
            )
        },
    )
    .await;
    open_with(&scratch, Ledger::default()).await;
    let _ = held(&scratch, &asks(bucket, 1, all_four(100))).await;
}

#[tokio::test]
async fn a_redis_that_is_away_at_the_start_is_found_when_it_comes() {
    let mut server = PrivateRedis::start(&[]).await;
    server.kill();
    let scratch = Scratch::closed(&server.url());
    assert!(matches!(
        refused(&scratch, &asks(bucket(), 1, all_four(1))).await,
        Refused::Unavailable(_)
    ));
    server.start_again().await;
    eventually("it is found", async || scratch.check_server().await.is_ok()).await;
    open_with(&scratch, Ledger::default()).await;
    let _ = held(&scratch, &asks(bucket(), 1, all_four(1))).await;
}

#[tokio::test]
async fn a_reservation_whose_answer_never_came_is_undone() {
    let server = PrivateRedis::start(&[]).await;
    let scratch = Scratch::open_at(&server.url()).await;
    let bucket = bucket();
    assert!(scratch.is_open().await.unwrap());
    let asked = asks(bucket, 30, all_four(100));
    server.signal("-STOP");
    let began = Instant::now();
    let refusal = refused(&scratch, &asked).await;
    let took = began.elapsed();
    server.signal("-CONT");
    assert!(
        matches!(refusal, Refused::Unavailable(StoreError::Late { .. })),
        "{refusal:?}"
    );
    assert!(took < Duration::from_secs(2), "{took:?}");
    undone(&scratch, bucket).await;
    // It must not come true later either.
    assert!(matches!(
        refused(&scratch.another(), &asked).await,
        Refused::Duplicate
    ));
    let _ = held(&scratch, &asks(bucket, 100, all_four(100))).await;
}

#[tokio::test]
async fn a_reservation_that_was_given_up_is_undone() {
    let server = PrivateRedis::start(&[]).await;
    let scratch = Scratch::open_at(&server.url()).await;
    let bucket = bucket();
    assert!(scratch.is_open().await.unwrap());
    let asked = asks(bucket, 30, all_four(100));
    server.signal("-STOP");
    let given_up = tokio::time::timeout(Duration::from_millis(50), scratch.reserve(&asked)).await;
    server.signal("-CONT");
    assert!(given_up.is_err());
    undone(&scratch, bucket).await;
}

#[tokio::test]
async fn a_settlement_whose_answer_never_came_is_booked_once() {
    let server = PrivateRedis::start(&[]).await;
    let scratch = Scratch::open_at(&server.url()).await;
    let bucket = bucket();
    let hold = held(&scratch, &asks(bucket, 30, all_four(100))).await;
    server.signal("-STOP");
    let answer = scratch.settle(&hold, nanos(12)).await;
    server.signal("-CONT");
    assert!(answer.is_err());
    eventually("it is booked", async || {
        drop(scratch.catch_up(&nothing, Duration::ZERO).await);
        scratch.bookings_waiting() == 0
    })
    .await;
    assert_eq!(month(&scratch, bucket).await, (12, 0));
    assert_eq!(
        scratch.settle(&hold, nanos(30)).await.unwrap(),
        Settled::Already
    );
}

#[tokio::test]
async fn a_settlement_that_redis_could_not_take_is_booked_when_it_can() {
    let server = PrivateRedis::start(&[]).await;
    let scratch = Scratch::open_at(&server.url()).await;
    let bucket = bucket();
    let hold = held(&scratch, &asks(bucket, 30, all_four(100))).await;
    scratch.catch_up(&nothing, Duration::ZERO).await.unwrap();
    // A replica takes no writes.
    server.tell(&["REPLICAOF", "127.0.0.1", "1"]);
    let answer = scratch.settle(&hold, nanos(12)).await;
    assert!(
        matches!(answer, Err(LimitsError::Unavailable(_))),
        "{answer:?}"
    );
    assert!(scratch.catch_up(&nothing, Duration::ZERO).await.is_err());
    server.tell(&["REPLICAOF", "NO", "ONE"]);
    assert_eq!(
        scratch
            .catch_up(&nothing, Duration::from_secs(60))
            .await
            .unwrap(),
        0,
        "it is too young"
    );
    assert_eq!(scratch.catch_up(&nothing, Duration::ZERO).await.unwrap(), 1);
    assert_eq!(scratch.bookings_waiting(), 0);
    assert_eq!(month(&scratch, bucket).await, (12, 0));
}

#[tokio::test]
async fn a_full_redis_reserves_nothing_but_still_settles() {
    let server = PrivateRedis::start(&[]).await;
    let scratch = Scratch::open_at(&server.url()).await;
    let bucket = bucket();
    let hold = held(&scratch, &asks(bucket, 30, all_four(100))).await;
    server.tell(&["CONFIG", "SET", "maxmemory", "1"]);
    let before = scratch.dump();
    assert!(matches!(
        refused(&scratch, &asks(bucket, 1, all_four(100))).await,
        Refused::Unavailable(_)
    ));
    assert_eq!(scratch.dump(), before);
    assert_eq!(
        scratch.settle(&hold, nanos(12)).await.unwrap(),
        Settled::Done
    );
    assert_eq!(month(&scratch, bucket).await, (12, 0));
    server.tell(&["CONFIG", "SET", "maxmemory", "0"]);
    let _ = held(&scratch, &asks(bucket, 88, all_four(100))).await;
}

#[tokio::test]
async fn a_redis_that_may_evict_keys_is_not_ready() {
    let server = PrivateRedis::start(&[]).await;
    let scratch = Scratch::closed(&server.url());
    scratch.check_server().await.unwrap();
    for policy in ["allkeys-lru", "volatile-ttl"] {
        server.tell(&["CONFIG", "SET", "maxmemory-policy", policy]);
        let error = scratch.check_server().await.unwrap_err();
        assert!(
            matches!(&error, StoreError::Evicts { policy: named } if named == policy),
            "{error}"
        );
    }
}

#[tokio::test]
async fn forgotten_scripts_are_loaded_again() {
    let server = PrivateRedis::start(&[]).await;
    let scratch = Scratch::open_at(&server.url()).await;
    let bucket = bucket();
    let hold = held(&scratch, &asks(bucket, 30, all_four(100))).await;
    server.tell(&["SCRIPT", "FLUSH"]);
    assert_eq!(
        scratch
            .standings(&[(bucket, all_four(100))])
            .await
            .unwrap()
            .len(),
        1
    );
    server.tell(&["SCRIPT", "FLUSH"]);
    assert_eq!(
        scratch.settle(&hold, nanos(12)).await.unwrap(),
        Settled::Done
    );
    let _ = held(&scratch, &asks(bucket, 30, all_four(100))).await;
}

#[tokio::test]
async fn a_replica_that_takes_over_has_no_epoch() {
    let master = PrivateRedis::start(&[]).await;
    let replica = PrivateRedis::start(&[]).await;
    let scratch = Scratch::open_at(&master.url()).await;
    let bucket = bucket();
    let _ = held(&scratch, &asks(bucket, 30, all_four(100))).await;
    let port = master.url().rsplit(':').next().unwrap().to_owned();
    replica.tell(&["REPLICAOF", "127.0.0.1", &port]);
    let taken_over = SpendLimits::connect(&replica.url(), &scratch.namespace).unwrap();
    eventually("the replica has the mark", async || {
        let mut read = redis::cmd("GET");
        read.arg(scratch.shared.keys.epoch());
        matches!(
            taken_over.ask::<Option<String>>("get", &read).await,
            Ok(Some(_))
        )
    })
    .await;
    replica.tell(&["REPLICAOF", "NO", "ONE"]);
    assert!(matches!(
        refused(&taken_over, &asks(bucket, 1, all_four(100))).await,
        Refused::NotReady
    ));
}
