//! The log tells the truth.

use provider_simulator::Settings;
use serde_json::{Value, json};

use crate::{Bench, KEY, chat, message, until};

const CHAT: &str = "/openai/v1/chat/completions";
const MESSAGES: &str = "/anthropic/v1/messages";
/// `printf sk-test-abcdefgh1234 | sha256sum`
const KEY_SHA256: &str = "05f7312c1efb7ff4d93e290bfde0890b1d4e0251701641d280e3bb7d4392a3a4";

#[tokio::test]
async fn an_entry_tells_what_came_and_what_went_out() {
    let bench = Bench::new();
    bench.json(CHAT, &chat("hello", &json!({}))).await;
    let entry = bench.entry().await;
    for (name, value) in [
        ("n", json!(1)),
        ("provider", json!("openai")),
        ("route", json!("chat.completions")),
        ("path", json!(CHAT)),
        ("model", json!("gpt-4o")),
        ("stream", json!(false)),
        ("key_last4", json!("1234")),
        ("key_sha256", json!(KEY_SHA256)),
        ("status", json!(200)),
        ("input_tokens", json!(2)),
        ("output_tokens", json!(12)),
        ("billed", json!(true)),
        ("completed", json!(true)),
        ("client_gone", json!(false)),
    ] {
        assert_eq!(entry[name], value, "{name}");
    }
    assert_eq!(entry["body_sha256"].as_str().unwrap().len(), 64);
    assert!(entry["at"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn header_values_are_told_only_when_asked_for() {
    let bench = Bench::new();
    bench.json(CHAT, &chat("hello", &json!({}))).await;
    let names = bench.get("/simulator/log").await["items"][0]["request_headers"].take();
    assert!(names.as_array().unwrap().contains(&json!("authorization")));
    assert!(!names.to_string().contains(KEY));
    let values = bench.get("/simulator/log?headers=1").await["items"][0]["request_headers"].take();
    assert_eq!(values["authorization"], format!("Bearer {KEY}"));
}

#[tokio::test]
async fn the_log_is_read_page_by_page() {
    let bench = Bench::with(&Settings {
        log_capacity: 4,
        ..Settings::for_tests()
    });
    for _ in 0..6 {
        bench.json(CHAT, &chat("hello", &json!({}))).await;
    }
    let numbers = |page: &Value| -> Vec<u64> {
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["n"].as_u64().unwrap())
            .collect()
    };
    let first = bench.get("/simulator/log?after=0&limit=3").await;
    assert_eq!(
        (numbers(&first), &first["forgotten"]),
        (vec![3, 4, 5], &json!(2))
    );
    let second = bench
        .get(&format!("/simulator/log?after={}", first["next"]))
        .await;
    assert_eq!(numbers(&second), [6]);
    let third = bench
        .get(&format!("/simulator/log?after={}", second["next"]))
        .await;
    assert_eq!((numbers(&third), &third["next"]), (vec![], &json!(6)));
}

#[tokio::test]
async fn totals_are_the_sums_of_what_was_billed() {
    let bench = Bench::new();
    bench.json(CHAT, &chat("hello", &json!({}))).await;
    bench
        .json(
            CHAT,
            &chat(
                r#"[[sim {"output_tokens":30,"input_tokens":9}]]"#,
                &json!({}),
            ),
        )
        .await;
    bench
        .json(CHAT, &chat(r#"[[sim {"status":500}]]"#, &json!({})))
        .await;
    bench
        .events(MESSAGES, &message("hello", &json!({ "stream": true })))
        .await;
    let totals = bench.get("/simulator/totals").await;
    let items = totals["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    assert_eq!(
        (&items[0]["provider"], &items[0]["model"]),
        (&json!("openai"), &json!("gpt-4o"))
    );
    assert_eq!(
        (&items[0]["calls"], &items[0]["billed_calls"]),
        (&json!(3), &json!(2))
    );
    assert_eq!(
        (&items[0]["input_tokens"], &items[0]["output_tokens"]),
        (&json!(11), &json!(42))
    );
    assert_eq!(
        (&totals["input_tokens"], &totals["output_tokens"]),
        (&json!(13), &json!(54))
    );
}

#[tokio::test]
async fn a_cleared_log_forgets_but_goes_on_counting() {
    let bench = Bench::new();
    bench.json(CHAT, &chat("hello", &json!({}))).await;
    let cleared = bench
        .client
        .delete(bench.url("/simulator/log"))
        .send()
        .await
        .unwrap();
    assert_eq!(cleared.status(), 204);
    assert_eq!(bench.get("/simulator/totals").await["calls"], 0);
    bench.json(CHAT, &chat("hello", &json!({}))).await;
    assert_eq!(bench.entry().await["n"], 2);
}

#[tokio::test]
async fn what_reached_a_provider_is_logged_even_where_it_has_nothing() {
    let bench = Bench::new();
    bench.json("/openai/v1/files", &json!({})).await;
    assert_eq!(bench.entry().await["route"], "unknown");
    let elsewhere = bench.post("/elsewhere", &json!({})).await;
    assert_eq!(elsewhere.status(), 404);
    assert_eq!(bench.simulator.log().len(), 1);
}

#[tokio::test]
async fn the_log_file_has_every_call_and_no_key() {
    let name = format!("simulator-log-{}.jsonl", std::process::id());
    let path = std::env::temp_dir().join(name);
    let _ = std::fs::remove_file(&path);
    let settings = Settings {
        log: Some(path.clone()),
        ..Settings::for_tests()
    };
    let bench = Bench::with(&settings);
    for _ in 0..3 {
        bench.json(CHAT, &chat("hello", &json!({}))).await;
    }
    let text = until(|| {
        let text = std::fs::read_to_string(&path).unwrap();
        (text.lines().count() == 3).then_some(text)
    })
    .await;
    std::fs::remove_file(&path).unwrap();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["n"], &last["key_sha256"]),
        (&json!(3), &json!(KEY_SHA256))
    );
    assert!(!text.contains(KEY));
}

#[tokio::test]
async fn the_front_page_says_that_this_is_a_simulator() {
    let bench = Bench::new();
    let response = bench.client.get(bench.url("/")).send().await.unwrap();
    assert_eq!(response.headers()["x-latchkey-simulator"], "1");
    assert!(
        response
            .text()
            .await
            .unwrap()
            .contains("It is never a real AI provider")
    );
}

#[tokio::test]
async fn a_stopped_simulator_frees_its_port() {
    let bench = Bench::new();
    let url = bench.url("/");
    bench.simulator.stop().await.unwrap();
    assert!(bench.client.get(url).send().await.unwrap_err().is_connect());
}

#[tokio::test]
async fn it_answers_at_the_address_it_was_told_and_at_no_other() {
    let bench = Bench::with(&Settings {
        host: [127, 0, 0, 77].into(),
        ..Settings::for_tests()
    });
    let url = bench.simulator.url().to_owned();
    assert!(url.starts_with("http://127.0.0.77:"), "{url}");
    assert_eq!(bench.client.get(&url).send().await.unwrap().status(), 200);
    let elsewhere = url.replace("127.0.0.77", "127.0.0.1");
    assert!(bench.client.get(elsewhere).send().await.is_err());
}
