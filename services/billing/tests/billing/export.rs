//! The exported files.

use aws_lc_rs::digest::{SHA256, digest};
use events::{CallOutcome, CallRecord, Measurement, TokenUsage};
use ids::{AppId, CallId, GrantId, ProviderKeyId, TenantId, UserId};
use jiff::{SignedDuration, Timestamp};
use money::Nanodollars;
use sessions::Role;
use uuid::Uuid;

use crate::{
    calls::{Granted, at},
    stage::{Person, Stage},
};

/// A UUID version 7 of an instant, the same in each run.
fn fixed(at: Timestamp, byte: u8) -> Uuid {
    let millis = u64::try_from(at.as_millisecond()).unwrap();
    uuid::Builder::from_unix_timestamp_millis(millis, &[byte; 10]).into_uuid()
}

/// Calls of every sort, the same in each run but for their organization.
fn golden_calls(tenant: TenantId) -> Vec<CallRecord> {
    let start = at("2026-11-02T10:00:00Z");
    let base = |n: u8| {
        let began_at = start + SignedDuration::from_millis(i64::from(n) * 1_001);
        let granted = Granted {
            tenant,
            user: UserId::from_uuid(fixed(start, 1)),
            grant: GrantId::from_uuid(fixed(start, 2)),
        };
        let mut call = granted.call_at(began_at);
        call.call = CallId::from_uuid(fixed(began_at, n));
        call.key = ProviderKeyId::from_uuid(fixed(start, 3));
        call
    };
    let mut formula = base(1);
    formula.app_name = "=HYPERLINK(\"https://evil.example\",\"open\")".to_owned();
    formula.model = "@SUM(1+1)*cmd|' /C calc'!A0".to_owned();
    let mut quoted = base(2);
    quoted.app_name = "Diary, \"daily\"\nsecond line".to_owned();
    quoted.app = Some(AppId::from_uuid(fixed(start, 4)));
    quoted.model = "modèle-東京".to_owned();
    let mut dear = base(3);
    dear.cost = money::LARGEST_LIMIT;
    dear.reserved = money::LARGEST_LIMIT;
    dear.stream = true;
    dear.grant = GrantId::from_uuid(fixed(start, 6));
    dear.ancestors = [5, 2].map(|n| GrantId::from_uuid(fixed(start, n))).into();
    dear.usage = TokenUsage {
        input: 1_000_000,
        cached_input: 10,
        cache_write: 20,
        cache_write_1h: 5,
        output: 30,
        reasoning: 7,
    };
    let mut unanswered = base(4);
    unanswered.outcome = CallOutcome::ProviderUnreachable;
    unanswered.measurement = Measurement::Estimated;
    unanswered.provider_status = None;
    unanswered.cost = Nanodollars::from_nanos(1);
    unanswered.price_version = "2026-11-21".to_owned();
    let mut free = base(5);
    free.cost = Nanodollars::ZERO;
    free.outcome = CallOutcome::ProviderError;
    free.provider_status = Some(429);
    let mut again = base(6);
    again.cached = true;
    again.cost = Nanodollars::ZERO;
    again.reserved = Nanodollars::ZERO;
    again.usage = TokenUsage::default();
    again.provider_status = None;
    vec![again, unanswered, free, base(0), formula, quoted, dear]
}

async fn golden(stage: &Stage) -> Person {
    let tenant = stage.tenant();
    let finance = stage.person(tenant, Role::Finance).await;
    stage.booked(&golden_calls(tenant)).await;
    finance
}

#[tokio::test]
async fn the_csv_file_is_as_documented() {
    let stage = Stage::new().await;
    let finance = golden(&stage).await;
    let file = stage
        .get(&finance, "/api/v1/exports/usage?period=2026-11")
        .await
        .ok();
    assert_eq!(
        file.header("content-type"),
        "text/csv; charset=utf-8; header=present"
    );
    let name = "attachment; filename=\"latchkey-usage-2026-11.csv\"";
    assert_eq!(file.header("content-disposition"), name);
    assert!(file.body.ends_with("\r\n"));
    insta::assert_snapshot!("usage_csv", file.body.replace("\r\n", "\n"));
}

#[tokio::test]
async fn the_json_lines_file_is_as_documented() {
    let stage = Stage::new().await;
    let finance = golden(&stage).await;
    let file = stage
        .get(
            &finance,
            "/api/v1/exports/usage?period=2026-11&format=jsonl",
        )
        .await
        .ok();
    assert_eq!(
        file.header("content-type"),
        "application/x-ndjson; charset=utf-8"
    );
    for line in file.body.lines() {
        let row: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
        assert!(row.keys().eq(billing::export::COLUMNS.iter()), "{line}");
    }
    insta::assert_snapshot!("usage_jsonl", file.body);
}

#[tokio::test]
async fn the_manifest_checks_the_file() {
    let stage = Stage::new().await;
    let finance = golden(&stage).await;
    for format in ["csv", "jsonl"] {
        let query = format!("?period=2026-11&format={format}");
        let file = stage
            .get(&finance, &format!("/api/v1/exports/usage{query}"))
            .await
            .ok()
            .body;
        let manifest = stage
            .get(&finance, &format!("/api/v1/exports/usage/manifest{query}"))
            .await
            .ok()
            .json();
        let hex: String = digest(&SHA256, file.as_bytes())
            .as_ref()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        assert_eq!(manifest["sha256"], hex);
        let shown = serde_json::json!({
            "period": "2026-11", "format": format, "columns": billing::export::COLUMNS, "rows": 7,
            "sum": "4000000.030000004", "sha256": hex, "price_versions": ["2026-11-20", "2026-11-21"],
            "generated_at": "2026-11-22T12:00:00Z", "closed": false,
        });
        assert_eq!(manifest, shown);
    }
}

#[tokio::test]
async fn a_month_without_calls_is_a_file_without_rows() {
    let stage = Stage::new().await;
    let finance = golden(&stage).await;
    let csv = stage
        .get(&finance, "/api/v1/exports/usage?period=2026-10")
        .await
        .ok();
    assert_eq!(
        csv.body,
        format!("{}\r\n", billing::export::COLUMNS.join(","))
    );
    let jsonl = stage
        .get(
            &finance,
            "/api/v1/exports/usage?period=2026-10&format=jsonl",
        )
        .await
        .ok();
    assert_eq!(jsonl.body, "");
    let manifest = stage
        .get(&finance, "/api/v1/exports/usage/manifest?period=2026-10")
        .await
        .ok()
        .json();
    assert_eq!(
        (&manifest["rows"], &manifest["sum"]),
        (&0.into(), &"0.000000000".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_thousand_rows_are_streamed_in_small_pieces() {
    let stage = Stage::new().await;
    let owner = stage.person(stage.tenant(), Role::Owner).await;
    let granted = Granted::by(owner.tenant, owner.user);
    let start = at("2026-11-01T00:00:00Z");
    let calls: Vec<_> = (0..20_000)
        .map(|n| granted.call_at(start + SignedDuration::from_secs(n * 60)))
        .collect();
    stage.booked(&calls).await;
    for format in ["csv", "jsonl"] {
        let pieces = stage
            .pieces(
                &owner,
                &format!("/api/v1/exports/usage?period=2026-11&format={format}"),
            )
            .await;
        assert!(pieces.len() >= 40, "{} pieces", pieces.len());
        assert!(
            pieces.iter().all(|length| *length < 500_000),
            "{:?}",
            pieces.iter().max()
        );
        assert!(pieces.iter().sum::<usize>() > 20_000 * 300);
    }
    let manifest = stage
        .get(&owner, "/api/v1/exports/usage/manifest?period=2026-11")
        .await
        .ok()
        .json();
    assert_eq!(
        (&manifest["rows"], &manifest["sum"]),
        (&20_000.into(), &"200.000020000".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_shows_what_was_there_when_it_began() {
    use billing::{export::Exports, usage::Month};
    let stage = Stage::new().await;
    let granted = Granted::by(stage.tenant(), UserId::new(stage.clock.now()));
    let calls: Vec<_> = (0..1_200)
        .map(|_| granted.call("2026-11-02T10:00:00Z"))
        .collect();
    stage.booked(&calls).await;
    let exports = Exports::new(stage.postgres());
    let month: Month = "2026-11".parse().unwrap();
    let mut export = exports.begin(granted.tenant, month).await.unwrap();
    let mut seen = export.next().await.unwrap().len();
    stage
        .booked(&[
            granted.call("2026-11-02T09:00:00Z"),
            granted.call("2026-11-03T10:00:00Z"),
        ])
        .await;
    loop {
        match export.next().await.unwrap().len() {
            0 => break,
            more => seen += more,
        }
    }
    assert_eq!(seen, 1_200);
}

#[tokio::test(flavor = "multi_thread")]
async fn exports_beyond_the_number_that_may_run_are_told_to_come_again() {
    use billing::{
        export::{ExportError, Exports},
        usage::Month,
    };
    let stage = Stage::new().await;
    let exports = Exports::new(stage.postgres());
    let month: Month = "2026-11".parse().unwrap();
    let tenant = stage.tenant();
    let mut running = Vec::new();
    for _ in 0..4 {
        running.push(exports.begin(tenant, month).await.unwrap());
    }
    assert!(matches!(
        exports.begin(tenant, month).await,
        Err(ExportError::Busy)
    ));
    running.pop();
    exports.begin(tenant, month).await.unwrap();
}
