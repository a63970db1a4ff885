//! Anthropic's dialect.

use serde_json::{Value, json};

use crate::{Bench, Event, KEY, TEXT, message};

const MESSAGES: &str = "/anthropic/v1/messages";

#[tokio::test]
async fn a_message_has_anthropics_shape() {
    let bench = Bench::new();
    let asked = message("hello", &json!({ "system": "abc" }));
    let (status, body) = bench.json(MESSAGES, &asked).await;
    assert_eq!(status, 200);
    assert_eq!(
        (&body["type"], &body["role"]),
        (&json!("message"), &json!("assistant"))
    );
    assert_eq!(body["content"], json!([{ "type": "text", "text": TEXT }]));
    assert_eq!(body["stop_reason"], "end_turn");
    let usage = &body["usage"];
    assert_eq!(
        (&usage["input_tokens"], &usage["output_tokens"]),
        (&json!(2), &json!(12))
    );
}

#[tokio::test]
async fn a_stream_has_each_event_in_its_order_and_tells_output_so_far() {
    let bench = Bench::new();
    let asked = message("[[sim {\"chunks\":2}]]", &json!({ "stream": true }));
    let events = bench.events(MESSAGES, &asked).await;
    let names: Vec<&str> = events
        .iter()
        .filter_map(|event| event.name.as_deref())
        .collect();
    assert_eq!(
        names,
        [
            "message_start",
            "content_block_start",
            "ping",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]
    );
    let data: Vec<Value> = events.iter().map(Event::json).collect();
    assert_eq!(data[0]["message"]["usage"]["input_tokens"], 5);
    assert_eq!(data[0]["message"]["usage"]["output_tokens"], 1);
    assert!(data[0]["message"]["stop_reason"].is_null());
    assert_eq!(data[6]["delta"]["stop_reason"], "end_turn");
    assert_eq!(data[6]["usage"]["output_tokens"], 12);
    let text: String = data
        .iter()
        .filter_map(|event| event["delta"]["text"].as_str())
        .collect();
    assert_eq!(text, TEXT);
}

#[tokio::test]
async fn cached_tokens_are_told_beside_the_input_and_logged_within_it() {
    let bench = Bench::new();
    let script = r#"[[sim {"input_tokens":100,"cached_tokens":40,"cache_write_tokens":10,
        "output_tokens":9,"reasoning_tokens":4}]]"#;
    let (_, body) = bench.json(MESSAGES, &message(script, &json!({}))).await;
    let usage = &body["usage"];
    assert_eq!(usage["input_tokens"], 50);
    assert_eq!(usage["cache_read_input_tokens"], 40);
    assert_eq!(usage["cache_creation_input_tokens"], 10);
    assert_eq!(usage["output_tokens"], 9);
    assert_eq!(usage["output_tokens_details"]["thinking_tokens"], 4);
    let entry = bench.entry().await;
    assert_eq!(
        (&entry["input_tokens"], &entry["cached_tokens"]),
        (&json!(100), &json!(40))
    );
    assert_eq!(entry["cache_write_tokens"], 10);
}

#[tokio::test]
async fn a_cap_ends_the_message() {
    let bench = Bench::new();
    let (_, body) = bench
        .json(MESSAGES, &message("x", &json!({ "max_tokens": 2 })))
        .await;
    assert_eq!(
        (&body["stop_reason"], &body["usage"]["output_tokens"]),
        (&json!("max_tokens"), &json!(2))
    );
}

#[tokio::test]
async fn counting_tokens_is_free() {
    let bench = Bench::new();
    let path = "/anthropic/v1/messages/count_tokens";
    let (_, body) = bench.json(path, &message("hello", &json!({}))).await;
    assert_eq!(body, json!({ "input_tokens": 2 }));
    let entry = bench.entry().await;
    assert_eq!(
        (&entry["billed"], &entry["input_tokens"]),
        (&json!(false), &json!(0))
    );
}

#[tokio::test]
async fn the_key_may_come_as_a_bearer_token() {
    let bench = Bench::new();
    let call = bench
        .client
        .post(bench.url(MESSAGES))
        .json(&message("x", &json!({})));
    let response = call
        .bearer_auth(KEY)
        .header("anthropic-version", "2026-10-21")
        .send()
        .await;
    assert_eq!(response.unwrap().status(), 200);
    assert_eq!(bench.entry().await["key_last4"], "1234");
}

#[tokio::test]
async fn what_anthropic_refuses_is_refused_in_its_shape() {
    let bench = Bench::new();
    let hello = message("x", &json!({}));
    let endless = json!({ "model": "m", "messages": [] });
    let call = |body: &Value| bench.client.post(bench.url(MESSAGES)).json(body);
    let dated = |body: &Value| call(body).header("anthropic-version", "2023-06-01");
    let cases = [
        (
            dated(&hello),
            401,
            "authentication_error",
            "x-api-key header is required",
        ),
        (
            dated(&hello).header("x-api-key", "sk-ant-DEAD"),
            401,
            "authentication_error",
            "invalid x-api-key",
        ),
        (
            call(&hello).header("x-api-key", KEY),
            400,
            "invalid_request_error",
            "anthropic-version: header is required",
        ),
        (
            dated(&endless).header("x-api-key", KEY),
            400,
            "invalid_request_error",
            "max_tokens: Field required",
        ),
    ];
    for (call, status, kind, text) in cases {
        let response = call.send().await.unwrap();
        assert_eq!(response.status(), status);
        assert!(response.headers().contains_key("request-id"));
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["type"], "error");
        assert_eq!(body["error"], json!({ "type": kind, "message": text }));
    }
}
