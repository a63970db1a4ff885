//! Tests against a real Redis: the shared one under a namespace of their own, or a private server
//! where memory is lost.

mod answers;
mod behind;
mod budgets;
mod children;
mod exactness;
mod in_hand;
mod lifetimes;
mod losses;
mod machine;
mod of_spool;
mod openings;
mod outages;
mod periods;
mod private_redis;
mod races;
mod reserving;
mod settling;
mod shadows;
mod shortcuts;
mod swearing;
mod use_once;

use std::{collections::BTreeMap, ops::Deref, sync::atomic::Ordering, time::Duration};

use clock::Clock;
use ids::{CallId, GrantId};
use money::Nanodollars;

use private_redis::PrivateRedis;

use crate::{
    Above, Amount, Bucket, CallLimits, Held, Ledger, LimitName, Opened, Owner, Refused,
    Reservation, SpendLimits,
};

const SHARED_REDIS: &str = "redis://127.0.0.1:6379";

impl SpendLimits {
    /// The time argument of every script: empty until a test sets a time.
    pub(crate) fn time(&self) -> String {
        match self.shared.clock.load(Ordering::SeqCst) {
            0 => String::new(),
            milliseconds => milliseconds.to_string(),
        }
    }

    /// Lets all scripts called from here take `at` as the time.
    pub(crate) fn set_time(&self, at: jiff::Timestamp) {
        self.shared
            .clock
            .store(at.as_millisecond(), Ordering::SeqCst);
    }
}

/// Limits in a namespace that nobody else uses and that goes with the test.
pub(crate) struct Scratch {
    limits: SpendLimits,
    url: String,
    namespace: String,
}

impl Scratch {
    /// A new namespace without an epoch, where it is noon.
    pub(crate) fn closed(url: &str) -> Self {
        let namespace = format!("test-{}", uuid::Uuid::new_v4().simple());
        let limits = SpendLimits::connect(url, &namespace).unwrap();
        limits.set_time(noon());
        Self {
            limits,
            url: url.to_owned(),
            namespace,
        }
    }

    /// A new namespace on the shared Redis with an empty epoch.
    pub(crate) async fn open() -> Self {
        Self::open_at(SHARED_REDIS).await
    }

    pub(crate) async fn open_at(url: &str) -> Self {
        let scratch = Self::closed(url);
        open_with(&scratch, Ledger::default()).await;
        scratch
    }

    /// Another process that uses the same limits, and where it is noon too.
    pub(crate) fn another(&self) -> SpendLimits {
        self.another_at(&self.url)
    }

    /// The same, at another server.
    pub(crate) fn another_at(&self, url: &str) -> SpendLimits {
        let limits = SpendLimits::connect(url, &self.namespace).unwrap();
        limits.set_time(noon());
        limits
    }

    pub(crate) fn redis(&self) -> redis::Connection {
        redis::Client::open(self.url.as_str())
            .unwrap()
            .get_connection()
            .unwrap()
    }

    /// All keys but the one that says nothing of limits, and comes when a server has too many scripts.
    fn names(&self, redis: &mut redis::Connection) -> Vec<String> {
        let mut names: Vec<String> = redis::cmd("KEYS")
            .arg(format!("{}:*", self.namespace))
            .query(redis)
            .unwrap();
        names.retain(|name| *name != self.shared.keys.forgotten());
        names
    }

    /// Every key with its whole value, as Redis would dump it.
    pub(crate) fn dump(&self) -> BTreeMap<String, Vec<u8>> {
        let mut redis = self.redis();
        let names = self.names(&mut redis);
        let dump = |name: &String| redis::cmd("DUMP").arg(name).query(&mut redis).unwrap();
        names
            .iter()
            .map(dump)
            .zip(&names)
            .map(|(value, name)| (name.clone(), value))
            .collect()
    }

    /// Every field of every hash, with its value.
    pub(crate) fn fields(&self) -> BTreeMap<String, String> {
        let mut redis = self.redis();
        let names = self.names(&mut redis);
        let mut all = BTreeMap::new();
        for name in names {
            let kind: String = redis::cmd("TYPE").arg(&name).query(&mut redis).unwrap();
            if kind == "hash" {
                let fields: BTreeMap<String, String> =
                    redis::cmd("HGETALL").arg(&name).query(&mut redis).unwrap();
                all.extend(fields);
            }
        }
        all
    }
}

impl Deref for Scratch {
    type Target = SpendLimits;

    fn deref(&self) -> &SpendLimits {
        &self.limits
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A private server may be gone already, and its memory with it.
        let Ok(client) = redis::Client::open(self.url.as_str()) else {
            return;
        };
        let Ok(mut redis) = client.get_connection_with_timeout(Duration::from_millis(200)) else {
            return;
        };
        for name in self.names(&mut redis) {
            let _: redis::RedisResult<()> = redis::cmd("DEL").arg(name).query(&mut redis);
        }
    }
}

/// Polls until `holds` is true, for at most ten seconds.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while !holds().await {
        assert!(std::time::Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Opens an epoch with this ledger, without waiting for anybody.
pub(crate) async fn open_with(limits: &SpendLimits, ledger: Ledger) {
    let read = async |_| Ok::<_, std::convert::Infallible>(ledger);
    let opened = limits.open_epoch(read, Duration::ZERO).await.unwrap();
    assert!(matches!(opened, Opened::Opened(_)), "{opened:?}");
}

/// Nobody has unrecorded calls.
pub(crate) async fn nothing() -> Vec<crate::Spent> {
    Vec::new()
}

/// A time far from every midnight, so that no test ever runs over one.
pub(crate) fn noon() -> jiff::Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

pub(crate) fn bucket() -> Bucket {
    Bucket::new(
        GrantId::new(Clock::system().now()),
        &"openai".parse().unwrap(),
    )
}

pub(crate) fn grant_of(bucket: Bucket) -> GrantId {
    match bucket.owner {
        Owner::Grant(grant) => grant,
        Owner::Budget(_) | Owner::Shadow(_) => unreachable!("no bucket of a grant"),
    }
}

pub(crate) fn call() -> CallId {
    CallId::new(Clock::system().now())
}

pub(crate) const fn nanos(nanos: i64) -> Nanodollars {
    Nanodollars::from_nanos(nanos)
}

/// A reservation of a new call.
pub(crate) fn asks(bucket: Bucket, worst_case: i64, limits: CallLimits) -> Reservation {
    let lasts = Duration::from_secs(600);
    Reservation {
        bucket,
        call: call(),
        worst_case: nanos(worst_case),
        limits,
        above: Above::NONE,
        lasts,
        place: None,
    }
}

pub(crate) fn monthly(limit: i64) -> CallLimits {
    CallLimits {
        monthly_spend: Some(nanos(limit)),
        ..CallLimits::default()
    }
}

pub(crate) fn daily(limit: i64) -> CallLimits {
    CallLimits {
        daily_spend: Some(nanos(limit)),
        ..CallLimits::default()
    }
}

/// All four limits, the spend limits at `spend`.
pub(crate) fn all_four(spend: i64) -> CallLimits {
    CallLimits {
        requests_per_minute: Some(1000),
        requests_per_day: Some(1000),
        daily_spend: Some(nanos(spend)),
        monthly_spend: Some(nanos(spend)),
    }
}

/// Reserves, and expects that it is held.
pub(crate) async fn held(limits: &SpendLimits, asked: &Reservation) -> Held {
    limits.reserve(asked).await.unwrap()
}

/// Reserves, and expects a refusal.
pub(crate) async fn refused(limits: &SpendLimits, asked: &Reservation) -> Refused {
    limits
        .reserve(asked)
        .await
        .map(|held| held.amount)
        .unwrap_err()
}

/// What one limit says: spent, reserved, remaining.
pub(crate) async fn stands(
    limits: &SpendLimits,
    bucket: Bucket,
    of: &CallLimits,
    name: LimitName,
) -> (Amount, Amount, Amount) {
    let all = limits.standing(bucket, of).await.unwrap();
    let one = all.iter().find(|standing| standing.name == name).unwrap();
    (one.spent, one.reserved, one.remaining)
}

/// What the monthly spend limit says, in nano-USD: spent, reserved.
pub(crate) async fn month(limits: &SpendLimits, bucket: Bucket) -> (i64, i64) {
    let of = monthly(1_000_000);
    match stands(limits, bucket, &of, LimitName::MonthlySpend).await {
        (Amount::Money(spent), Amount::Money(reserved), _) => (spent.nanos(), reserved.nanos()),
        other => panic!("{other:?}"),
    }
}
