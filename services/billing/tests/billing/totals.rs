//! Page, API, export and record agree to the nano-dollar.

use events::CallRecord;
use ids::UserId;
use jiff::{SignedDuration, Timestamp};
use money::{LARGEST_LIMIT, Nanodollars};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::Value;
use sessions::Role;

use crate::{
    calls::{Granted, at},
    stage::{Person, Stage},
};

/// Nano-USD of a decimal text, without the code under test.
fn nanos(text: &str) -> i128 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    assert!(fraction.len() <= 9 && !whole.is_empty(), "{text}");
    format!("{whole}{fraction:0<9}").parse().unwrap()
}

fn member_sum<'a>(items: impl Iterator<Item = &'a Value>, member: &str) -> i128 {
    items
        .map(|item| nanos(item[member].as_str().unwrap()))
        .sum()
}

/// Every total of a month that a person is shown anywhere.
async fn totals(
    stage: &Stage,
    person: &Person,
    month: &str,
    last: &str,
) -> Vec<(&'static str, i128)> {
    let get = async |path: String| stage.get(person, &path).await.ok();
    let span = format!("from={month}-01&to={month}-{last}");
    let mut totals = Vec::new();
    for groups in [
        "day",
        "app,model",
        "user,grant,provider",
        "app,user,model,grant,day,provider",
    ] {
        let report = get(format!("/api/v1/usage?{span}&group_by={groups}"))
            .await
            .json();
        totals.push((
            "api total",
            nanos(report["total"]["cost"].as_str().unwrap()),
        ));
        totals.push((
            "api items",
            member_sum(report["items"].as_array().unwrap().iter(), "cost"),
        ));
    }
    let page = get(format!("/usage?month={month}")).await.body;
    if let Some((_, rest)) = page.split_once("<data value=\"") {
        totals.push(("page", nanos(rest.split_once('"').unwrap().0)));
    }
    let csv = get(format!("/api/v1/exports/usage?period={month}"))
        .await
        .body;
    totals.push(("csv", csv_sum(&csv)));
    let jsonl = get(format!("/api/v1/exports/usage?period={month}&format=jsonl"))
        .await
        .body;
    let rows: Vec<Value> = jsonl
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    totals.push(("jsonl", member_sum(rows.iter(), "cost_usd")));
    let manifest = get(format!("/api/v1/exports/usage/manifest?period={month}"))
        .await
        .json();
    totals.push(("manifest", nanos(manifest["sum"].as_str().unwrap())));
    assert_eq!(manifest["rows"], rows.len());
    let record =
        "SELECT COALESCE(sum((payload->>'cost')::numeric * 1000000000), 0)::numeric(40,0)::text
                    FROM store.call_events
                   WHERE tenant_id = $1 AND left(payload->>'began_at', 7) = $2";
    let row = stage
        .superuser()
        .await
        .query_one(record, &[&person.tenant.uuid(), &month])
        .await
        .unwrap();
    totals.push(("record", row.get::<_, &str>(0).parse().unwrap()));
    totals
}

fn csv_sum(text: &str) -> i128 {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let column = reader
        .headers()
        .unwrap()
        .iter()
        .position(|name| name == "cost_usd")
        .unwrap();
    reader
        .records()
        .map(|row| nanos(&row.unwrap()[column]))
        .sum()
}

async fn agree(stage: &Stage, person: &Person, month: &str, last: &str, expected: i128) {
    for (source, total) in totals(stage, person, month, last).await {
        assert_eq!(total, expected, "{source} of {month}");
    }
}

/// What a random call is made of: minutes into two months, cost, app, model, provider.
type Seed = (i64, i64, u8, u8, u8);

fn cost() -> impl Strategy<Value = i64> {
    let most = LARGEST_LIMIT.nanos();
    prop_oneof![
        Just(0),
        Just(1),
        Just(most),
        (most - 1_000)..=most,
        999_999_990..1_000_000_010_i64,
        0..1_000_000_i64,
        0..=most,
    ]
}

fn seeds() -> impl Strategy<Value = Vec<Seed>> {
    // September has 30 days, October 31: minutes around and across the boundary.
    let minutes = prop_oneof![0..87_840_i64, Just(43_199), Just(43_200), Just(87_839)];
    prop::collection::vec((minutes, cost(), 0..3_u8, 0..4_u8, 0..2_u8), 0..60)
}

fn call(granted: &Granted, seed: Seed) -> CallRecord {
    let start: Timestamp = at("2026-09-01T00:00:00Z");
    let mut call = granted.call_at(start + SignedDuration::from_mins(seed.0));
    call.cost = Nanodollars::from_nanos(seed.1);
    call.app_name = ["Recipe", "=1+1", "Diary, \"daily\"\n"][usize::from(seed.2)].to_owned();
    call.model = ["gpt-4o", "claude", "-model", "mödel"][usize::from(seed.3)].to_owned();
    call.provider = ["openai", "anthropic"][usize::from(seed.4)]
        .parse()
        .unwrap();
    call
}

#[test]
fn totals_agree_whatever_the_calls() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let stage = runtime.block_on(Stage::new());
    let mut runner = TestRunner::new(Config {
        cases: 12,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&seeds(), |seeds| {
        runtime.block_on(async {
            let tenant = stage.tenant();
            let owner = stage.person(tenant, Role::Owner).await;
            let granted = [
                Granted::by(tenant, owner.user),
                Granted::by(tenant, UserId::new(stage.clock.now())),
            ];
            let pick = |(n, seed): (usize, &Seed)| call(&granted[n % 2], *seed);
            let calls: Vec<_> = seeds.iter().enumerate().map(pick).collect();
            stage.booked(&calls).await;
            for (month, last) in [("2026-09", "30"), ("2026-10", "31")] {
                let of_month = calls
                    .iter()
                    .filter(|call| call.began_at.to_string().starts_with(month));
                let expected = of_month.map(|call| i128::from(call.cost.nanos())).sum();
                agree(&stage, &owner, month, last, expected).await;
            }
        });
        Ok(())
    });
    runtime.block_on(async { drop(stage) });
    outcome.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sums_beyond_one_amount_are_exact() {
    let stage = Stage::new().await;
    let owner = stage.person(stage.tenant(), Role::Owner).await;
    let granted = Granted::by(owner.tenant, owner.user);
    let start = at("2026-11-01T00:00:00Z");
    let most = |n: i64| {
        let mut call = granted.call_at(start + SignedDuration::from_mins(n * 10));
        call.cost = LARGEST_LIMIT;
        call
    };
    let calls: Vec<_> = (0..2_500).map(most).collect();
    stage.booked(&calls).await;
    let expected = 2_500 * i128::from(LARGEST_LIMIT.nanos());
    assert!(expected > i128::from(i64::MAX));
    agree(&stage, &owner, "2026-11", "30", expected).await;
    let page = stage.get(&owner, "/usage").await.ok().body;
    assert!(page.contains("$10,000,000,000.00"), "{page}");
}
