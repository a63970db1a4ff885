//! Each call is recorded once; what can never be recorded holds nobody up.

use event_bus::Queue;
use events::CallRecord;
use jiff::ToSpan;
use money::Nanodollars;
use serde_json::{Value, json};

use crate::{
    calls::{Granted, at, envelope, message, message_of},
    stage::{Running, Stage},
};

const EVENTS: &str = "SELECT count(*) FROM store.call_events";
const BOOKED: &str = "SELECT count(*) FROM billing.usage";

fn granted(stage: &Stage) -> Granted {
    Granted::by(stage.tenant(), ids::UserId::new(stage.clock.now()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_recorded_once_though_it_is_delivered_three_times_to_two_recorders() {
    let stage = Stage::new().await;
    let tenants = [granted(&stage), granted(&stage)];
    let calls: Vec<CallRecord> = (0..700)
        .map(|n| tenants[n % 2].call_at(at("2026-11-22T10:00:00Z") + (n as i64).seconds()))
        .collect();
    let one = stage.run();
    let two = Running::of(&stage.another());
    let messages: Vec<_> = calls.iter().map(message).collect();
    let mut backwards = messages.clone();
    backwards.reverse();
    for sent in [&messages, &backwards, &messages] {
        assert!(stage.bus.publish(sent).await.iter().all(Result::is_ok));
    }
    stage.until("recorded", || stage.count(EVENTS), 700).await;
    stage.until("booked", || stage.count(BOOKED), 700).await;
    stage
        .until(
            "taken",
            async || stage.bus.waiting(Queue::Recorder).await.unwrap(),
            0,
        )
        .await;
    one.stop().await;
    two.stop().await;
    assert_eq!(stage.count(EVENTS).await, 700);
    assert_eq!(stage.count(BOOKED).await, 700);
    assert_eq!(
        stage
            .count("SELECT sum(calls)::bigint FROM billing.usage_by_day")
            .await,
        700
    );
    assert_eq!(stage.bus.waiting(Queue::DeadLetters).await.unwrap(), 0);
    assert_eq!(
        stage
            .count("SELECT count(*) FROM store.call_events_2026_11")
            .await,
        700
    );
}

/// Messages that must go to the dead letters, each for a reason of its own.
fn poison(granted: &Granted) -> Vec<Value> {
    let good = || envelope(&granted.call("2026-11-22T10:00:00Z"));
    let with = |path: &str, value: Value| {
        let mut body = good();
        *body.pointer_mut(path).unwrap() = value;
        body
    };
    vec![
        json!({}),
        json!("call.recorded"),
        with("/type", json!("call.unheard_of")),
        with("/schema", json!(2)),
        with("/schema", json!(0)),
        with("/id", json!("call_0198a5b0c0de70008000000000000000")),
        with("/id", json!("grant_0198a5b0c0de70008000000000000000")),
        with("/tenant", json!("org_0198a5b0c0de70008000000000000000")),
        with("/payload", json!({})),
        with("/payload/began_at", json!("2026-11-20T10:00:00Z")),
        with("/payload/cost", json!("-0.000000001")),
        with("/payload/cost", json!("4000000.000000001")),
        with("/payload/cost", json!(0.5)),
        with("/payload/reserved", json!("9999999")),
        with("/payload/usage/input", json!(1_000_000_000_001_u64)),
        with("/payload/usage/output", json!(-1)),
        with("/payload/provider_status", json!(65_535)),
        with("/payload/ended_at", json!("-009000-01-01T00:00:00Z")),
        with("/payload/ended_at", json!("2028-01-01T00:00:00Z")),
        // Nothing that is read is wrong with it, but Postgres has no such instant.
        with("/occurred_at", json!("-009000-01-01T00:00:00Z")),
        with("/payload/provider", json!("Open AI")),
        not_version_7(granted),
    ]
}

fn not_version_7(granted: &Granted) -> Value {
    let mut call = granted.call("2026-11-22T10:00:00Z");
    call.call = ids::CallId::from_uuid(uuid::Uuid::new_v4());
    envelope(&call)
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_goes_to_the_dead_letters_and_the_rest_flows() {
    let stage = Stage::new().await;
    let granted = granted(&stage);
    let poison = poison(&granted);
    let mut messages = Vec::new();
    for body in &poison {
        messages.push(message(&granted.call("2026-11-22T11:00:00Z")));
        messages.push(message_of(granted.tenant, body));
    }
    let mut broken = message(&granted.call("2026-11-22T11:00:00Z"));
    broken.body = b"{\"id\": \xff".to_vec();
    messages.push(broken);
    messages.push(message(&granted.call("2026-11-22T11:30:00Z")));
    assert!(stage.bus.publish(&messages).await.iter().all(Result::is_ok));

    let running = stage.run();
    let good = i64::try_from(poison.len()).unwrap() + 1;
    stage.until("recorded", || stage.count(EVENTS), good).await;
    let dead = u32::try_from(poison.len()).unwrap() + 1;
    let letters = async || stage.bus.waiting(Queue::DeadLetters).await.unwrap();
    stage.until("dead letters", letters, dead).await;
    stage.until("booked", || stage.count(BOOKED), good).await;
    running.stop().await;
    assert_eq!(stage.bus.waiting(Queue::Recorder).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_several_records_is_recorded_whole_but_for_the_poison_in_it() {
    let stage = Stage::new().await;
    let granted = granted(&stage);
    let line = |body: &Value| serde_json::to_string(body).unwrap();
    let good = || line(&envelope(&granted.call("2026-11-22T11:00:00Z")));
    let message_with = async |lines: &[String]| {
        let mut message = message(&granted.call("2026-11-22T11:00:00Z"));
        message.body = lines.join("\n").into_bytes();
        stage.bus.publish_one(&message).await.unwrap();
    };
    message_with(&[good(), good(), good()]).await;
    for poison in poison(&granted) {
        message_with(&[good(), line(&poison), good()]).await;
    }
    message_with(&[]).await;

    let running = stage.run();
    let poisoned = poison(&granted).len();
    let expected = i64::try_from(3 + 2 * poisoned).unwrap();
    stage
        .until("recorded", || stage.count(EVENTS), expected)
        .await;
    let dead = u32::try_from(poisoned + 1).unwrap();
    let letters = async || stage.bus.waiting(Queue::DeadLetters).await.unwrap();
    stage.until("dead letters", letters, dead).await;
    running.stop().await;
    assert_eq!(stage.bus.waiting(Queue::Recorder).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_calls_are_recorded_all_the_same() {
    let stage = Stage::new().await;
    let granted = granted(&stage);
    let mut with_nul = granted.call("2026-11-22T10:00:00Z");
    with_nul.model = "gpt\0-4o".to_owned();
    with_nul.request_id = "a\0b".to_owned();
    let mut with_long_name = granted.call("2026-11-22T10:00:00Z");
    with_long_name.model = "é".repeat(50_000);
    let mut over_reservation = granted.call("2026-11-22T10:00:00Z");
    over_reservation.cost = Nanodollars::from_dollars(2);
    let long_ago = granted.call("2019-03-01T10:00:00Z");
    let from_the_future = granted.call("2031-03-01T10:00:00Z");
    let mut as_event = envelope(&granted.call("2026-11-22T10:00:00Z"));
    as_event["id"] = json!(
        as_event["id"]
            .as_str()
            .unwrap()
            .replacen("call_", "event_", 1)
    );
    as_event["payload"]["a_member_of_tomorrow"] = json!({"\0": "\0"});

    let odd = [
        &with_nul,
        &with_long_name,
        &over_reservation,
        &long_ago,
        &from_the_future,
    ];
    let mut messages: Vec<_> = odd.into_iter().map(message).collect();
    messages.push(message_of(granted.tenant, &as_event));
    assert!(stage.bus.publish(&messages).await.iter().all(Result::is_ok));
    let running = stage.run();
    stage.until("booked", || stage.count(BOOKED), 6).await;
    running.stop().await;
    assert_eq!(
        stage
            .count("SELECT count(*) FROM store.call_events_other")
            .await,
        2
    );
    assert_eq!(
        stage
            .count("SELECT count(*) FROM billing.usage WHERE length(model) = 200")
            .await,
        1
    );
    assert_eq!(stage.bus.waiting(Queue::DeadLetters).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_wait_for_a_database_that_is_away() {
    let stage = Stage::new().await;
    let granted = granted(&stage);
    let name = stage
        .settings
        .billing_database_url
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned();
    let (server, database) = (stage.server().await, stage.superuser().await);
    server
        .batch_execute(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        .await
        .unwrap();
    let running = stage.run();
    let calls: Vec<_> = (0..20)
        .map(|_| message(&granted.call("2026-11-22T10:00:00Z")))
        .collect();
    assert!(stage.bus.publish(&calls).await.iter().all(Result::is_ok));
    stage
        .until(
            "taken",
            async || stage.bus.waiting(Queue::Recorder).await.unwrap(),
            0,
        )
        .await;
    let events: i64 = database.query_one(EVENTS, &[]).await.unwrap().get(0);
    assert_eq!(events, 0);
    server
        .batch_execute(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
        .await
        .unwrap();
    stage.until("booked", || stage.count(BOOKED), 20).await;
    running.stop().await;
    assert_eq!(stage.bus.waiting(Queue::DeadLetters).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_record_that_differs_changes_nothing_and_is_noticed() {
    use billing::recording::{Recorded, Recordings, read};
    let stage = Stage::new().await;
    let granted = granted(&stage);
    let first = granted.call("2026-11-22T10:00:00Z");
    let mut second = first.clone();
    second.cost = Nanodollars::from_dollars(3);
    let mut foreign = first.clone();
    foreign.tenant = stage.tenant();
    let recordings = Recordings::new(stage.postgres(), stage.clock.clone());
    let message = |call: &CallRecord| read(&serde_json::to_vec(&envelope(call)).unwrap()).unwrap();
    let record = async |call: &CallRecord| recordings.record(&[message(call)]).await.unwrap();
    assert_eq!(
        record(&first).await,
        Recorded {
            new: 1,
            known: 0,
            disagreeing: 0
        }
    );
    assert_eq!(
        record(&first).await,
        Recorded {
            new: 0,
            known: 1,
            disagreeing: 0
        }
    );
    assert_eq!(
        record(&second).await,
        Recorded {
            new: 0,
            known: 1,
            disagreeing: 1
        }
    );
    assert_eq!(
        record(&foreign).await,
        Recorded {
            new: 0,
            known: 1,
            disagreeing: 1
        }
    );
    stage.app.usage().catch_up().await.unwrap();
    assert_eq!(
        stage
            .count("SELECT cost_nanodollars FROM billing.usage")
            .await,
        first.cost.nanos()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_that_already_has_calls_elsewhere_goes_on_elsewhere() {
    let stage = Stage::new().await;
    let granted = granted(&stage);
    stage.booked(&[granted.call("2027-03-01T10:00:00Z")]).await;
    stage.clock.move_to(at("2027-03-02T00:00:00Z"));
    stage.booked(&[granted.call("2027-03-02T10:00:00Z")]).await;
    assert_eq!(
        stage
            .count("SELECT count(*) FROM store.call_events_other")
            .await,
        2
    );
    assert_eq!(stage.count(BOOKED).await, 2);
}
