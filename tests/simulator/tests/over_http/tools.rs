//! Tools: one is called when the script wants it, and what it answers is told.

use serde_json::{Value, json};

use crate::{Bench, Event, chat, contents, message, with};

const CHAT: &str = "/openai/v1/chat/completions";
const RESPONSES: &str = "/openai/v1/responses";
const MESSAGES: &str = "/anthropic/v1/messages";
const GOOGLE: &str = "/google/v1beta/models/gemini-2.5-flash";
const ASKED: &str = r#"Go on. [[sim {"tool_input":{"city":"Oslo"}}]]"#;
const INPUT: &str = r#"{"city":"Oslo"}"#;

#[tokio::test]
async fn a_chat_completion_calls_a_tool() {
    let bench = Bench::new();
    let tools = json!([{ "type": "function", "function": { "name": "weather" } }]);
    let asked = chat(ASKED, &json!({ "tools": tools }));
    let (_, body) = bench.json(CHAT, &asked).await;
    let choice = &body["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    assert_eq!(choice["message"]["content"], Value::Null);
    let called = json!({ "name": "weather", "arguments": INPUT });
    assert_eq!(choice["message"]["tool_calls"][0]["function"], called);
    assert_eq!(body["usage"]["completion_tokens"], 12);

    let events = bench
        .events(CHAT, &with(asked, &json!({ "stream": true })))
        .await;
    let (done, chunks) = events.split_last().unwrap();
    assert_eq!(done.data, "[DONE]");
    let chunks: Vec<Value> = chunks.iter().map(Event::json).collect();
    let deltas = chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]);
    let called = |delta: &Value| delta["tool_calls"][0]["function"].clone();
    assert_eq!(called(&chunks[0]["choices"][0]["delta"])["name"], "weather");
    let arguments: String = deltas
        .filter_map(|delta| called(delta)["arguments"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(arguments, INPUT);
}

#[tokio::test]
async fn a_response_calls_a_tool() {
    let bench = Bench::new();
    let asked = json!({
        "model": "gpt-5",
        "input": ASKED,
        "tools": [{ "type": "function", "name": "weather" }],
    });
    let (_, body) = bench.json(RESPONSES, &asked).await;
    let item = &body["output"][0];
    assert_eq!(
        (&item["type"], &item["name"], &item["arguments"]),
        (&json!("function_call"), &json!("weather"), &json!(INPUT))
    );
    let events = bench
        .events(RESPONSES, &with(asked, &json!({ "stream": true })))
        .await;
    let arguments: String = events
        .iter()
        .map(Event::json)
        .filter_map(|event| event["delta"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(arguments, INPUT);
    let last = events.last().unwrap().json();
    assert_eq!(last["response"]["output"][0]["arguments"], INPUT);
}

#[tokio::test]
async fn a_message_calls_a_tool() {
    let bench = Bench::new();
    let asked = message(ASKED, &json!({ "tools": [{ "name": "weather" }] }));
    let (_, body) = bench.json(MESSAGES, &asked).await;
    assert_eq!(body["stop_reason"], "tool_use");
    let used = &body["content"][0];
    assert_eq!(
        (&used["type"], &used["name"], &used["input"]),
        (
            &json!("tool_use"),
            &json!("weather"),
            &json!({ "city": "Oslo" })
        )
    );
    let events = bench
        .events(MESSAGES, &with(asked, &json!({ "stream": true })))
        .await;
    let input: String = events
        .iter()
        .map(Event::json)
        .filter_map(|event| event["delta"]["partial_json"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(input, INPUT);
}

#[tokio::test]
async fn generated_content_calls_a_tool_in_one_piece() {
    let bench = Bench::new();
    let tools = json!({ "tools": [{ "functionDeclarations": [{ "name": "weather" }] }] });
    let asked = with(contents(ASKED), &tools);
    let called = json!([{ "functionCall": { "name": "weather", "args": { "city": "Oslo" } } }]);
    let path = format!("{GOOGLE}:generateContent");
    let (_, body) = bench.json(&path, &asked).await;
    assert_eq!(body["candidates"][0]["content"]["parts"], called);
    let path = format!("{GOOGLE}:streamGenerateContent?alt=sse");
    let events = bench.events(&path, &asked).await;
    assert_eq!(events.len(), 1);
    let only = events[0].json();
    assert_eq!(only["candidates"][0]["content"]["parts"], called);
    assert_eq!(only["usageMetadata"]["candidatesTokenCount"], 12);
}

#[tokio::test]
async fn what_a_tool_answered_is_told() {
    let bench = Bench::new();
    let messages = json!([
        { "role": "user", "content": ASKED },
        { "role": "tool", "tool_call_id": "call_1", "content": "4 degrees" },
    ]);
    let tools = json!([{ "type": "function", "function": { "name": "weather" } }]);
    let asked = chat("", &json!({ "messages": messages, "tools": tools }));
    let (_, body) = bench.json(CHAT, &asked).await;
    let choice = &body["choices"][0];
    assert_eq!(choice["message"]["content"], "The tool says: 4 degrees");
    assert_eq!(choice["finish_reason"], "stop");
}
