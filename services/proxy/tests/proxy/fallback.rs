//! One endpoint for all providers, when one of them fails: who is asked instead, and what that costs.

use events::CallOutcome;
use money::Nanodollars;
use serde_json::json;

use crate::{
    one_endpoint::{CLAUDE, GPT, ask, either, nothing_is_held, script, served_by},
    stage::{Stage, read, roomy},
};

#[tokio::test]
async fn the_next_one_answers_for_one_that_fails() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["openai", "anthropic"], roomy()).await;
    let mut records = 0;
    for status in [500, 503, 429, 401] {
        script(&stage, "openai", &json!({"status": status})).await;
        let response = ask(&stage, &granted, &either(&[GPT, CLAUDE])).await;
        assert_eq!(response.status(), 200, "{status}");
        assert_eq!(served_by(&response).0, "anthropic");
        response.text().await.unwrap();
        records += 2;
        let all = stage.records(records).await;
        let [failed, served] = &all[records - 2..] else {
            panic!("{all:#?}")
        };
        assert_ne!(failed.call, served.call);
        assert_eq!(
            (failed.provider.as_str(), failed.outcome, failed.cost),
            ("openai", CallOutcome::ProviderError, Nanodollars::ZERO)
        );
        assert_eq!(failed.provider_status, Some(status));
        assert_eq!(
            (served.provider.as_str(), served.outcome),
            ("anthropic", CallOutcome::Completed)
        );
        assert!(failed.ended_at <= served.began_at);
    }
    nothing_is_held(&stage, &granted).await;
}

#[tokio::test]
async fn a_provider_that_is_away_or_late_is_passed_over() {
    let stage = Stage::with(&["--first-byte-within", "1s"]).await;
    let granted = stage.grant(&["groq", "openai", "anthropic"], roomy()).await;
    script(&stage, "openai", &json!({"hang": true})).await;
    let models = ["groq/llama-3.3-70b-versatile", GPT, CLAUDE];
    let response = ask(&stage, &granted, &either(&models)).await;
    assert_eq!(response.status(), 200);
    assert_eq!(served_by(&response).0, "anthropic");
    response.text().await.unwrap();
    let records = stage.records(3).await;
    let ends = records
        .iter()
        .map(|record| (record.provider.as_str(), record.outcome));
    assert_eq!(
        ends.collect::<Vec<_>>(),
        [
            ("groq", CallOutcome::ProviderUnreachable),
            ("openai", CallOutcome::ProviderUnreachable),
            ("anthropic", CallOutcome::Completed),
        ]
    );
    // Nobody knows what the silent one did with its call; the other never had it.
    assert_eq!(records[0].cost, Nanodollars::ZERO);
    assert_eq!(records[1].cost, records[1].reserved);
    nothing_is_held(&stage, &granted).await;
}

#[tokio::test]
async fn the_last_failure_is_told_and_says_whose_it_is() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["openai", "anthropic"], roomy()).await;
    for provider in ["openai", "anthropic"] {
        script(&stage, provider, &json!({"status": 503})).await;
    }
    let response = ask(&stage, &granted, &either(&[GPT, CLAUDE])).await;
    assert_eq!(response.status(), 503);
    assert_eq!(
        served_by(&response),
        ("anthropic".to_owned(), "claude-sonnet-4-5".to_owned())
    );
    let (_, answer) = read(response).await;
    assert!(answer["error"]["message"].is_string(), "{answer}");
    assert_eq!(stage.records(2).await.len(), 2);
}

#[tokio::test]
async fn a_mistake_of_the_app_and_a_limit_are_not_tried_elsewhere() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["openai", "anthropic"], roomy()).await;
    script(&stage, "openai", &json!({"status": 400})).await;
    let response = ask(&stage, &granted, &either(&[GPT, CLAUDE])).await;
    assert_eq!(
        (response.status().as_u16(), served_by(&response).0),
        (400, "openai".to_owned())
    );
    assert_eq!(stage.records(1).await.len(), 1);
    let poor = stage
        .granted(&["openai", "anthropic"], |detail| {
            detail.limits.monthly_spend = Nanodollars::from_nanos(1);
        })
        .await;
    let (status, answer) = read(ask(&stage, &poor, &either(&[GPT, CLAUDE])).await).await;
    assert_eq!(
        (status, &answer["error"]["type"]),
        (402, &json!("spend_limit_exceeded"))
    );
    assert_eq!(stage.simulator.log().len(), 1);
}

#[tokio::test]
async fn nothing_is_tried_again_once_the_app_has_a_byte() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["openai", "anthropic"], roomy()).await;
    for broken in [
        json!({"cut_after_chunks": 2}),
        json!({"error_after_chunks": 2}),
    ] {
        script(&stage, "openai", &broken).await;
        let mut body = either(&[GPT, CLAUDE]);
        body["stream"] = true.into();
        let response = ask(&stage, &granted, &body).await;
        assert_eq!(response.status(), 200);
        assert_eq!(served_by(&response).0, "openai");
        let text = response.text().await.unwrap();
        assert!(text.contains("\"error\""), "{text}");
    }
    let records = stage.records(2).await;
    assert!(
        records
            .iter()
            .all(|record| record.provider.as_str() == "openai")
    );
    assert!(
        stage
            .simulator
            .log()
            .iter()
            .all(|call| call["provider"] == "openai")
    );
}
