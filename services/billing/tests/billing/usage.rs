//! What the usage API answers.

use events::{CallRecord, Measurement, TokenUsage};
use money::Nanodollars;
use serde_json::{Value, json};
use sessions::Role;

use crate::{
    calls::Granted,
    stage::{Person, Stage},
};

async fn owner(stage: &Stage) -> (Person, Granted) {
    let tenant = stage.tenant();
    let owner = stage.person(tenant, Role::Owner).await;
    let granted = Granted::by(tenant, owner.user);
    (owner, granted)
}

fn call(granted: &Granted, began_at: &str, app: &str, model: &str, nanos: i64) -> CallRecord {
    let mut call = granted.call(began_at);
    app.clone_into(&mut call.app_name);
    model.clone_into(&mut call.model);
    call.cost = Nanodollars::from_nanos(nanos);
    call
}

#[tokio::test]
async fn usage_is_added_up_by_what_is_asked_for() {
    let stage = Stage::new().await;
    let (owner, one) = owner(&stage).await;
    let two = Granted {
        grant: ids::GrantId::new(stage.clock.now()),
        ..one
    };
    let mut estimated = call(&two, "2026-11-03T00:00:00Z", "Diary", "claude", 5);
    estimated.measurement = Measurement::Estimated;
    estimated.usage = TokenUsage {
        input: 7,
        output: 11,
        ..TokenUsage::default()
    };
    estimated.provider = "anthropic".parse().unwrap();
    stage
        .booked(&[
            call(
                &one,
                "2026-11-02T10:00:00Z",
                "Recipe",
                "gpt-4o",
                1_000_000_001,
            ),
            call(&one, "2026-11-03T10:00:00Z", "Recipe", "gpt-4o", 2),
            call(&one, "2026-11-03T10:00:00Z", "Recipe", "gpt-4o-mini", 3),
            estimated,
        ])
        .await;
    let usage = async |query: &str| {
        stage
            .get(&owner, &format!("/api/v1/usage{query}"))
            .await
            .ok()
            .json()
    };

    let report = usage("").await;
    assert_eq!(
        (&report["from"], &report["to"]),
        (&json!("2026-11-01"), &json!("2026-11-22"))
    );
    assert_eq!(report["next_cursor"], Value::Null);
    let total = json!({"calls": 4, "estimated_calls": 1, "input_tokens": 307, "output_tokens": 71,
                       "cost": "1.000000011"});
    assert_eq!(report["total"], total);
    assert_eq!(
        report["items"],
        json!([
            {"day": "2026-11-02", "calls": 1, "estimated_calls": 0, "input_tokens": 100,
             "output_tokens": 20, "cost": "1.000000001"},
            {"day": "2026-11-03", "calls": 3, "estimated_calls": 1, "input_tokens": 207,
             "output_tokens": 51, "cost": "0.00000001"},
        ])
    );

    let report = usage("?group_by=app,model,provider").await;
    let line = |item: &Value| {
        (
            item["app"].clone(),
            item["model"].clone(),
            item["cost"].clone(),
        )
    };
    let lines: Vec<_> = report["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(line)
        .collect();
    let expected = [
        ("Recipe", "gpt-4o", "1.000000003"),
        ("Diary", "claude", "0.000000005"),
        ("Recipe", "gpt-4o-mini", "0.000000003"),
    ];
    assert_eq!(
        lines,
        expected.map(|(app, model, cost)| (json!(app), json!(model), json!(cost)))
    );
    assert_eq!(report["items"][1]["provider"], "anthropic");
    assert_eq!(report["total"], total);
}

#[tokio::test]
async fn usage_is_of_the_days_that_are_asked_for() {
    let stage = Stage::new().await;
    let (owner, one) = owner(&stage).await;
    let two = Granted {
        grant: ids::GrantId::new(stage.clock.now()),
        ..one
    };
    stage
        .booked(&[
            call(
                &one,
                "2026-11-02T10:00:00Z",
                "Recipe",
                "gpt-4o",
                1_000_000_001,
            ),
            call(&one, "2026-11-03T10:00:00Z", "Recipe", "gpt-4o", 6),
            call(&two, "2026-11-03T10:00:00Z", "Recipe", "gpt-4o", 4),
        ])
        .await;
    let usage = async |query: &str| {
        stage
            .get(&owner, &format!("/api/v1/usage{query}"))
            .await
            .ok()
            .json()
    };
    let report = usage("?group_by=grant,user&from=2026-11-03&to=2026-11-03").await;
    assert_eq!(report["items"][0]["grant"], json!(one.grant));
    assert_eq!(report["items"][0]["user"], json!(owner.user));
    assert_eq!(report["items"][1]["grant"], json!(two.grant));
    assert_eq!(report["total"]["cost"], "0.00000001");

    let empty = usage("?from=2025-01-01&to=2025-01-31").await;
    assert_eq!(empty["items"], json!([]));
    assert_eq!(empty["total"]["cost"], "0");
}

#[tokio::test]
async fn a_call_belongs_to_the_utc_month_in_which_it_was_reserved() {
    let stage = Stage::new().await;
    let (owner, granted) = owner(&stage).await;
    let october = granted.call("2026-10-31T23:59:59.999999999Z");
    let mut november = granted.call("2026-11-01T00:00:00Z");
    november.cost = Nanodollars::from_nanos(2);
    stage.booked(&[october.clone(), november.clone()]).await;
    for (month, last, expected) in [("2026-10", "31", &october), ("2026-11", "30", &november)] {
        let span = format!("from={month}-01&to={month}-{last}");
        let report = stage
            .get(&owner, &format!("/api/v1/usage?{span}"))
            .await
            .ok()
            .json();
        assert_eq!(report["total"]["calls"], 1, "{month}");
        assert_eq!(report["total"]["cost"], json!(expected.cost), "{month}");
        let calls = stage
            .get(&owner, &format!("/api/v1/usage/calls?{span}"))
            .await
            .ok()
            .json();
        assert_eq!(calls["items"][0]["id"], json!(expected.call), "{month}");
        assert_eq!(calls["items"].as_array().unwrap().len(), 1, "{month}");
        let export = stage
            .get(
                &owner,
                &format!("/api/v1/exports/usage?period={month}&format=jsonl"),
            )
            .await
            .ok();
        assert_eq!(export.body.lines().count(), 1, "{month}");
        assert!(export.body.contains(&expected.call.to_string()), "{month}");
        let page = stage
            .get(&owner, &format!("/usage?month={month}"))
            .await
            .ok();
        assert!(
            page.body
                .contains(&format!("exactly {} USD", expected.cost)),
            "{month}"
        );
    }
}

#[tokio::test]
async fn calls_are_listed_newest_first_and_piece_by_piece() {
    let stage = Stage::new().await;
    let (owner, granted) = owner(&stage).await;
    let other = Granted {
        grant: ids::GrantId::new(stage.clock.now()),
        ..granted
    };
    // Several at the same instant, so that pieces are cut between them.
    let mut calls: Vec<CallRecord> = (0..23)
        .map(|n| granted.call(&format!("2026-11-10T10:00:{:02}Z", n / 5)))
        .collect();
    calls.push(other.call("2026-11-11T10:00:00Z"));
    stage.booked(&calls).await;

    let mut path = "/api/v1/usage/calls?limit=10".to_owned();
    let mut seen = Vec::new();
    let mut pieces = 0;
    loop {
        let piece = stage.get(&owner, &path).await.ok().json();
        pieces += 1;
        for item in piece["items"].as_array().unwrap() {
            seen.push((
                item["began_at"].as_str().unwrap().to_owned(),
                item["id"].as_str().unwrap().to_owned(),
            ));
        }
        let Some(cursor) = piece["next_cursor"].as_str() else {
            break;
        };
        path = format!("/api/v1/usage/calls?limit=10&cursor={cursor}");
    }
    assert_eq!((pieces, seen.len()), (3, 24));
    let mut sorted = seen.clone();
    sorted.sort();
    sorted.reverse();
    sorted.dedup();
    assert_eq!(seen, sorted);

    let one = format!("/api/v1/usage/calls?grant={}", other.grant);
    let of_other = stage.get(&owner, &one).await.ok().json();
    let expected = json!({
        "id": calls[23].call, "began_at": "2026-11-11T10:00:00Z", "ended_at": "2026-11-11T10:00:01.5Z",
        "grant": other.grant, "user": owner.user, "app": null, "app_name": "Recipe",
        "provider": "openai", "key": calls[23].key, "model": "gpt-4o", "capability": "chat",
        "route": "/chat/completions", "stream": false, "cached": false, "outcome": "completed",
        "measurement": "measured", "provider_status": 200,
        "tokens": {"input": 100, "cached_input": 0, "cache_write": 0, "output": 20, "reasoning": 0},
        "cost": "0.010000001", "exceeded_reservation": false, "price_version": "2026-11-20",
        "request_id": calls[23].request_id,
    });
    assert_eq!(of_other["items"], json!([expected]));
}

#[tokio::test]
async fn more_lines_than_one_answer_holds_are_refused_and_not_cut_off() {
    let stage = Stage::new().await;
    let (owner, granted) = owner(&stage).await;
    stage
        .superuser()
        .await
        .execute(
            "INSERT INTO billing.usage_by_day
             SELECT $1, '2026-11-01', gen_random_uuid(), 'openai', 'gpt-4o', $2, 'Recipe', 1, 0, 1, 1, 1
               FROM generate_series(1, 10001)",
            &[&granted.tenant.uuid(), &granted.user.uuid()],
        )
        .await
        .unwrap();
    let refused = stage.get(&owner, "/api/v1/usage?group_by=grant").await;
    assert_eq!(refused.status, 422);
    assert_eq!(
        refused.json()["type"],
        "https://latchkey.dev/problems/too-many-lines"
    );
    let whole = stage
        .get(&owner, "/api/v1/usage?group_by=app")
        .await
        .ok()
        .json();
    assert_eq!(whole["items"][0]["calls"], 10_001);
}
