//! OpenAI's dialect.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{Bench, KEY, TEXT, chat};

const CHAT: &str = "/openai/v1/chat/completions";
const RESPONSES: &str = "/openai/v1/responses";
const EMBEDDINGS: &str = "/openai/v1/embeddings";

#[tokio::test]
async fn a_chat_completion_has_openais_shape() {
    let bench = Bench::new();
    let (status, body) = bench.json(CHAT, &chat("hello there", &json!({}))).await;
    assert_eq!(status, 200);
    assert_eq!(body["object"], "chat.completion");
    assert_eq!(body["model"], "gpt-4o");
    assert_eq!(body["choices"][0]["message"]["content"], TEXT);
    assert_eq!(body["choices"][0]["finish_reason"], "stop");
    let usage = &body["usage"];
    assert_eq!(
        (&usage["prompt_tokens"], &usage["completion_tokens"]),
        (&json!(3), &json!(12))
    );
    assert_eq!(usage["total_tokens"], 15);
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 0);
}

#[tokio::test]
async fn a_cap_ends_each_alternative_answer() {
    let bench = Bench::new();
    let capped = chat("hi", &json!({ "n": 2, "max_completion_tokens": 3 }));
    let (_, body) = bench.json(CHAT, &capped).await;
    assert_eq!(body["choices"].as_array().unwrap().len(), 2);
    assert_eq!(
        body["choices"][1]["message"]["content"],
        "This answer comes"
    );
    assert_eq!(body["choices"][1]["finish_reason"], "length");
    assert_eq!(body["usage"]["completion_tokens"], 6);
}

#[tokio::test]
async fn a_chat_stream_tells_usage_only_when_asked() {
    let bench = Bench::new();
    let silent = bench
        .events(CHAT, &chat("hi", &json!({ "stream": true })))
        .await;
    assert_eq!(silent.last().unwrap().data, "[DONE]");
    let chunks: Vec<Value> = silent
        .iter()
        .take(silent.len() - 1)
        .map(crate::Event::json)
        .collect();
    assert!(chunks.iter().all(|chunk| chunk.get("usage").is_none()));
    assert!(
        chunks
            .iter()
            .all(|chunk| chunk["choices"].as_array().unwrap().len() == 1)
    );
    let text: String = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(text, TEXT);

    let asks = json!({ "stream": true, "stream_options": { "include_usage": true } });
    let telling = bench.events(CHAT, &chat("hi", &asks)).await;
    assert_eq!(telling.len(), silent.len() + 1);
    let (last, earlier) = telling[..telling.len() - 1].split_last().unwrap();
    assert!(earlier.iter().all(|chunk| chunk.json()["usage"].is_null()));
    assert!(
        earlier
            .iter()
            .all(|chunk| chunk.json().get("usage").is_some())
    );
    assert_eq!(last.json()["choices"], json!([]));
    assert_eq!(last.json()["usage"]["total_tokens"], 13);
}

#[tokio::test]
async fn mistral_tells_the_usage_of_a_stream_unasked_and_refuses_to_be_asked() {
    const MISTRAL: &str = "/mistral/v1/chat/completions";
    let bench = Bench::new();
    let told = bench
        .events(MISTRAL, &chat("hi", &json!({ "stream": true, "n": 2 })))
        .await;
    let chunks: Vec<Value> = told
        .iter()
        .take(told.len() - 1)
        .map(crate::Event::json)
        .collect();
    let (last, earlier) = chunks.split_last().unwrap();
    assert_eq!(last["choices"][0]["finish_reason"], "stop");
    assert_eq!(last["usage"]["completion_tokens"], 24);
    assert!(earlier.iter().all(|chunk| chunk.get("usage").is_none()));

    for (options, place) in [
        (
            json!({ "include_usage": true }),
            json!(["body", "stream_options", "include_usage"]),
        ),
        (
            json!({ "include_usage": false }),
            json!(["body", "stream_options", "include_usage"]),
        ),
        (json!({}), json!(["body", "stream_options"])),
    ] {
        let asks = json!({ "stream": true, "stream_options": options });
        let (status, body) = bench.json(MISTRAL, &chat("hi", &asks)).await;
        assert_eq!((status, &body["object"]), (422, &json!("error")));
        let detail = &body["message"]["detail"][0];
        assert_eq!(
            (&detail["type"], &detail["loc"]),
            (&json!("extra_forbidden"), &place)
        );
    }
}

#[tokio::test]
async fn a_response_has_openais_shape() {
    let bench = Bench::new();
    let asked = json!({ "model": "gpt-5", "instructions": "be", "input": "hello!" });
    let (_, body) = bench.json(RESPONSES, &asked).await;
    assert_eq!(
        (&body["object"], &body["status"]),
        (&json!("response"), &json!("completed"))
    );
    assert_eq!(body["output"][0]["content"][0]["text"], TEXT);
    assert_eq!(body["usage"]["input_tokens"], 2);
    assert_eq!(body["usage"]["output_tokens"], 12);
    assert_eq!(
        body["usage"]["output_tokens_details"]["reasoning_tokens"],
        0
    );
}

#[tokio::test]
async fn a_response_stream_has_each_event_in_its_order() {
    let bench = Bench::new();
    let asked = json!({
        "model": "gpt-5",
        "stream": true,
        "input": [{ "role": "user", "content": [
            { "type": "input_text", "text": "[[sim {\"chunks\":2}]]" },
        ] }],
    });
    let events = bench.events(RESPONSES, &asked).await;
    let names: Vec<&str> = events
        .iter()
        .filter_map(|event| event.name.as_deref())
        .collect();
    assert_eq!(
        names,
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event.json()["sequence_number"], number);
        assert_eq!(event.json()["type"].as_str(), event.name.as_deref());
    }
    assert!(events[0].json()["response"]["usage"].is_null());
    let last = events[9].json();
    assert_eq!(last["response"]["usage"]["output_tokens"], 12);
    assert_eq!(last["response"]["output"][0]["content"][0]["text"], TEXT);
}

#[tokio::test]
async fn a_capped_response_is_incomplete() {
    let bench = Bench::new();
    let asked = json!({ "model": "m", "input": "x", "max_output_tokens": 2, "stream": true });
    let last = bench.events(RESPONSES, &asked).await.pop().unwrap();
    assert_eq!(last.name.as_deref(), Some("response.incomplete"));
    let details = &last.json()["response"]["incomplete_details"];
    assert_eq!(details["reason"], "max_output_tokens");
}

#[tokio::test]
async fn embeddings_are_the_same_as_numbers_and_as_base64() {
    let bench = Bench::new();
    let asked = |format: &str| {
        let model = "text-embedding-3-small";
        json!({ "model": model, "input": ["one", "two"], "encoding_format": format })
    };
    let (_, numbers) = bench.json(EMBEDDINGS, &asked("float")).await;
    let (_, base64) = bench.json(EMBEDDINGS, &asked("base64")).await;
    assert_eq!(
        numbers["usage"],
        json!({ "prompt_tokens": 2, "total_tokens": 2 })
    );
    for index in 0..2 {
        let numbers = numbers["data"][index]["embedding"].as_array().unwrap();
        let bytes = STANDARD
            .decode(base64["data"][index]["embedding"].as_str().unwrap())
            .unwrap();
        let decoded: Vec<Value> = bytes
            .chunks_exact(4)
            .map(|four| json!(f32::from_le_bytes(four.try_into().unwrap())))
            .collect();
        assert_eq!(numbers, &decoded);
        assert_eq!(numbers.len(), 1536);
    }
}

#[tokio::test]
async fn each_compatible_provider_answers_under_its_own_prefix() {
    let bench = Bench::new();
    for (prefix, provider) in [
        ("/v1", "openai"),
        ("/groq/openai/v1", "groq"),
        ("/together/v1", "together"),
        ("/mistral/v1", "mistral"),
        ("/cohere/compatibility/v1", "cohere"),
        ("/ollama/v1", "ollama"),
        ("/google/v1beta/openai", "google"),
        ("/anthropic/v1", "anthropic"),
    ] {
        let (status, _) = bench
            .json(
                &format!("{prefix}/chat/completions"),
                &chat("hi", &json!({})),
            )
            .await;
        assert_eq!(status, 200, "{prefix}");
        assert_eq!(bench.simulator.log().pop().unwrap()["provider"], provider);
    }
    let models = bench.get("/openai/v1/models").await;
    assert_eq!(models["object"], "list");
    assert_eq!(bench.get("/openai/v1/models/any").await["id"], "any");
}

#[tokio::test]
async fn what_openai_refuses_is_refused_in_its_shape() {
    let bench = Bench::new();
    let hello = chat("hi", &json!({}));
    let call = || bench.client.post(bench.url(CHAT));
    let nameless = json!({ "messages": [] });
    let cases = [
        (call().json(&hello), 401, Value::Null),
        (call().json(&hello).bearer_auth(""), 401, Value::Null),
        (
            call().json(&hello).header("x-api-key", KEY),
            401,
            Value::Null,
        ),
        (
            call().json(&hello).bearer_auth("sk-DEAD-12345678"),
            401,
            json!("invalid_api_key"),
        ),
        (call().body("{").bearer_auth(KEY), 400, Value::Null),
        (
            call().json(&nameless).bearer_auth(KEY),
            400,
            json!("missing_required_parameter"),
        ),
        (
            bench.client.get(bench.url(CHAT)).bearer_auth(KEY),
            404,
            Value::Null,
        ),
    ];
    for (call, status, code) in cases {
        let response = call.send().await.unwrap();
        assert_eq!(response.status(), status);
        let error = response.json::<Value>().await.unwrap()["error"].take();
        assert_eq!(
            (&error["type"], &error["code"]),
            (&json!("invalid_request_error"), &code)
        );
    }
    assert!(
        bench
            .simulator
            .log()
            .iter()
            .all(|entry| entry["billed"] == false)
    );
}
