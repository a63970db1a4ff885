//! Settling without being waited for.

use super::*;

#[tokio::test]
async fn calls_that_end_together_are_all_settled() {
    let scratch = Scratch::open().await;
    let bucket = bucket();
    let mut holds = Vec::new();
    for _ in 0..250 {
        holds.push(held(&scratch, &asks(bucket, 10, all_four(100_000))).await);
    }
    for hold in &holds {
        scratch.settle_behind(hold, nanos(3));
    }
    eventually("they are settled", async || scratch.bookings_waiting() == 0).await;
    assert_eq!(month(&scratch.another(), bucket).await, (750, 0));
}

#[tokio::test]
async fn what_was_settled_behind_is_not_in_the_way_of_the_next_call() {
    let scratch = Scratch::open().await;
    let (one, other) = (bucket(), bucket());
    let hold = held(&scratch, &asks(one, 100, monthly(100))).await;
    let elsewhere = held(&scratch, &asks(other, 7, monthly(100))).await;
    // As when Redis is slow: it knows of neither when it is asked for the next call.
    scratch.shared.in_hand.settle(hold.call, nanos(1));
    scratch.shared.in_hand.settle(elsewhere.call, nanos(1));
    let _ = held(&scratch, &asks(one, 99, monthly(100))).await;
    assert_eq!(scratch.bookings_waiting(), 1, "of another bucket");
    assert!(matches!(
        refused(&scratch, &asks(one, 1, monthly(100))).await,
        Refused::SpendLimit { .. }
    ));
}

#[tokio::test]
async fn whoever_asks_how_limits_stand_is_told_of_what_was_settled_before() {
    let scratch = Scratch::open().await;
    let bucket = bucket();
    let hold = held(&scratch, &asks(bucket, 100, monthly(100))).await;
    scratch.shared.in_hand.settle(hold.call, nanos(1));
    assert_eq!(month(&scratch, bucket).await, (1, 0));
}

#[tokio::test]
async fn what_was_settled_behind_while_redis_took_nothing_is_booked_when_it_does() {
    let server = PrivateRedis::start(&[]).await;
    let scratch = Scratch::open_at(&server.url()).await;
    let bucket = bucket();
    let holds = [
        held(&scratch, &asks(bucket, 30, all_four(100))).await,
        held(&scratch, &asks(bucket, 30, all_four(100))).await,
    ];
    scratch.catch_up(&nothing, Duration::ZERO).await.unwrap();
    server.tell(&["REPLICAOF", "127.0.0.1", "1"]);
    scratch.settle_behind(&holds[0], nanos(12));
    eventually("it was tried", async || !scratch.is_settling()).await;
    assert_eq!(scratch.bookings_waiting(), 1);
    server.tell(&["REPLICAOF", "NO", "ONE"]);
    // The next one is tried anew, and the first is booked by the watch over openings.
    scratch.settle_behind(&holds[1], nanos(12));
    eventually("the next is settled", async || {
        scratch.bookings_waiting() == 1
    })
    .await;
    assert_eq!(scratch.catch_up(&nothing, Duration::ZERO).await.unwrap(), 1);
    assert_eq!(month(&scratch, bucket).await, (24, 0));
}

#[tokio::test]
async fn a_runtime_that_ends_before_it_settles_leaves_that_to_the_next() {
    let scratch = Scratch::open().await;
    let bucket = bucket();
    let holds = [
        held(&scratch, &asks(bucket, 30, all_four(100))).await,
        held(&scratch, &asks(bucket, 30, all_four(100))).await,
    ];
    let ending = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let entered = ending.enter();
    scratch.settle_behind(&holds[0], nanos(12));
    drop(entered);
    ending.shutdown_background();
    assert!(!scratch.is_settling(), "it ended");
    scratch.settle_behind(&holds[1], nanos(12));
    eventually("both are settled", async || scratch.bookings_waiting() == 0).await;
    assert_eq!(month(&scratch.another(), bucket).await, (24, 0));
}

#[tokio::test]
async fn before_a_stop_everything_is_settled_of_every_bucket() {
    let scratch = Scratch::open().await;
    let buckets = [bucket(), bucket()];
    for bucket in buckets {
        for _ in 0..60 {
            let hold = held(&scratch, &asks(bucket, 10, all_four(100_000))).await;
            scratch.shared.in_hand.settle(hold.call, nanos(3));
        }
    }
    scratch.settle_rest().await.unwrap();
    assert_eq!(scratch.bookings_waiting(), 0);
    for bucket in buckets {
        assert_eq!(month(&scratch.another(), bucket).await, (180, 0));
    }
}

#[tokio::test]
async fn a_hold_that_left_no_room_gives_it_back_before_its_caller_goes_on() {
    let scratch = Scratch::open().await;
    let bucket = bucket();
    let roomy = held(&scratch, &asks(bucket, 50, monthly(100))).await;
    assert!(!roomy.leaves_no_room());
    let tight = held(&scratch, &asks(bucket, 30, monthly(100))).await;
    assert!(tight.leaves_no_room());
    // The first is on its way; the second waits for company behind it.
    scratch.settle_behind(&roomy, nanos(5));
    scratch.settle_behind(&tight, nanos(5));
    scratch.settled(&tight).await;
    // Another process, which knows nothing of either call.
    let _ = held(&scratch.another(), &asks(bucket, 90, monthly(100))).await;
}
