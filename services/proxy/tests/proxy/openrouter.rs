//! OpenRouter: what it may not be asked, what it is told, and whose word counts on the cost.

use serde_json::{Value, json};

use crate::{
    listener::Listener,
    stage::{Stage, read, roomy},
};

const PATH: &str = "/v1/openrouter/chat/completions";
const SAYS: &str = "[[sim {\"input_tokens\":100,\"output_tokens\":20}]]";

#[tokio::test]
async fn the_cost_is_what_openrouter_says_and_the_hold_what_its_sellers_may_take() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["openrouter"], roomy()).await;
    for stream in [false, true] {
        let messages = json!([{"role": "user", "content": SAYS}]);
        let body = json!({"model": "openai/gpt-4o-mini", "max_tokens": 50, "stream": stream, "messages": messages});
        let answer = stage.post(&granted, PATH, &body).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let text = answer.text().await.unwrap();
        // Nobody asked for the usage of the stream.
        assert_eq!(text.contains("\"cost\""), !stream, "{text}");
    }
    for record in stage.records(2).await {
        assert_eq!((record.usage.input, record.usage.output), (100, 20));
        // As the simulator has it, a millionth for each token; the book would say 0.000027.
        assert_eq!(record.cost.to_string(), "0.00012");
    }
}

#[tokio::test]
async fn the_highest_price_stands_in_what_is_sent() {
    let usage = json!({"prompt_tokens": 3, "completion_tokens": 4, "cost": 0.5});
    let answer = json!({"id": "g", "choices": [], "usage": usage}).to_string();
    let seller = Listener::saying("200 OK", &answer).await;
    let url = format!("openrouter=http://{}/api/v1", seller.address);
    let stage = Stage::with(&["--provider-url", &url]).await;
    let granted = stage.grant(&["openrouter"], roomy()).await;
    let rest = r#""model":"openai/gpt-4o-mini","max_tokens":50,"messages":[{"role":"user","content":"hello"}]}"#;
    let request = stage
        .post(&granted, PATH, &Value::Null)
        .body(format!("{{{rest}"));
    assert_eq!(request.send().await.unwrap().status(), 200);
    let cap = r#"{"max_price":{"prompt":0.15,"completion":0.6,"request":0}}"#;
    let sent = format!(r#"{{"usage":{{"include":true}},"provider":{cap},{rest}"#);
    let heard = seller.heard();
    assert!(
        heard[0].starts_with("POST /api/v1/chat/completions HTTP/1.1\r\n"),
        "{heard:?}"
    );
    assert!(heard[0].ends_with(&sent), "{heard:?}");
    // More than was held: recorded all the same.
    assert_eq!(stage.records(1).await[0].cost.to_string(), "0.5");
}

#[tokio::test]
async fn it_reaches_no_model_that_was_not_granted_and_none_without_a_price() {
    let stage = Stage::new().await;
    let granted = stage
        .granted(&["openrouter"], |detail| {
            detail.models = serde_json::from_value(json!(["openai/*", "openrouter/auto"])).unwrap();
        })
        .await;
    let messages = json!([{"role": "user", "content": "hello"}]);
    for (more, status, kind) in [
        (
            json!({"model": "anthropic/claude-sonnet-4.5"}),
            403,
            "model_not_granted",
        ),
        (json!({"model": "openrouter/auto"}), 400, "price_unknown"),
        (json!({"model": "openai/gpt-99"}), 400, "price_unknown"),
        (
            json!({"models": ["anthropic/claude-sonnet-4.5"]}),
            403,
            "capability_not_granted",
        ),
        (json!({"route": "fallback"}), 403, "capability_not_granted"),
        (
            json!({"model": "openai/gpt-4o-mini:online"}),
            403,
            "capability_not_granted",
        ),
    ] {
        let mut body =
            json!({"model": "openai/gpt-4o-mini", "max_tokens": 50, "messages": messages});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let (found, answer) = read(stage.post(&granted, PATH, &body).send().await.unwrap()).await;
        assert_eq!(
            (found, &answer["error"]["type"]),
            (status, &json!(kind)),
            "{more}"
        );
    }
    // Through the one endpoint a vendor stands behind the provider's name.
    let body =
        json!({"model": "openrouter/openai/gpt-4o-mini", "max_tokens": 50, "messages": messages});
    let answer = stage
        .post(&granted, "/v1/chat/completions", &body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let log = stage.simulator.log();
    assert_eq!(log.len(), 1, "{log:?}");
    assert_eq!(log[0]["model"], "openai/gpt-4o-mini");
}
