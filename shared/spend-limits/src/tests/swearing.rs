//! Scripts that are sworn to one server process.

use super::*;

#[tokio::test]
async fn a_server_that_forgot_its_scripts_is_told_them_again() {
    let server = PrivateRedis::start(&[]).await;
    let scratch = Scratch::open_at(&server.url()).await;
    let bucket = bucket();
    let hold = held(&scratch, &asks(bucket, 30, all_four(100))).await;
    server.tell(&["SCRIPT", "FLUSH"]);
    scratch.settle(&hold, nanos(5)).await.unwrap();
    server.tell(&["SCRIPT", "FLUSH"]);
    let _ = held(&scratch, &asks(bucket, 95, all_four(100))).await;
    assert_eq!(month(&scratch, bucket).await, (5, 95));
}

#[tokio::test]
async fn scripts_of_processes_that_are_gone_do_not_pile_up() {
    let server = PrivateRedis::start(&[]).await;
    let scratch = Scratch::open_at(&server.url()).await;
    let bucket = bucket();
    let hold = held(&scratch, &asks(bucket, 30, all_four(100))).await;
    let mut redis = server.connection();
    let mut leave_behind = || {
        let mut load = redis::pipe();
        for n in 0..201 {
            load.cmd("SCRIPT").arg("LOAD").arg(format!("return {n}"));
        }
        load.query::<Vec<String>>(&mut redis).unwrap()
    };
    let mut other = server.connection();
    let mut kept = |digests: &[String]| {
        let mut exist = redis::cmd("SCRIPT");
        exist.arg("EXISTS").arg(digests);
        let exist: Vec<bool> = exist.query(&mut other).unwrap();
        exist.into_iter().filter(|exists| *exists).count()
    };
    let digests = leave_behind();
    assert_eq!(kept(&digests), 201);
    let another = scratch.another_at(&server.url());
    let _ = held(&another, &asks(bucket, 20, all_four(100))).await;
    assert_eq!(kept(&digests), 0);
    // Who swore before goes on, whatever another has had forgotten.
    scratch.settle(&hold, nanos(5)).await.unwrap();
    let _ = held(&scratch, &asks(bucket, 75, all_four(100))).await;
    assert_eq!(month(&scratch, bucket).await, (5, 95));
    let mut lives = redis::cmd("TTL");
    lives.arg(scratch.shared.keys.forgotten());
    let lives: i64 = lives.query(&mut server.connection()).unwrap();
    assert!((3_000..=3_600).contains(&lives), "{lives}");
    // Where there are that many again, they may all be of processes that run.
    let digests = leave_behind();
    let third = scratch.another_at(&server.url());
    assert_eq!(month(&third, bucket).await, (5, 95));
    third.settle(&hold, nanos(5)).await.unwrap();
    assert_eq!(kept(&digests), 201);
}

#[tokio::test]
async fn a_server_that_has_every_key_of_another_still_counts_for_nothing() {
    let (first, second) = (
        PrivateRedis::start(&[]).await,
        PrivateRedis::start(&[]).await,
    );
    // A replica from the start: whatever the first is told that replicas hear of, it hears.
    second.tell(&["REPLICAOF", "127.0.0.1", &first.port().to_string()]);
    let scratch = Scratch::open_at(&first.url()).await;
    let bucket = bucket();
    let moved = scratch.another_at(&second.url());
    let at_second = async |key: String| {
        let mut redis = redis::Client::open(second.url())
            .unwrap()
            .get_connection()
            .unwrap();
        redis::cmd("EXISTS")
            .arg(key)
            .query::<bool>(&mut redis)
            .unwrap()
    };
    let keys = &scratch.shared.keys;
    eventually("the replica has the epoch", async || {
        at_second(keys.epoch()).await
    })
    .await;
    let hold = held(&scratch, &asks(bucket, 30, all_four(100))).await;
    eventually("the replica has the hold", async || {
        at_second(keys.counters(hold.epoch, bucket)).await
    })
    .await;
    // Promoted, and more is taken at the first that the second never hears of.
    second.tell(&["REPLICAOF", "NO", "ONE"]);
    let _ = held(&scratch, &asks(bucket, 70, all_four(100))).await;
    // As behind a gateway that leads an open connection elsewhere: all that was known stays known.
    moved
        .shared
        .sworn
        .learn(scratch.shared.sworn.known().unwrap());
    moved.learn(scratch.known_epoch().await.unwrap());
    assert!(matches!(
        refused(&moved, &asks(bucket, 1, all_four(100))).await,
        Refused::NotReady
    ));
}
