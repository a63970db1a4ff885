//! Where scripts come from.

use serde_json::{Value, json};

use crate::{Bench, chat};

const CHAT: &str = "/openai/v1/chat/completions";

async fn status(bench: &Bench, model: &str, text: &str) -> u16 {
    bench
        .json(CHAT, &chat(text, &json!({ "model": model })))
        .await
        .0
}

#[tokio::test]
async fn a_script_is_set_for_so_many_calls_of_a_model() {
    let bench = Bench::new();
    let calls = json!({ "provider": "openai", "model": "gpt-*" });
    bench
        .script(json!({ "match": calls, "script": { "status": 503 }, "times": 1 }))
        .await;
    assert_eq!(status(&bench, "o3", "hi").await, 200);
    assert_eq!(status(&bench, "gpt-4o", "hi").await, 503);
    assert_eq!(status(&bench, "gpt-4o", "hi").await, 200);
}

#[tokio::test]
async fn the_prompt_decides_over_the_model_and_the_model_over_what_was_set() {
    let bench = Bench::new();
    bench.script(json!({ "script": { "status": 500 } })).await;
    let scripted = r#"gpt-4o[[sim {"status":501}]]"#;
    assert_eq!(
        status(&bench, scripted, r#"[[sim {"status":502}]]"#).await,
        502
    );
    assert_eq!(status(&bench, scripted, "hi").await, 501);
    assert_eq!(status(&bench, "gpt-4o", "hi").await, 500);
    assert!(
        bench
            .simulator
            .log()
            .iter()
            .all(|entry| entry["model"] == "gpt-4o")
    );
    let listed = bench.get("/simulator/script").await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let url = bench.url("/simulator/script");
    assert_eq!(bench.client.delete(url).send().await.unwrap().status(), 204);
    assert_eq!(status(&bench, "gpt-4o", "hi").await, 200);
}

#[tokio::test]
async fn a_script_sets_tokens_chunks_and_size() {
    let bench = Bench::new();
    let text = r#"[[sim {"input_tokens":1000,"cached_tokens":300,"output_tokens":500,
        "reasoning_tokens":200,"body_bytes":5000}]]"#;
    let (_, body) = bench.json(CHAT, &chat(text, &json!({}))).await;
    let usage = &body["usage"];
    assert_eq!(
        (&usage["prompt_tokens"], &usage["completion_tokens"]),
        (&json!(1000), &json!(500))
    );
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 300);
    assert_eq!(usage["completion_tokens_details"]["reasoning_tokens"], 200);
    let content = body["choices"][0]["message"]["content"].as_str().unwrap();
    assert_eq!(content.len(), 5000);
    let fifty = chat(r#"[[sim {"chunks":50}]]"#, &json!({ "stream": true }));
    assert_eq!(bench.events(CHAT, &fifty).await.len(), 1 + 50 + 1 + 1);
}

#[tokio::test]
async fn a_mistaken_script_is_told_as_a_bad_request() {
    let bench = Bench::new();
    let (status, body) = bench
        .json(CHAT, &chat(r#"[[sim {"stauts":500}]]"#, &json!({})))
        .await;
    assert_eq!(status, 400);
    assert!(
        body["error"]["message"]
            .as_str()
            .unwrap()
            .contains("stauts"),
        "{body}"
    );
    for wrong in [
        json!({}),
        json!({ "script": { "status": 1 } }),
        json!({ "scirpt": {} }),
    ] {
        let url = bench.url("/simulator/script");
        let response = bench.client.post(url).json(&wrong).send().await.unwrap();
        assert_eq!(response.status(), 400);
        assert!(response.json::<Value>().await.unwrap()["error"].is_string());
    }
}
