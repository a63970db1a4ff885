//! Calls that go well, in each dialect, in one piece and as a stream.

use events::{CallOutcome, Capability, GrantedLimits, Measurement};
use money::Nanodollars;
use serde_json::{Value, json};

use crate::stage::{Stage, read, roomy};

/// Where each dialect is asked, and with what.
fn calls() -> Vec<(&'static str, &'static str, Value)> {
    let says = "[[sim {\"input_tokens\":100,\"output_tokens\":20,\"cached_tokens\":40}]] hello";
    let messages = json!([{"role": "user", "content": says}]);
    let contents = json!({"contents": [{"role": "user", "parts": [{"text": says}]}]});
    vec![
        (
            "openai",
            "/v1/openai/chat/completions",
            json!({"model": "gpt-4o", "messages": messages}),
        ),
        (
            "openai",
            "/v1/openai/responses",
            json!({"model": "gpt-4o", "input": says}),
        ),
        (
            "anthropic",
            "/v1/anthropic/v1/messages",
            json!({"model": "claude-sonnet-4-5", "max_tokens": 100, "messages": messages}),
        ),
        (
            "anthropic",
            "/v1/anthropic/messages",
            json!({"model": "claude-sonnet-4-5", "max_tokens": 100, "messages": messages}),
        ),
        (
            "google",
            "/v1/google/v1/models/gemini-2.5-pro:generateContent",
            contents.clone(),
        ),
        (
            "google",
            "/v1/google/v1beta/models/gemini-2.5-pro:generateContent",
            contents,
        ),
    ]
}

#[tokio::test]
async fn each_dialect_is_answered_and_measured() {
    let stage = Stage::new().await;
    let granted = stage
        .grant(&["openai", "anthropic", "google"], roomy())
        .await;
    let mut count = 0;
    for (provider, path, body) in calls() {
        let response = stage.post(&granted, path, &body).send().await.unwrap();
        let remaining = response.headers()["x-okap-spend-remaining"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(
            response.headers().contains_key("x-okap-request-id"),
            "{path}"
        );
        assert!(
            response.headers()["ratelimit-policy"]
                .to_str()
                .unwrap()
                .contains("q=10000;w=60")
        );
        let (status, answer) = read(response).await;
        assert_eq!(status, 200, "{path} {answer}");
        count += 1;
        let record = stage.records(count).await.pop().unwrap();
        assert_eq!(record.provider.as_str(), provider, "{path}");
        assert_eq!(
            (
                record.usage.input,
                record.usage.cached_input,
                record.usage.output
            ),
            (100, 40, 20),
            "{path}"
        );
        assert_eq!(
            (record.outcome, record.measurement),
            (CallOutcome::Completed, Measurement::Measured)
        );
        assert!(
            record.cost > Nanodollars::ZERO && record.cost < record.reserved,
            "{path}"
        );
        assert_eq!(record.key_version, 1);
        let mine: Vec<_> = stage
            .records(count)
            .await
            .into_iter()
            .filter(|r| r.provider == record.provider)
            .collect();
        let spent = mine.iter().map(|r| r.cost.nanos()).sum();
        let left = Nanodollars::from_dollars(50).remaining_after(Nanodollars::from_nanos(spent));
        assert_eq!(remaining, left.to_string(), "{path}");
    }
    let billed = stage.simulator.totals()["billed_calls"].as_u64();
    assert_eq!(billed, u64::try_from(count).ok());
}

#[tokio::test]
async fn each_dialect_streams_and_is_measured_before_the_stream_ends() {
    let stage = Stage::new().await;
    let granted = stage
        .grant(&["openai", "anthropic", "google"], roomy())
        .await;
    let mut streams = Vec::new();
    for (_, path, mut body) in calls() {
        if path.contains("google") {
            let path = path.replace(":generateContent", ":streamGenerateContent");
            streams.push((format!("{path}?alt=sse"), body.clone()));
            streams.push((path, body));
        } else {
            body["stream"] = true.into();
            streams.push((path.to_owned(), body));
        }
    }
    for (count, (path, body)) in streams.iter().enumerate() {
        let response = stage.post(&granted, path, body).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let text = response.text().await.unwrap();
        // By the time the app has it all, the record is there.
        let records = stage.spooled("ended");
        assert_eq!(records.len(), count + 1, "{path}");
        let record = records.last().unwrap();
        assert_eq!(
            (record.usage.input, record.usage.output),
            (100, 20),
            "{path} {text}"
        );
        assert_eq!(
            (record.outcome, record.measurement),
            (CallOutcome::Completed, Measurement::Measured),
            "{path}"
        );
        assert!(record.stream, "{path}");
        assert!(text.contains("simulator"), "{path} {text}");
    }
}

#[tokio::test]
async fn the_usage_of_a_chat_stream_is_shown_only_to_those_who_asked() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["openai"], roomy()).await;
    let body = json!({"model": "gpt-4o", "stream": true, "messages": [{"role": "user", "content": "hello"}]});
    let text = stage
        .post(&granted, "/v1/openai/chat/completions", &body)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        !text.contains("\"choices\":[]") && text.ends_with("data: [DONE]\n\n"),
        "{text}"
    );
    let mut asking = body.clone();
    asking["stream_options"] = json!({"include_usage": true});
    let text = stage
        .post(&granted, "/v1/openai/chat/completions", &asking)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        text.contains("\"choices\":[]") && text.contains("\"prompt_tokens\""),
        "{text}"
    );
    assert_eq!(stage.records(2).await[0].usage.output, 12);
}

#[tokio::test]
async fn a_cap_is_put_in_and_told() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["openai"], roomy()).await;
    let path = "/v1/openai/chat/completions";
    let body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "[[sim {\"output_tokens\":9000}]]"}]});
    let response = stage.post(&granted, path, &body).send().await.unwrap();
    assert_eq!(response.headers()["x-okap-output-cap"], "4096");
    assert_eq!(
        stage.records(1).await[0].usage.output,
        4096,
        "the provider was told the cap"
    );
    let capped = json!({"model": "gpt-4o", "max_tokens": 7, "messages": []});
    let response = stage.post(&granted, path, &capped).send().await.unwrap();
    assert!(!response.headers().contains_key("x-okap-output-cap"));
}

#[tokio::test]
async fn lists_show_what_is_granted_and_cost_nothing() {
    let stage = Stage::new().await;
    let only = |detail: &mut events::AuthorizationDetail| {
        let patterns = ["gpt-4o-mini", "claude-*", "gemini-2.5-pro"];
        detail.models = events::Models::new(patterns.iter().map(|p| p.parse().unwrap()).collect());
    };
    let granted = stage
        .granted(&["openai", "anthropic", "google"], only)
        .await;
    for (path, list, id, prefix) in [
        ("/v1/openai/models", "data", "id", "gpt-4o-mini"),
        ("/v1/anthropic/v1/models", "data", "id", "claude-"),
        (
            "/v1/google/v1beta/models",
            "models",
            "name",
            "models/gemini-2.5-pro",
        ),
    ] {
        let (status, answer) = read(stage.get(&granted, path).send().await.unwrap()).await;
        assert_eq!(status, 200, "{path}");
        let models = answer[list].as_array().unwrap();
        assert!(
            models
                .iter()
                .all(|model| model[id].as_str().unwrap().starts_with(prefix)),
            "{answer}"
        );
    }
    let refused = stage
        .get(&granted, "/v1/openai/models/gpt-4o")
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 403);
    let count =
        json!({"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "hello"}]});
    let counted = stage
        .post(&granted, "/v1/anthropic/v1/messages/count_tokens", &count)
        .send()
        .await
        .unwrap();
    assert!(read(counted).await.1["input_tokens"].as_u64().unwrap() > 0);
    let records = stage.records(4).await;
    assert!(
        records
            .iter()
            .all(|record| record.cost == Nanodollars::ZERO)
    );
    assert!(
        records
            .iter()
            .all(|record| record.measurement == Measurement::Measured)
    );
}

#[tokio::test]
async fn embeddings_pass_whatever_their_length() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["openai", "google"], roomy()).await;
    let many: Vec<String> = (0..200).map(|n| format!("text number {n}")).collect();
    let body = json!({"model": "text-embedding-3-small", "input": many});
    let (status, answer) = read(
        stage
            .post(&granted, "/v1/openai/embeddings", &body)
            .send()
            .await
            .unwrap(),
    )
    .await;
    assert_eq!(
        (status, answer["data"].as_array().unwrap().len()),
        (200, 200)
    );
    let record = stage.records(1).await.pop().unwrap();
    assert_eq!(
        (record.measurement, record.usage.output),
        (Measurement::Measured, 0)
    );
    assert_eq!(
        record.usage.input,
        answer["usage"]["prompt_tokens"].as_u64().unwrap()
    );
}

#[tokio::test]
async fn an_app_sees_its_grant_as_it_is_enforced() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["openai"], roomy()).await;
    let body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]});
    stage
        .post(&granted, "/v1/openai/chat/completions", &body)
        .send()
        .await
        .unwrap();
    let cost = stage.records(1).await[0].cost;
    let month = stage.limit(&granted, "monthly_spend").await;
    assert_eq!(
        (month["limit"].as_str(), month["spent"].as_str()),
        (Some("100"), Some(cost.to_string().as_str()))
    );
    assert_eq!(month["reserved"], "0");
    assert_eq!(
        stage.limit(&granted, "requests_per_day").await["spent"],
        "1"
    );
    let grant: Value = stage
        .get(&granted, "/v1/grant")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        (&grant["id"], &grant["state"]),
        (&json!(granted.grant), &json!("live"))
    );
    assert_eq!(
        grant["authorization_details"][0]["limits"]["monthly_spend"],
        100
    );
}

#[tokio::test]
async fn a_document_is_held_at_the_longest_window_where_a_header_asks_for_it() {
    let stage = Stage::new().await;
    let longest = GrantedLimits {
        tokens_per_request: 2_000_000,
        ..roomy()
    };
    let granted = stage
        .granted(&["anthropic"], |detail| {
            detail.limits = longest;
            detail.capabilities.insert(Capability::Vision);
        })
        .await;
    let says = "[[sim {\"input_tokens\":100,\"output_tokens\":20}]] hello";
    let document =
        json!({"type": "document", "source": {"type": "url", "url": "https://app.test/a.pdf"}});
    let body = json!({
        "model": "claude-sonnet-4-5", "max_tokens": 100,
        "messages": [{"role": "user", "content": [document, {"type": "text", "text": says}]}]
    });
    let path = "/v1/anthropic/v1/messages";
    for beta in ["effort-2025-11-24", "context-1m-2025-08-07"] {
        let call = stage
            .post(&granted, path, &body)
            .header("anthropic-beta", beta);
        let (status, answer) = read(call.send().await.unwrap()).await;
        assert_eq!(status, 200, "{answer}");
    }
    let records = stage.records(2).await;
    assert!(
        records[1].reserved.nanos() > 5 * records[0].reserved.nanos(),
        "{records:#?}"
    );
}
