//! Resources of Azure OpenAI: both ways to ask them, their header, and prices by what stands behind.

use events::{CustomProvider, ProviderKind};
use serde_json::{Value, json};

use crate::{
    listener::Listener,
    stage::{
        Stage,
        added::{CANARY, compatible},
        client, read, roomy,
    },
};

const ANSWER: &str = r#"{"id":"c","choices":[],"usage":{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120}}"#;

async fn azure() -> (Stage, Listener) {
    let stage = Stage::new().await;
    let resource = Listener::saying("200 OK", ANSWER).await;
    let provider = CustomProvider {
        kind: ProviderKind::Azure,
        models: [("fast".to_owned(), "gpt-4o-mini".to_owned())].into(),
        ..compatible("acme-azure", &format!("http://{}", resource.address))
    };
    stage.add(&provider).await;
    (stage, resource)
}

fn hello(model: Option<&str>) -> Value {
    let mut body = json!({"max_tokens": 50, "messages": [{"role": "user", "content": "hello"}]});
    if let Some(model) = model {
        body["model"] = json!(model);
    }
    body
}

#[tokio::test]
async fn both_ways_to_ask_are_priced_by_the_model_behind_the_deployment() {
    let (stage, resource) = azure().await;
    let granted = stage.grant(&["acme-azure"], roomy()).await;
    let v1 = "/openai/v1/chat/completions";
    let older = "/openai/deployments/fast/chat/completions?api-version=2024-10-21";
    let mut calls = 0;
    for (path, asked_at, model) in [
        ("/v1/acme-azure/chat/completions", v1, Some("fast")),
        (
            "/v1/acme-azure/openai/v1/chat/completions",
            v1,
            Some("fast"),
        ),
        (&format!("/v1/acme-azure{older}"), older, Some("fast")),
        (&format!("/v1/acme-azure{older}"), older, None),
    ] {
        let body = hello(model);
        // As Azure's own SDK brings a key.
        let request = client().post(format!("{}{path}", stage.url)).json(&body);
        let request = request.header("api-key", granted.token.reveal());
        assert_eq!(request.send().await.unwrap().status(), 200, "{path}");
        let heard = resource.heard().pop().unwrap();
        assert!(
            heard.starts_with(&format!("POST {asked_at} HTTP/1.1\r\n")),
            "{heard}"
        );
        assert!(heard.contains(&format!("api-key: {CANARY}\r\n")), "{heard}");
        assert!(
            !heard.to_ascii_lowercase().contains("authorization"),
            "{heard}"
        );
        assert!(!heard.contains("okap_"), "{heard}");
        calls += 1;
        let record = stage.records(calls).await.pop().unwrap();
        assert_eq!(
            (record.provider.as_str(), record.model.as_str()),
            ("acme-azure", "fast")
        );
        // As gpt-4o-mini: 0.15 and 0.6 for a million.
        assert_eq!(record.cost.to_string(), "0.000027");
    }
}

#[tokio::test]
async fn what_cannot_be_checked_or_has_no_price_does_not_reach_it() {
    let (stage, resource) = azure().await;
    let granted = stage.grant(&["acme-azure"], roomy()).await;
    let narrow = stage
        .granted(&["acme-azure"], |detail| {
            detail.models = serde_json::from_value(json!(["other"])).unwrap();
        })
        .await;
    let older = "/v1/acme-azure/openai/deployments/fast/chat/completions";
    for (granted, path, model, status, kind) in [
        (
            &granted,
            "/v1/acme-azure/chat/completions",
            "slow",
            400,
            "price_unknown",
        ),
        (&granted, older, "fast", 400, "request_invalid"),
        (
            &granted,
            &format!("{older}?api-version=x"),
            "fast",
            400,
            "request_invalid",
        ),
        (
            &granted,
            &format!("{older}?api-version=2024-10-21&x=1"),
            "fast",
            400,
            "request_invalid",
        ),
        (
            &granted,
            &format!("{older}?api-version=2024-10-21&api-version=2024-10-21"),
            "fast",
            400,
            "request_invalid",
        ),
        (
            &granted,
            &format!("{older}?api-version=2024-10-21"),
            "slow",
            400,
            "request_invalid",
        ),
        (
            &narrow,
            &format!("{older}?api-version=2024-10-21"),
            "fast",
            403,
            "model_not_granted",
        ),
    ] {
        let answer = stage
            .post(granted, path, &hello(Some(model)))
            .send()
            .await
            .unwrap();
        let (found, answer) = read(answer).await;
        assert_eq!(
            (found, &answer["error"]["type"]),
            (status, &json!(kind)),
            "{path}: {answer}"
        );
    }
    assert!(resource.heard().is_empty());
}
