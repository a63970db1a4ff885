//! The books can be made anew from the record, and come out equal.

use ids::{BudgetId, UserId};
use jiff::{SignedDuration, Timestamp};
use money::Nanodollars;

use crate::{
    calls::{Granted, at},
    stage::Stage,
};

const ALL_USAGE: &str =
    "SELECT COALESCE(string_agg(u::text, E'\n' ORDER BY u::text), '') FROM billing.usage u";
const ALL_DAYS: &str =
    "SELECT COALESCE(string_agg(d::text, E'\n' ORDER BY d::text), '') FROM billing.usage_by_day d";

const ALL_BUDGETS: &str = "SELECT COALESCE(string_agg(b::text, E'\n' ORDER BY b::text), '') FROM billing.budget_use_by_day b";

async fn rows(stage: &Stage) -> [String; 3] {
    let client = stage.superuser().await;
    let mut rows = [const { String::new() }; 3];
    for (all, rows) in [ALL_USAGE, ALL_DAYS, ALL_BUDGETS].iter().zip(&mut rows) {
        *rows = client.query_one(*all, &[]).await.unwrap().get(0);
    }
    rows
}

/// Calls of two organizations in a muddle, booked in several batches of different sizes.
async fn muddle(stage: &Stage) -> [Granted; 2] {
    let start: Timestamp = at("2026-10-20T00:00:00Z");
    let tenants = [0, 1].map(|_| Granted::by(stage.tenant(), UserId::new(start)));
    let budgets = [0, 1].map(|_| BudgetId::new(start));
    let mut all = Vec::new();
    for n in 0..1_300_i64 {
        let granted = tenants[usize::try_from(n * n % 7 % 2).unwrap()];
        let began_at = start + SignedDuration::from_mins(n * 37 % 40_000);
        let mut call = granted.call_at(began_at);
        call.model = format!("model-{}", n % 5);
        // A name that changed under the same grant must not make the outcome depend on the order.
        call.app_name = format!("App {}", n % 3);
        call.cost = Nanodollars::from_nanos(n * n * 7_919);
        call.budgets = budgets[..usize::try_from(n % 3).unwrap()].to_vec();
        all.push(call);
    }
    for batch in all.chunks(171) {
        stage.booked(batch).await;
    }
    tenants
}

#[tokio::test(flavor = "multi_thread")]
async fn rebuilding_everything_gives_equal_rows() {
    let stage = Stage::new().await;
    muddle(&stage).await;
    let before = rows(&stage).await;
    assert_eq!(stage.app.usage().rebuild_all().await.unwrap(), 1_300);
    assert_eq!(rows(&stage).await, before);

    let client = stage.superuser().await;
    client.batch_execute("DELETE FROM billing.usage WHERE day < '2026-11-01'; UPDATE billing.usage_by_day SET cost_nanodollars = 1; DELETE FROM billing.budget_use_by_day").await.unwrap();
    assert_ne!(rows(&stage).await, before);
    stage.app.usage().rebuild_all().await.unwrap();
    assert_eq!(rows(&stage).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn rebuilding_one_organization_leaves_the_others_and_what_is_to_come() {
    let stage = Stage::new().await;
    let [one, other] = muddle(&stage).await;
    let before = rows(&stage).await;
    let client = stage.superuser().await;
    client
        .execute(
            "DELETE FROM billing.usage WHERE tenant_id = $1",
            &[&one.tenant.uuid()],
        )
        .await
        .unwrap();
    client
        .execute(
            "UPDATE billing.usage_by_day SET calls = 0 WHERE tenant_id = $1",
            &[&one.tenant.uuid()],
        )
        .await
        .unwrap();
    let booked = stage.app.usage().rebuild_of(one.tenant).await.unwrap();
    assert!(0 < booked && booked < 1_300, "{booked}");
    assert_eq!(rows(&stage).await, before);

    // Recorded, but not read by the projection yet: still to come, and then there once.
    let recordings = billing::recording::Recordings::new(stage.postgres(), stage.clock.clone());
    let late = [
        one.call("2026-11-21T10:00:00Z"),
        other.call("2026-11-21T10:00:00Z"),
    ];
    let read = |call| billing::recording::read(&crate::calls::message(call).body).unwrap();
    recordings.record(&late.each_ref().map(read)).await.unwrap();
    stage.app.usage().rebuild_of(one.tenant).await.unwrap();
    assert_eq!(rows(&stage).await, before);
    stage.app.usage().catch_up().await.unwrap();
    assert_eq!(
        stage.count("SELECT count(*) FROM billing.usage").await,
        1_302
    );
    assert_eq!(
        stage
            .count("SELECT sum(calls)::bigint FROM billing.usage_by_day")
            .await,
        1_302
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn several_followers_book_each_call_once() {
    let stage = Stage::new().await;
    let granted = Granted::by(stage.tenant(), UserId::new(stage.clock.now()));
    let recordings = billing::recording::Recordings::new(stage.postgres(), stage.clock.clone());
    let read = |call: &_| billing::recording::read(&crate::calls::message(call).body).unwrap();
    for _ in 0..8 {
        let batch: Vec<_> = (0..300)
            .map(|_| read(&granted.call("2026-11-21T10:00:00Z")))
            .collect();
        recordings.record(&batch).await.unwrap();
    }
    let others: Vec<_> = (0..3).map(|_| stage.another()).collect();
    let all = others.iter().map(|app| app.usage().catch_up());
    for done in futures_util::future::join_all(all).await {
        done.unwrap();
    }
    assert_eq!(
        stage.count("SELECT count(*) FROM billing.usage").await,
        2_400
    );
    assert_eq!(
        stage
            .count("SELECT sum(calls)::bigint FROM billing.usage_by_day")
            .await,
        2_400
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn catching_up_waits_for_what_is_being_recorded() {
    let stage = Stage::new().await;
    let granted = Granted::by(stage.tenant(), UserId::new(stage.clock.now()));
    stage.booked(&[granted.call("2026-11-20T10:00:00Z")]).await;
    let call = granted.call("2026-11-21T10:00:00Z");
    let client = stage.superuser().await;
    client.batch_execute("BEGIN").await.unwrap();
    let insert = "INSERT INTO store.call_events (tenant_id, day, id, type, schema, occurred_at, correlation_id, payload)
                  VALUES ($1, '2026-11-21', $2, 'call.recorded', 1, $3, 'test', $4)";
    let payload = serde_json::to_value(&call).unwrap();
    let (tenant, id) = (call.tenant.uuid(), call.call.uuid());
    client
        .execute(insert, &[&tenant, &id, &call.ended_at, &payload])
        .await
        .unwrap();

    let usage = stage.app.usage().clone();
    let mut catching_up = tokio::spawn(async move { usage.catch_up().await });
    let moment = std::time::Duration::from_millis(300);
    assert!(
        tokio::time::timeout(moment, &mut catching_up)
            .await
            .is_err(),
        "it did not wait"
    );
    client.batch_execute("COMMIT").await.unwrap();
    catching_up.await.unwrap().unwrap();
    assert_eq!(stage.count("SELECT count(*) FROM billing.usage").await, 2);
}
