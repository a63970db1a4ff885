//! Keys that nobody asks for any more go by themselves, and none goes before its time.

use super::*;
use crate::{Spent, hold::Hold};

fn at(text: &str) -> jiff::Timestamp {
    text.parse().unwrap()
}

fn per_minute(limit: u32) -> CallLimits {
    CallLimits {
        requests_per_minute: Some(limit),
        ..CallLimits::default()
    }
}

/// What Redis says of one key of the open epoch.
struct Key {
    redis: redis::Connection,
    name: String,
}

impl Key {
    async fn minute(scratch: &Scratch, bucket: Bucket) -> Self {
        let epoch = scratch.position().await.unwrap().0.unwrap();
        Self {
            redis: scratch.redis(),
            name: scratch.shared.keys.minute(epoch, bucket).unwrap(),
        }
    }

    async fn holds(scratch: &Scratch) -> Self {
        let epoch = scratch.position().await.unwrap().0.unwrap();
        Self {
            redis: scratch.redis(),
            name: scratch.shared.keys.holds(epoch),
        }
    }

    fn ask(&mut self, command: &str, argument: Option<i64>) -> i64 {
        let mut asked = redis::cmd(command);
        asked.arg(&self.name).arg(argument);
        asked.query(&mut self.redis).unwrap()
    }

    /// In seconds; below zero for ever, or without it.
    fn lives(&mut self) -> i64 {
        self.ask("TTL", None)
    }

    fn is_to_live(&mut self, seconds: i64) {
        assert_eq!(self.ask("EXPIRE", Some(seconds)), 1);
    }
}

#[tokio::test]
async fn requests_are_known_for_a_minute_after_each_of_them() {
    let scratch = Scratch::open().await;
    let bucket = bucket();
    let reserve = async |time: &str| {
        scratch.set_time(at(&format!("2026-11-22T{time}Z")));
        held(&scratch, &asks(bucket, 1, per_minute(100))).await
    };
    let _ = reserve("12:00:29.999").await;
    let mut list = Key::minute(&scratch, bucket).await;
    assert!((110..=120).contains(&list.lives()));
    // Of each half minute one says so for all: the first.
    list.is_to_live(95);
    for (time, lives) in [
        ("12:00:30", 110..=120),
        ("12:00:59.999", 80..=95),
        ("12:01:00", 110..=120),
        // None of the last minute is left.
        ("12:02:20", 110..=120),
    ] {
        let _ = reserve(time).await;
        assert!(lives.contains(&list.lives()), "{time}: {}", list.lives());
        list.is_to_live(95);
    }
}

#[tokio::test]
async fn requests_are_known_until_a_clock_that_went_back_has_passed_them() {
    let scratch = Scratch::open().await;
    let bucket = bucket();
    let ahead = "2026-11-22T12:20:00Z";
    scratch.set_time(at(ahead));
    let _ = held(&scratch, &asks(bucket, 1, per_minute(1))).await;
    let mut list = Key::minute(&scratch, bucket).await;
    scratch.set_time(at("2026-11-22T12:00:00Z"));
    let _ = held(&scratch, &asks(bucket, 1, per_minute(2))).await;
    assert!((1310..=1320).contains(&list.lives()), "{}", list.lives());
    assert!(matches!(
        refused(&scratch, &asks(bucket, 1, per_minute(2))).await,
        Refused::RateLimit { resets_at, .. } if resets_at == at("2026-11-22T12:21:00Z")
    ));

    // A call that is booked among them leaves them their time.
    let left = Spent {
        hold: Hold {
            epoch: crate::Epoch::mint(),
            ..Hold::from(held(&scratch, &asks(super::bucket(), 1, per_minute(2))).await)
        },
        actual: nanos(1),
        at: at("2026-11-22T11:59:50Z"),
    };
    let left = Spent {
        hold: Hold {
            bucket,
            call: call(),
            ..left.hold
        },
        ..left
    };
    assert_eq!(scratch.charge_left_behind(&[left]).await.unwrap(), 1);
    assert_eq!(list.ask("LLEN", None), 3);
    assert!((1310..=1320).contains(&list.lives()), "{}", list.lives());
}

#[tokio::test]
async fn requests_that_left_the_minute_are_dropped_with_the_next() {
    let scratch = Scratch::open().await;
    let bucket = bucket();
    for (time, kept) in [
        ("12:00:00", 1),
        ("12:00:20", 2),
        ("12:00:40", 3),
        ("12:01:05", 3),
        ("12:03:00", 1),
    ] {
        scratch.set_time(at(&format!("2026-11-22T{time}Z")));
        let _ = held(&scratch, &asks(bucket, 1, per_minute(100))).await;
        let mut list = Key::minute(&scratch, bucket).await;
        assert_eq!(list.ask("LLEN", None), kept, "{time}");
    }
}

#[tokio::test]
async fn the_list_of_holds_never_stays_for_ever() {
    const MONTH_AND_A_HALF: std::ops::RangeInclusive<i64> = 3_887_900..=3_888_000;
    let scratch = Scratch::open().await;
    let limits = all_four(1000);
    let bucket = bucket();
    let first = held(&scratch, &asks(bucket, 5, limits)).await;
    let mut holds = Key::holds(&scratch).await;
    assert!(MONTH_AND_A_HALF.contains(&holds.lives()));
    // Empty it is gone; whoever makes it anew says again how long it lives.
    scratch.settle(&first, nanos(5)).await.unwrap();
    assert_eq!(holds.ask("EXISTS", None), 0);
    let second = held(&scratch, &asks(bucket, 5, limits)).await;
    assert!(MONTH_AND_A_HALF.contains(&holds.lives()));
    // So does the first call of each day, although its grant holds something all the time,
    holds.is_to_live(100);
    scratch.set_time(at("2026-11-23T12:00:00Z"));
    let _ = held(&scratch, &asks(bucket, 5, limits)).await;
    assert!(MONTH_AND_A_HALF.contains(&holds.lives()));
    // and whoever looks for those that are overdue.
    let _ = holds.ask("PERSIST", None);
    assert_eq!(scratch.overdue(0, 10).await.unwrap().len(), 1);
    assert!(MONTH_AND_A_HALF.contains(&holds.lives()));
    scratch.settle(&second, nanos(5)).await.unwrap();
}
