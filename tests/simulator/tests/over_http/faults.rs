//! What goes wrong on request: refusals, delays, cut connections, silence, echoes.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{Bench, Event, KEY, chat, contents, message, until};

const CHAT: &str = "/openai/v1/chat/completions";
const MESSAGES: &str = "/anthropic/v1/messages";
const GENERATE: &str = "/google/v1/models/m:generateContent";

fn stream() -> Value {
    json!({ "stream": true })
}

#[tokio::test]
async fn a_forced_status_comes_in_each_providers_shape_and_bills_nothing() {
    let bench = Bench::new();
    let text = r#"[[sim {"status":429,"headers":{"retry-after":"7"}}]]"#;
    let (status, body) = bench.json(CHAT, &chat(text, &json!({}))).await;
    assert_eq!(
        (status, &body["error"]["code"]),
        (429, &json!("rate_limit_exceeded"))
    );
    let (status, body) = bench.json(MESSAGES, &message(text, &json!({}))).await;
    assert_eq!(
        (status, &body["error"]["type"]),
        (429, &json!("rate_limit_error"))
    );
    let response = bench.post(GENERATE, &contents(text)).await;
    assert_eq!(response.headers()["retry-after"], "7");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["error"]["status"], "RESOURCE_EXHAUSTED");
    assert_eq!(bench.simulator.totals()["billed_calls"], 0);
    assert_eq!(bench.simulator.totals()["input_tokens"], 0);
}

#[tokio::test]
async fn a_redirect_can_be_scripted() {
    let bench = Bench::new();
    let text = r#"[[sim {"status":307,"headers":{"location":"http://127.0.0.1:1/"}}]]"#;
    let response = bench.post(CHAT, &chat(text, &json!({}))).await;
    assert_eq!(response.status(), 307);
    assert_eq!(response.headers()["location"], "http://127.0.0.1:1/");
}

#[tokio::test]
async fn delays_are_kept() {
    let bench = Bench::new();
    let began = Instant::now();
    bench
        .json(CHAT, &chat(r#"[[sim {"delay_ms":80}]]"#, &json!({})))
        .await;
    assert!(began.elapsed() >= Duration::from_millis(80));
    let began = Instant::now();
    let text = r#"[[sim {"chunks":4,"chunk_delay_ms":150}]]"#;
    let mut response = bench.post(MESSAGES, &message(text, &stream())).await;
    let first = response.chunk().await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&first).starts_with("event: message_start"));
    assert!(
        began.elapsed() < Duration::from_millis(400),
        "the first chunk came late"
    );
    while response.chunk().await.unwrap().is_some() {}
    assert!(began.elapsed() >= Duration::from_millis(450));
}

#[tokio::test]
async fn a_cut_stream_breaks_off_and_bills_what_was_generated() {
    let bench = Bench::new();
    let text = r#"[[sim {"chunks":4,"cut_after_chunks":2,"output_tokens":40}]]"#;
    let mut response = bench.post(CHAT, &chat(text, &stream())).await;
    let mut came = Vec::new();
    let broke = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => came.extend_from_slice(&chunk),
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(broke, "the connection was closed in order");
    let events = Event::parse(&String::from_utf8(came).unwrap());
    assert_eq!(events.len(), 1 + 2);
    let entry = bench.entry().await;
    assert_eq!(
        (&entry["billed"], &entry["output_tokens"]),
        (&json!(true), &json!(20))
    );
    assert_eq!(
        (&entry["completed"], &entry["client_gone"]),
        (&json!(false), &json!(false))
    );
}

#[tokio::test]
async fn a_cut_json_answer_breaks_off_and_bills_everything() {
    let bench = Bench::new();
    let text = r#"[[sim {"cut_after_chunks":0}]]"#;
    let response = bench.post(GENERATE, &contents(text)).await;
    assert_eq!(response.status(), 200);
    assert!(response.bytes().await.is_err());
    let entry = bench.entry().await;
    assert_eq!(
        (&entry["completed"], &entry["output_tokens"]),
        (&json!(false), &json!(12))
    );
}

#[tokio::test]
async fn a_stream_can_end_with_the_providers_error_event() {
    let bench = Bench::new();
    let text = r#"[[sim {"chunks":4,"error_after_chunks":1}]]"#;
    let last = bench
        .events(CHAT, &chat(text, &stream()))
        .await
        .pop()
        .unwrap();
    assert_eq!(last.json()["error"]["type"], "server_error");
    let last = bench
        .events(MESSAGES, &message(text, &stream()))
        .await
        .pop()
        .unwrap();
    assert_eq!(last.name.as_deref(), Some("error"));
    assert_eq!(last.json()["error"]["type"], "overloaded_error");
    let path = "/google/v1/models/m:streamGenerateContent?alt=sse";
    let last = bench.events(path, &contents(text)).await.pop().unwrap();
    assert_eq!(last.json()["error"]["status"], "UNAVAILABLE");
    for entry in bench.simulator.log() {
        assert_eq!(
            (&entry["completed"], &entry["output_tokens"]),
            (&json!(false), &json!(3))
        );
    }
}

#[tokio::test]
async fn usage_can_be_kept_secret_but_not_from_the_log() {
    let bench = Bench::new();
    let text = r#"[[sim {"omit_usage":true}]]"#;
    let asks = json!({ "stream": true, "stream_options": { "include_usage": true } });
    let bodies = [
        (CHAT, chat(text, &json!({}))),
        (CHAT, chat(text, &asks)),
        (MESSAGES, message(text, &json!({}))),
        (MESSAGES, message(text, &stream())),
        (GENERATE, contents(text)),
        (
            "/google/v1/models/m:streamGenerateContent?alt=sse",
            contents(text),
        ),
        (
            "/openai/v1/responses",
            json!({ "model": "m", "input": text }),
        ),
        (
            "/openai/v1/embeddings",
            json!({ "model": "m", "input": text }),
        ),
    ];
    for (path, body) in bodies {
        let answer = bench.post(path, &body).await.text().await.unwrap();
        let told = answer.contains("_tokens") || answer.contains("TokenCount");
        assert!(!told || path.ends_with("responses"), "{path}: {answer}");
        assert!(!answer.contains("input_tokens"), "{path}: {answer}");
        let entry = bench.simulator.log().pop().unwrap();
        assert!(entry["input_tokens"].as_u64().unwrap() > 0);
    }
}

#[tokio::test]
async fn an_echo_gives_back_everything_that_was_sent() {
    let bench = Bench::new();
    let echo = r#"canary [[sim {"echo":true,"chunks":300,"headers":{"x-leak":"{key}"}}]]"#;
    let fails = r#"canary [[sim {"echo":true,"status":500}]]"#;
    for text in [echo, fails] {
        for (path, body) in [
            (CHAT, chat(text, &json!({}))),
            (MESSAGES, message(text, &json!({}))),
            (GENERATE, contents(text)),
        ] {
            let response = bench.post(path, &body).await;
            let leak = response.headers().get("x-leak").cloned();
            assert_eq!(leak.is_some(), response.status() == 200);
            assert!(leak.is_none_or(|leak| leak == KEY));
            let answer = response.text().await.unwrap();
            assert!(
                answer.contains(KEY) && answer.contains("canary"),
                "{answer}"
            );
        }
    }
    let events = bench.events(CHAT, &chat(echo, &stream())).await;
    let pieces: Vec<String> = events
        .iter()
        .filter_map(|event| serde_json::from_str::<Value>(&event.data).ok())
        .filter_map(|e| {
            e["choices"][0]["delta"]["content"]
                .as_str()
                .map(ToOwned::to_owned)
        })
        .collect();
    assert!(pieces.concat().contains(KEY));
    assert!(
        pieces.iter().all(|piece| !piece.contains(KEY)),
        "many chunks part the key"
    );
}

#[tokio::test]
async fn a_hanging_call_never_answers_and_is_logged_when_its_caller_goes() {
    let bench = Bench::new();
    let call = bench.call(CHAT, &chat(r#"[[sim {"hang":true}]]"#, &json!({})));
    let timeout = call
        .timeout(Duration::from_millis(100))
        .send()
        .await
        .unwrap_err();
    assert!(timeout.is_timeout());
    let entry = bench.entry().await;
    assert_eq!(
        (&entry["status"], &entry["billed"]),
        (&Value::Null, &json!(false))
    );
    assert_eq!(entry["client_gone"], true);
}

#[tokio::test]
async fn a_caller_that_goes_half_way_pays_for_half_the_stream() {
    let bench = Bench::new();
    let text = r#"[[sim {"chunks":100,"output_tokens":100,"chunk_delay_ms":50}]]"#;
    let mut response = bench.post(CHAT, &chat(text, &stream())).await;
    for _ in 0..3 {
        response.chunk().await.unwrap().unwrap();
    }
    assert_eq!(bench.simulator.totals()["in_flight"], 1);
    drop(response);
    let entry = bench.entry().await;
    assert_eq!(
        (&entry["client_gone"], &entry["billed"]),
        (&json!(true), &json!(true))
    );
    let output = entry["output_tokens"].as_u64().unwrap();
    assert!((1..50).contains(&output), "{output}");
    until(|| (bench.simulator.totals()["in_flight"] == 0).then_some(())).await;
}

#[tokio::test]
async fn trailers_follow_the_body_and_may_hold_the_key() {
    let bench = Bench::new();
    let address = bench.simulator.url().strip_prefix("http://").unwrap();
    for (more, last) in [
        ("\"status\":200", "}"),
        ("\"status\":500", "}"),
        ("\"chunks\":3", "data: [DONE]\n\n"),
    ] {
        let text = format!("[[sim {{{more},\"trailers\":{{\"x-leak\":\"k {{key}}\"}}}}]]");
        let body = chat(&text, &json!({"stream": more.contains("chunks")})).to_string();
        let head = format!(
            "POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all((head + &body).as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("transfer-encoding: chunked"), "{head}");
        assert!(head.contains("trailer: x-leak"), "{head}");
        let end = format!("{last}\r\n0\r\nx-leak: k {KEY}\r\n\r\n");
        assert!(body.ends_with(&end), "{body}");
    }
}
