//! The quick ways of holding a call, and holding several together, against the way at length: what is
//! answered and what Redis knows afterwards must be the same, to the last byte.

use jiff::SignedDuration;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use super::*;
use crate::{
    Hold, OwnersAbove, SpoolPlace,
    epoch::Epoch,
    script::{Named, RESERVE, RESERVE_AT_LENGTH},
    words::Words,
};

/// What happens next.
#[derive(Debug, Clone)]
enum Step {
    /// These calls come at one time, each of a grant, at a worst case.
    Calls(Vec<(usize, i64)>),
    /// So many of the calls that are held end.
    End(usize),
    /// Time goes by, or back.
    Pass(i64),
    /// A grant is revoked.
    Revoke(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let amounts = prop_oneof![8 => 0..40i64, 1 => Just(999_999_999_999_999), 1 => Just(1 << 51)];
    let calls = prop::collection::vec((0..3usize, amounts), 1..7);
    let spans = prop_oneof![
        5 => 0..20_000i64,
        3 => 29_000..70_000i64,
        1 => -90_000..0i64,
        1 => Just(23 * 3_600_000),
    ];
    let step = prop_oneof![
        8 => calls.prop_map(Step::Calls),
        3 => (1..6usize).prop_map(Step::End),
        4 => spans.prop_map(Step::Pass),
        1 => (0..40usize).prop_map(Step::Revoke),
    ];
    prop::collection::vec(step, 1..25)
}

/// Limits that are soon in the way, each now and then.
fn limits(of: usize) -> CallLimits {
    let spends = [
        Nanodollars::from_nanos(300),
        money::LARGEST_LIMIT,
        nanos(120),
    ];
    CallLimits {
        requests_per_minute: Some([4, 9, 30][of]),
        requests_per_day: Some([25, 1_000, 12][of]),
        daily_spend: Some(spends[of]),
        monthly_spend: Some(spends[(of + 1) % 3]),
    }
}

/// One way, in a place of its own.
struct Way {
    scratch: Scratch,
    epoch: Epoch,
    script: &'static Named,
}

impl Way {
    async fn new(script: &'static Named) -> Self {
        let scratch = Scratch::open().await;
        let epoch = scratch.known_epoch().await.unwrap().unwrap();
        Self {
            scratch,
            epoch,
            script,
        }
    }

    /// The answers, in the order in which calls that came together were decided, and that order.
    async fn together(&self, asked: &[Reservation]) -> (Vec<usize>, Vec<String>) {
        let all: Vec<_> = asked.iter().collect();
        let call = self.scratch.reserve_calls(&all, self.epoch);
        let words = text(&self.scratch.run(self.script, &call).await.unwrap().0);
        let told: Vec<_> = words.split(" + ").skip(1).enumerate().collect();
        assert_eq!(told.len(), asked.len(), "{words}");
        let (later, now): (Vec<_>, Vec<_>) =
            told.into_iter().partition(|told| told.1 == "AT_LENGTH");
        let (mut order, mut answers): (Vec<_>, Vec<_>) = now
            .into_iter()
            .map(|(nth, told)| (nth, told.to_owned()))
            .unzip();
        for (nth, _) in later {
            order.push(nth);
            answers.push(self.alone(&asked[nth]).await);
        }
        (order, answers)
    }

    async fn one_by_one(&self, asked: &[Reservation], order: &[usize]) -> Vec<String> {
        let mut answers = Vec::new();
        for nth in order {
            answers.push(self.alone(&asked[*nth]).await);
        }
        answers
    }

    async fn alone(&self, asked: &Reservation) -> String {
        let call = self.scratch.reserve_call(asked, self.epoch);
        text(&self.scratch.run(self.script, &call).await.unwrap().0)
    }

    async fn end(&self, held: &[Reservation]) {
        let hold = |one: &Reservation| Hold {
            bucket: one.bucket,
            above: OwnersAbove::NONE,
            call: one.call,
            epoch: self.epoch,
        };
        let settlements: Vec<_> = held.iter().map(|one| (hold(one), nanos(7))).collect();
        self.scratch.settle_all(&settlements).await.unwrap();
    }

    /// All that Redis knows, and how long it will.
    fn knows(&self) -> Vec<String> {
        let mut redis = self.scratch.redis();
        let place = self.scratch.shared.keys.epoch();
        let place = place.strip_suffix("epoch").unwrap();
        let epoch = self.epoch.to_string();
        let keys: Vec<String> = redis::cmd("KEYS")
            .arg(format!("{place}*"))
            .query(&mut redis)
            .unwrap();
        let mut all = Vec::new();
        for key in keys.iter().filter(|key| {
            ![":epoch", ":forgotten"]
                .iter()
                .any(|end| key.ends_with(end))
        }) {
            let ask = |command: &str, rest: &[&str], redis: &mut redis::Connection| {
                let told: Vec<String> =
                    redis::cmd(command).arg(key).arg(rest).query(redis).unwrap();
                told
            };
            let kind: String = redis::cmd("TYPE").arg(key).query(&mut redis).unwrap();
            let mut told = match kind.as_str() {
                "hash" => {
                    let told = ask("HGETALL", &[], &mut redis);
                    let mut pairs: Vec<_> = told.chunks(2).map(|pair| pair.join("=")).collect();
                    pairs.sort();
                    pairs
                }
                "list" => ask("LRANGE", &["0", "-1"], &mut redis),
                "zset" => ask("ZRANGE", &["0", "-1", "WITHSCORES"], &mut redis),
                _ => Vec::new(),
            };
            let lives: i64 = redis::cmd("TTL").arg(key).query(&mut redis).unwrap();
            // To the half minute: the ways take a moment each.
            told.push(format!("lives {}", (lives + 15).div_euclid(30)));
            let name = key.replace(place, "").replace(&epoch, "E");
            all.push(format!("{name}: {}", told.join(" ")));
        }
        all.sort();
        all
    }
}

fn text(words: &Words) -> String {
    words.iter().collect::<Vec<_>>().join(" ")
}

async fn decide_alike(steps: Vec<Step>) {
    let ways = [
        Way::new(&RESERVE).await,
        Way::new(&RESERVE_AT_LENGTH).await,
        Way::new(&RESERVE).await,
    ];
    let buckets = [(); 3].map(|()| bucket());
    let mut now = noon();
    let mut held: Vec<Reservation> = Vec::new();
    for step in steps {
        for way in &ways {
            way.scratch.set_time(now);
        }
        match step {
            Step::Calls(calls) => {
                let asked: Vec<_> = calls
                    .iter()
                    .map(|(of, amount)| Reservation {
                        place: (*amount % 2 == 0).then_some(SpoolPlace {
                            spool: 7,
                            segment: 3,
                        }),
                        ..asks(buckets[*of], *amount, limits(*of))
                    })
                    .collect();
                let (order, answers) = ways[0].together(&asked).await;
                for way in &ways[1..] {
                    assert_eq!(way.one_by_one(&asked, &order).await, answers, "{asked:?}");
                }
                let outcomes = order.into_iter().zip(answers);
                let made = outcomes.filter(|(_, answer)| answer.starts_with("HELD"));
                let made = made.map(|(nth, _)| asked[nth].clone());
                held.extend(made);
            }
            Step::End(count) => {
                let ended: Vec<_> = held.drain(..count.min(held.len())).collect();
                for way in &ways {
                    way.end(&ended).await;
                }
            }
            Step::Pass(milliseconds) => now += SignedDuration::from_millis(milliseconds),
            Step::Revoke(of) => {
                if let Some(bucket) = buckets.get(of) {
                    for way in &ways {
                        way.scratch.mark_revoked(grant_of(*bucket)).await.unwrap();
                    }
                }
            }
        }
        let known = ways[0].knows();
        for way in &ways[1..] {
            assert_eq!(way.knows(), known);
        }
    }
}

#[test]
fn every_way_decides_as_the_one_at_length() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut runner = TestRunner::new(Config {
        cases: 120,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&steps(), |steps| {
        runtime.block_on(decide_alike(steps));
        Ok(())
    });
    outcome.unwrap();
}

/// How many scripts this server ran.
fn scripts_run(scratch: &Scratch) -> u32 {
    let asked = redis::cmd("INFO")
        .arg("commandstats")
        .query(&mut scratch.redis());
    let told: String = asked.unwrap();
    let mut lines = told.lines();
    let line = lines.find_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
    line.unwrap().split(',').next().unwrap().parse().unwrap()
}

/// So many calls at one time, of one grant whose limit fits ten of them.
async fn at_one_time(
    scratch: &Scratch,
    bucket: Bucket,
    count: usize,
) -> Vec<Result<Held, Refused>> {
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..count {
        let limits = (**scratch).clone();
        asking.spawn(async move { limits.reserve(&asks(bucket, 10, all_four(100))).await });
    }
    asking.join_all().await
}

#[tokio::test]
async fn those_who_come_meanwhile_are_asked_about_together() {
    let server = PrivateRedis::start(&[]).await;
    let scratch = Scratch::open_at(&server.url()).await;
    let bucket = bucket();
    // Its day begins with it.
    let first = held(&scratch, &asks(bucket, 10, all_four(100))).await;
    let before = scripts_run(&scratch);
    let answers = at_one_time(&scratch, bucket, 9).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(
        scripts_run(&scratch) - before,
        2,
        "one alone, eight together"
    );
    let answers = at_one_time(&scratch, bucket, 9).await;
    for refused in answers {
        assert!(
            matches!(refused, Err(Refused::SpendLimit { .. })),
            "{refused:?}"
        );
    }
    assert_eq!(month(&scratch, bucket).await, (0, 100));
    scratch.settle(&first, nanos(0)).await.unwrap();
    assert_eq!(
        at_one_time(&scratch, bucket, 9)
            .await
            .iter()
            .filter(|one| one.is_ok())
            .count(),
        1
    );
}

#[tokio::test]
async fn nobody_waits_for_one_who_has_gone() {
    let server = PrivateRedis::start(&[]).await;
    let scratch = Scratch::open_at(&server.url()).await;
    let bucket = bucket();
    let _ = held(&scratch, &asks(bucket, 10, all_four(1_000))).await;
    server.signal("-STOP");
    let asking = |limits: SpendLimits| {
        tokio::spawn(async move { limits.reserve(&asks(bucket, 10, all_four(1_000))).await })
    };
    let (first, second) = (asking((*scratch).clone()), asking((*scratch).clone()));
    let third = asking((*scratch).clone());
    tokio::task::yield_now().await;
    // Who asks alone, and one of those who wait for that.
    first.abort();
    second.abort();
    server.signal("-CONT");
    let held = third.await.unwrap().unwrap();
    assert_eq!(held.amount, nanos(10));
    assert!(first.await.unwrap_err().is_cancelled());
    scratch.catch_up(&nothing, Duration::ZERO).await.unwrap();
    assert_eq!(
        month(&scratch, bucket).await,
        (0, 20),
        "what was given up is undone"
    );
}

#[tokio::test]
async fn an_error_is_told_to_each_who_asked_and_holds_nothing() {
    let server = PrivateRedis::start(&[]).await;
    let scratch = Scratch::open_at(&server.url()).await;
    let bucket = bucket();
    let _ = held(&scratch, &asks(bucket, 10, all_four(1_000))).await;
    server.signal("-STOP");
    for answer in at_one_time(&scratch, bucket, 5).await {
        assert!(matches!(answer, Err(Refused::Unavailable(_))), "{answer:?}");
    }
    server.signal("-CONT");
    eventually("it answers again", async || scratch.is_open().await.is_ok()).await;
    scratch.catch_up(&nothing, Duration::ZERO).await.unwrap();
    assert_eq!(month(&scratch, bucket).await, (0, 10));
    assert!(
        at_one_time(&scratch, bucket, 5)
            .await
            .iter()
            .all(Result::is_ok)
    );
}

#[tokio::test]
async fn however_many_wait_they_are_refused_as_soon_as_one_would_be() {
    let server = PrivateRedis::start(&[]).await;
    let scratch = Scratch::open_at(&server.url()).await;
    let bucket = bucket();
    let _ = held(&scratch, &asks(bucket, 10, all_four(100_000))).await;
    server.signal("-STOP");
    let began = std::time::Instant::now();
    let answers = at_one_time(&scratch, bucket, 300).await;
    let lasted = began.elapsed();
    server.signal("-CONT");
    let refused = |answer: &Result<Held, Refused>| matches!(answer, Err(Refused::Unavailable(_)));
    assert!(answers.iter().all(refused));
    // In turns of 32, each until it is late, it would be five seconds.
    assert!(lasted < Duration::from_secs(2), "{lasted:?}");
}

#[tokio::test]
async fn a_refusal_is_looked_at_again_where_redis_was_told_of_room_meanwhile() {
    let scratch = Scratch::open().await;
    let bucket = bucket();
    let first = held(&scratch, &asks(bucket, 100, all_four(100))).await;
    let limits = (*scratch).clone();
    let asking =
        tokio::spawn(async move { limits.reserve(&asks(bucket, 100, all_four(100))).await });
    // It is asked about, and not yet answered, when the first ends; its answer comes first.
    tokio::task::yield_now().await;
    scratch.settle(&first, nanos(0)).await.unwrap();
    assert!(asking.await.unwrap().is_ok());
}
