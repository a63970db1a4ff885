//! Limits start again from what the ledger knows, and never from zero.

use std::time::Duration;

use billing::refill::{Ledger, Refill, Spent};
use clock::{Clock, month_of, start_of};
use events::LimitName;
use ids::{GrantId, UserId};
use jiff::SignedDuration;
use money::Nanodollars;
use spend_limits::{Amount, Bucket, CallLimits, Opened, SpendLimits};

use crate::{
    calls::{Granted, at, message},
    stage::Stage,
};

pub const GRACE: Duration = Duration::from_millis(50);

pub fn limits(stage: &Stage) -> SpendLimits {
    SpendLimits::connect(&stage.settings.redis_url, &stage.settings.redis_namespace).unwrap()
}

pub fn refill(stage: &Stage) -> Refill {
    Refill {
        clock: stage.clock.clone(),
        grace: GRACE.into(),
        ..stage.app.refill().clone()
    }
}

pub fn nanos(nanos: i64) -> Nanodollars {
    Nanodollars::from_nanos(nanos)
}

pub fn bucket(grant: GrantId, provider: &str) -> Bucket {
    Bucket::new(grant, &provider.parse().unwrap())
}

/// How the limits of a grant at OpenAI stand: of the day, its requests, of the month.
pub async fn spent(limits: &SpendLimits, grant: GrantId) -> [Amount; 3] {
    let all = CallLimits {
        requests_per_minute: None,
        requests_per_day: Some(1_000_000),
        daily_spend: Some(money::LARGEST_LIMIT),
        monthly_spend: Some(money::LARGEST_LIMIT),
    };
    let standings = limits
        .standing(bucket(grant, "openai"), &all)
        .await
        .unwrap();
    let of = |name| {
        standings
            .iter()
            .find(|standing| standing.name == name)
            .unwrap()
            .spent
    };
    [
        of(LimitName::DailySpend),
        of(LimitName::RequestsPerDay),
        of(LimitName::MonthlySpend),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn sums_are_by_grant_and_provider_and_of_the_running_periods_only() {
    let stage = Stage::new().await;
    let tenants = [0, 1].map(|_| Granted::by(stage.tenant(), UserId::new(stage.clock.now())));
    let mut calls = Vec::new();
    for (granted, began_at, provider, cost) in [
        (0, "2026-11-22T00:00:00Z", "openai", 1),
        (0, "2026-11-22T23:59:59Z", "openai", 2),
        (0, "2026-11-22T10:00:00Z", "anthropic", 4),
        (0, "2026-11-21T23:59:59.999999Z", "openai", 8),
        (0, "2026-11-01T00:00:00Z", "anthropic", 16),
        (0, "2026-10-31T23:59:59.999999Z", "openai", 32),
        (0, "2026-12-01T00:00:00Z", "openai", 64),
        (
            1,
            "2026-11-02T00:00:00Z",
            "google",
            money::LARGEST_LIMIT.nanos(),
        ),
        (
            1,
            "2026-11-03T00:00:00Z",
            "google",
            money::LARGEST_LIMIT.nanos(),
        ),
    ] {
        let mut call = tenants[granted].call(began_at);
        call.provider = provider.parse().unwrap();
        call.cost = nanos(cost);
        calls.push(call);
    }
    stage.booked(&calls).await;
    let mut found = Ledger::new(stage.postgres())
        .spent(at("2026-11-22T12:00:00Z"))
        .await
        .unwrap();
    let first = spend_limits::Owner::Grant(tenants[0].grant);
    found.sort_by_key(|spent| (spent.bucket.owner != first, spent.bucket));
    let spent =
        |granted: usize, provider: &str, today: i64, calls_today: u32, this_month: i64| Spent {
            bucket: bucket(tenants[granted].grant, provider),
            today: nanos(today),
            calls_today,
            this_month: nanos(this_month),
        };
    // Beyond every limit it does not matter how far.
    let most = money::LARGEST_LIMIT.nanos();
    let expected = [
        spent(0, "anthropic", 4, 1, 20),
        spent(0, "openai", 3, 2, 11),
        spent(1, "google", 0, 0, most),
    ];
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_start_opens_empty_limits() {
    let stage = Stage::at_time(Clock::system()).await;
    let limits = limits(&stage);
    assert!(limits.epoch_needed().await.unwrap());
    let refill = refill(&stage);
    assert!(matches!(refill.open().await.unwrap(), Opened::Opened(_)));
    assert_eq!(refill.open().await.unwrap(), Opened::AlreadyOpen);
    let nobody = GrantId::new(stage.clock.now());
    let nothing = [
        Amount::Money(Nanodollars::ZERO),
        Amount::Requests(0),
        Amount::Money(Nanodollars::ZERO),
    ];
    assert_eq!(spent(&limits, nobody).await, nothing);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_that_redis_forgot_start_again_from_what_was_spent() {
    let stage = Stage::at_time(Clock::system()).await;
    let now = stage.clock.now();
    let granted = Granted::by(stage.tenant(), UserId::new(now));
    let today = |cost: i64| {
        let mut call = granted.call_at(now);
        call.cost = nanos(cost);
        call
    };
    let mut earlier = granted.call_at(start_of(month_of(now)));
    earlier.cost = nanos(100);
    let mut last_month = granted.call_at(start_of(month_of(now)) - SignedDuration::from_secs(1));
    last_month.cost = nanos(1_000);
    let begun_today = earlier.began_at >= start_of(clock::day_of(now));
    stage.booked(&[today(1), earlier, last_month]).await;
    // Sent, but still on its way when Redis forgets: it must be counted.
    let waiting: Vec<_> = (0..50).map(|_| message(&today(2))).collect();
    assert!(stage.bus.publish(&waiting).await.iter().all(Result::is_ok));

    let running = stage.run();
    let limits = limits(&stage);
    let open = async || !limits.epoch_needed().await.unwrap();
    stage.until("limits are open", open, true).await;
    let expected = if begun_today { (201, 52) } else { (101, 51) };
    let expected = [
        Amount::Money(nanos(expected.0)),
        Amount::Requests(expected.1),
        Amount::Money(nanos(201)),
    ];
    assert_eq!(spent(&limits, granted.grant).await, expected);

    stage.forget_redis();
    stage.until("limits are open again", open, true).await;
    assert_eq!(spent(&limits, granted.grant).await, expected);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_ledger_limits_stay_shut() {
    let stage = Stage::at_time(Clock::system()).await;
    stage
        .superuser()
        .await
        .batch_execute("DROP TABLE billing.usage_by_day")
        .await
        .unwrap();
    assert!(refill(&stage).open().await.is_err());
    assert!(limits(&stage).epoch_needed().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_grant_stays_revoked_when_redis_forgets() {
    use event_store::{Context, EventStore, StreamId, Version};
    use events::GrantEvent;
    use postgres::{DatabaseSettings, Postgres, Scope};
    use spend_limits::{Refused, Reservation};
    let stage = Stage::at_time(Clock::system()).await;
    let now = stage.clock.now();
    let (tenant, grant) = (stage.tenant(), GrantId::new(now));
    let url = stage
        .settings
        .billing_database_url
        .replace("latchkey_billing", "latchkey_consent");
    let consent = Postgres::connect(&DatabaseSettings {
        url,
        connections: 1,
    })
    .unwrap();
    let tx = consent
        .begin("revoke", Scope::Tenant(tenant))
        .await
        .unwrap();
    let context = Context {
        tenant,
        actor: "test".to_owned(),
        correlation_id: "test".to_owned(),
        at: now,
    };
    let revoked = [GrantEvent::Revoked {
        reason: "test".to_owned(),
    }];
    let stream = StreamId::of::<GrantEvent, _>(grant);
    EventStore::append(&tx, &stream, Version::NONE, &revoked, &context)
        .await
        .unwrap();
    tx.commit().await.unwrap();

    refill(&stage).open().await.unwrap();
    let reservation = Reservation {
        bucket: bucket(grant, "openai"),
        call: ids::CallId::new(now),
        worst_case: nanos(1),
        limits: CallLimits::default(),
        above: spend_limits::Above::NONE,
        lasts: Duration::from_secs(60),
        place: None,
    };
    let refused = limits(&stage).reserve(&reservation).await;
    assert!(matches!(refused, Err(Refused::Revoked)), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overdue_hold_is_settled_once_its_call_is_recorded_and_not_before() {
    use spend_limits::Reservation;
    let stage = Stage::at_time(Clock::system()).await;
    let refill = refill(&stage);
    refill.open().await.unwrap();
    let limits = limits(&stage);
    let now = stage.clock.now();
    let mut call = Granted::by(stage.tenant(), UserId::new(now)).call_at(now);
    call.cost = nanos(3);
    let reservation = Reservation {
        bucket: bucket(call.grant, "openai"),
        call: call.call,
        worst_case: nanos(10),
        limits: CallLimits {
            monthly_spend: Some(nanos(10)),
            ..CallLimits::default()
        },
        above: spend_limits::Above::NONE,
        lasts: Duration::from_millis(1),
        place: None,
    };
    drop(limits.reserve(&reservation).await.unwrap());
    stage
        .until(
            "the hold is overdue",
            async || refill.sweep().await.unwrap(),
            1,
        )
        .await;
    let held = async || {
        let standing = limits
            .standing(reservation.bucket, &reservation.limits)
            .await
            .unwrap();
        (standing[0].spent, standing[0].reserved)
    };
    assert_eq!(
        held().await,
        (Amount::Money(nanos(0)), Amount::Money(nanos(10)))
    );
    stage.booked(&[call.clone()]).await;
    assert_eq!(refill.sweep().await.unwrap(), 0);
    assert_eq!(
        held().await,
        (Amount::Money(nanos(3)), Amount::Money(nanos(0)))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn records_on_their_way_are_taken_in_before_limits_open() {
    use server::Shutdown;
    let stage = Stage::at_time(Clock::system()).await;
    let granted = Granted::by(stage.tenant(), UserId::new(stage.clock.now()));
    let calls: Vec<_> = (0..30)
        .map(|_| message(&granted.call_at(stage.clock.now())))
        .collect();
    assert!(stage.bus.publish(&calls).await.iter().all(Result::is_ok));
    let refill = refill(&stage);
    let opener = refill.clone();
    let mut opening = tokio::spawn(async move { opener.open().await });
    let moment = Duration::from_millis(500);
    assert!(
        tokio::time::timeout(moment, &mut opening).await.is_err(),
        "it did not wait for the recorder"
    );

    let (stop, shutdown) = Shutdown::pair();
    let recorder = refill.recorder.clone();
    let recording = tokio::spawn(async move { recorder.run(shutdown).await });
    assert!(matches!(opening.await.unwrap().unwrap(), Opened::Opened(_)));
    let settled = Amount::Money(nanos(30 * 10_000_001));
    assert_eq!(
        spent(&limits(&stage), granted.grant).await,
        [settled, Amount::Requests(30), settled]
    );
    stop.request();
    recording.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_calls_that_the_sums_hold_are_listed_as_recorded() {
    use billing::recording::{Recordings, read};
    let stage = Stage::at_time(Clock::system()).await;
    let now = stage.clock.now();
    let granted = Granted::by(stage.tenant(), UserId::new(now));
    let booked = granted.call_at(now);
    let old = granted.call_at(now);
    stage.booked(std::slice::from_ref(&old)).await;
    stage.booked(std::slice::from_ref(&booked)).await;
    // As if it had been recorded three hours ago: no service may change an event.
    let age = format!(
        "SET session_replication_role = replica; \
         UPDATE store.call_events SET recorded_at = now() - interval '3 hours' WHERE id = '{}'",
        old.call.uuid()
    );
    stage.superuser().await.batch_execute(&age).await.unwrap();
    // In the record, but not in the books: a proxy that carries it must not be told to forget it.
    let recordings = Recordings::new(stage.postgres(), stage.clock.clone());
    recordings
        .record(&[read(&message(&granted.call_at(now)).body).unwrap()])
        .await
        .unwrap();
    let ledger = Ledger::new(stage.postgres()).whole(now).await.unwrap();
    let [load] = ledger.loads.as_slice() else {
        unreachable!("one grant has calls")
    };
    assert_eq!(
        (load.bucket, load.requests_today),
        (bucket(granted.grant, "openai"), 2)
    );
    assert_eq!(load.spent_this_month, nanos(20_000_002));
    let listed: Vec<_> = load.recorded.iter().map(|recorded| recorded.call).collect();
    assert_eq!(listed, [booked.call]);
}
