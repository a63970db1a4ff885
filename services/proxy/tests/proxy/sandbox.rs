//! The sandbox: the same gate, the same errors, and nothing behind it.

use events::{CallOutcome, GrantedLimits, Measurement};
use money::Nanodollars;
use serde_json::{Value, json};

use crate::stage::{Granted, Stage, read, roomy};

const CHAT: &str = "/v1/sandbox/chat/completions";

fn hello(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "Hello, sandbox"}]})
}

async fn chat(stage: &Stage, granted: &Granted, model: &str) -> (u16, Value) {
    read(
        stage
            .post(granted, CHAT, &hello(model))
            .send()
            .await
            .unwrap(),
    )
    .await
}

#[tokio::test]
async fn a_call_is_answered_and_recorded_and_costs_nothing() {
    let stage = Stage::new().await;
    // Less money than any real call is held at.
    let limits = GrantedLimits {
        monthly_spend: Nanodollars::from_nanos(1),
        daily_spend: Nanodollars::from_nanos(1),
        ..roomy()
    };
    let granted = stage.grant(&["sandbox"], limits).await;
    let (status, first) = chat(&stage, &granted, "sandbox-echo").await;
    assert_eq!(status, 200, "{first}");
    assert_eq!(first["choices"][0]["message"]["content"], "Hello, sandbox");
    let (_, again) = chat(&stage, &granted, "sandbox-echo").await;
    assert_eq!(first, again, "the same call has the same answer");
    let records = stage.records(2).await;
    for record in records {
        assert_eq!(
            (record.cost, record.reserved),
            (Nanodollars::ZERO, Nanodollars::ZERO)
        );
        assert_eq!(
            (record.outcome, record.measurement),
            (CallOutcome::Completed, Measurement::Measured)
        );
        assert_eq!((record.usage.input, record.usage.output), (2, 2));
    }
    assert_eq!(
        stage.limit(&granted, "requests_per_day").await["spent"],
        "2"
    );
    assert_eq!(stage.simulator.log().len(), 0);
}

#[tokio::test]
async fn every_route_of_the_dialect_answers() {
    let stage = Stage::new().await;
    let granted = stage
        .granted(&["sandbox"], |detail| {
            detail.capabilities.insert(events::Capability::Completions);
        })
        .await;
    let ask = async |path: &str, body: &Value| {
        let answer = stage.post(&granted, path, body).send().await.unwrap();
        let (status, answer) = read(answer).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    };
    let responses = json!({"model": "sandbox-echo", "input": "Good morning"});
    let answer = ask("/v1/sandbox/responses", &responses).await;
    assert_eq!(answer["output"][0]["content"][0]["text"], "Good morning");
    let plain = json!({"model": "sandbox-echo", "prompt": "Once", "max_tokens": 5});
    assert_eq!(
        ask("/v1/sandbox/completions", &plain).await["choices"][0]["text"],
        "Once"
    );
    let vectors =
        json!({"model": "sandbox-embedding", "input": ["one", "two", "one"], "dimensions": 3});
    let answer = ask("/v1/sandbox/embeddings", &vectors).await;
    let of = |index: usize| answer["data"][index]["embedding"].clone();
    assert_eq!(of(0).as_array().unwrap().len(), 3);
    assert!(of(0) == of(2) && of(0) != of(1));
    let many = json!({"model": "sandbox-embedding", "input": vec!["x"; 65]});
    let refused = stage.post(&granted, "/v1/sandbox/embeddings", &many);
    assert_eq!(refused.send().await.unwrap().status(), 400);
    let models = stage.get(&granted, "/v1/sandbox/models").send().await;
    let (status, models) = read(models.unwrap()).await;
    assert_eq!(
        (status, models["data"][0]["id"].as_str()),
        (200, Some("sandbox-echo"))
    );
    let one = stage.get(&granted, "/v1/sandbox/models/sandbox-402");
    assert_eq!(one.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_stream_comes_in_pieces_and_hides_the_usage_nobody_asked_for() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["sandbox"], roomy()).await;
    let mut body = hello("sandbox-echo");
    body["stream"] = true.into();
    let text = async |path: &str, body: &Value| {
        let answer = stage.post(&granted, path, body).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.text().await.unwrap()
    };
    let events = text(CHAT, &body).await;
    assert!(
        events.contains(r#""delta":{"content":"Hello, "}"#),
        "{events}"
    );
    assert!(
        events.ends_with("data: [DONE]\n\n") && !events.contains("completion_tokens"),
        "{events}"
    );
    body["stream_options"] = json!({"include_usage": true});
    assert!(text(CHAT, &body).await.contains(r#""completion_tokens":2"#));
    let responses = json!({"model": "sandbox-echo", "input": "Hi", "stream": true});
    let events = text("/v1/sandbox/responses", &responses).await;
    assert!(events.contains("event: response.completed\n"), "{events}");
    for record in stage.records(3).await {
        assert_eq!(
            (record.measurement, record.cost),
            (Measurement::Measured, Nanodollars::ZERO)
        );
    }
}

/// Errors without what differs from one call to the next.
fn shape(error: &Value) -> Vec<(&String, bool)> {
    let members = error["error"].as_object().unwrap().iter();
    members
        .map(|(name, value)| (name, value.is_string()))
        .collect()
}

#[tokio::test]
async fn forced_refusals_look_like_the_real_ones() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["sandbox", "openai"], roomy()).await;
    let poor = stage
        .grant(
            &["openai"],
            GrantedLimits {
                monthly_spend: Nanodollars::from_nanos(1),
                daily_spend: Nanodollars::from_nanos(1),
                ..roomy()
            },
        )
        .await;
    let hasty = stage
        .grant(
            &["openai"],
            GrantedLimits {
                requests_per_minute: 1,
                ..roomy()
            },
        )
        .await;
    let real = async |granted: &Granted| {
        let body = json!({"model": "gpt-4o", "max_tokens": 20, "messages": [{"role": "user", "content": "hi"}]});
        let answer = stage.post(granted, "/v1/openai/chat/completions", &body);
        answer.send().await.unwrap()
    };
    assert_eq!(real(&hasty).await.status(), 200);
    for (model, genuine) in [
        ("sandbox-402", real(&poor).await),
        ("sandbox-429", real(&hasty).await),
    ] {
        let forced = stage.post(&granted, CHAT, &hello(model));
        let forced = forced.send().await.unwrap();
        assert_eq!(forced.status(), genuine.status(), "{model}");
        let names = |answer: &reqwest::Response| {
            let mut names: Vec<String> = answer.headers().keys().map(ToString::to_string).collect();
            names.sort();
            names
        };
        assert_eq!(names(&forced), names(&genuine), "{model}");
        let ((_, forced), (_, genuine)) = (read(forced).await, read(genuine).await);
        assert_eq!(forced["error"]["type"], genuine["error"]["type"]);
        assert_eq!(shape(&forced), shape(&genuine), "{model}");
    }
    // The one call that reached a provider; a refused call leaves no record and holds nothing.
    assert_eq!(stage.records(1).await[0].provider.as_str(), "openai");
}

#[tokio::test]
async fn every_scenario_fails_in_its_own_way() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["sandbox"], roomy()).await;
    for (model, status, kind) in [
        ("sandbox-401", 424, "provider_key_invalid"),
        ("sandbox-402", 402, "spend_limit_exceeded"),
        ("sandbox-403", 403, "model_not_granted"),
        ("sandbox-429", 429, "rate_limit_exceeded"),
        ("sandbox-500", 500, "server_error"),
        ("sandbox-502", 502, "provider_unreachable"),
        ("sandbox-503", 503, "vault_unavailable"),
        ("sandbox-504", 504, "provider_timeout"),
        ("sandbox-cut", 502, "provider_unreachable"),
        ("sandbox-revoked", 401, "token_revoked"),
        ("sandbox-expired", 401, "token_expired"),
        ("sandbox-no-such", 400, "price_unknown"),
    ] {
        let (told, answer) = chat(&stage, &granted, model).await;
        assert_eq!(
            (told, answer["error"]["type"].as_str()),
            (status, Some(kind)),
            "{model}"
        );
    }
    // Revoked was only rehearsed.
    assert_eq!(chat(&stage, &granted, "sandbox-echo").await.0, 200);
}

#[tokio::test]
async fn a_cut_stream_ends_with_an_error_and_a_slow_one_takes_its_time() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["sandbox"], roomy()).await;
    let stream = async |model: &str| {
        let mut body = hello(model);
        body["stream"] = true.into();
        let began = std::time::Instant::now();
        let answer = stage.post(&granted, CHAT, &body).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        (answer.text().await.unwrap(), began.elapsed().as_secs_f32())
    };
    let (cut, _) = stream("sandbox-cut").await;
    assert!(cut.contains("Hello") && !cut.contains("[DONE]"), "{cut}");
    assert!(
        cut.contains(r#"{"error":{"type":"provider_unreachable""#),
        "{cut}"
    );
    let (slow, seconds) = stream("sandbox-slow").await;
    assert!(slow.ends_with("data: [DONE]\n\n"), "{slow}");
    assert!((2.0..10.0).contains(&seconds), "{seconds}");
    for record in stage.records(2).await {
        assert_eq!(record.cost, Nanodollars::ZERO);
    }
}

#[tokio::test]
async fn the_gate_is_the_same() {
    let stage = Stage::new().await;
    let elsewhere = stage.grant(&["openai"], roomy()).await;
    let (status, answer) = chat(&stage, &elsewhere, "sandbox-echo").await;
    assert_eq!(
        (status, answer["error"]["type"].as_str()),
        (403, Some("policy_denied"))
    );
    let narrow = stage
        .granted(&["sandbox"], |detail| {
            detail.models = events::Models::new(vec!["sandbox-slow".parse().unwrap()]);
            detail.limits.requests_per_minute = 1;
        })
        .await;
    let (status, answer) = chat(&stage, &narrow, "sandbox-402").await;
    assert_eq!(
        (status, answer["error"]["type"].as_str()),
        (403, Some("model_not_granted"))
    );
    assert_eq!(chat(&stage, &narrow, "sandbox-slow").await.0, 200);
    assert_eq!(chat(&stage, &narrow, "sandbox-slow").await.0, 429);
    stage.revoke(narrow.grant).await;
    assert_eq!(chat(&stage, &narrow, "sandbox-slow").await.0, 401);
}
