//! Google's dialect.

use serde_json::{Value, json};

use crate::{Bench, Event, KEY, TEXT, contents, with};

const MODEL: &str = "/google/v1beta/models/gemini-2.5-flash";

#[tokio::test]
async fn generated_content_has_googles_shape_in_both_versions() {
    let bench = Bench::new();
    for version in ["v1", "v1beta"] {
        let path = format!("/google/{version}/models/gemini-2.5-flash:generateContent");
        let (status, body) = bench.json(&path, &contents("hello")).await;
        assert_eq!(status, 200);
        let candidate = &body["candidates"][0];
        assert_eq!(
            candidate["content"],
            json!({ "parts": [{ "text": TEXT }], "role": "model" })
        );
        assert_eq!(candidate["finishReason"], "STOP");
        assert_eq!(body["modelVersion"], "gemini-2.5-flash");
        let usage = &body["usageMetadata"];
        assert_eq!(usage["promptTokenCount"], 2);
        assert_eq!(usage["candidatesTokenCount"], 12);
        assert_eq!(usage["totalTokenCount"], 14);
        assert!(usage.get("thoughtsTokenCount").is_none());
    }
}

#[tokio::test]
async fn each_event_of_a_stream_tells_the_usage_so_far() {
    let bench = Bench::new();
    let path = format!("{MODEL}:streamGenerateContent?alt=sse");
    let script = r#"[[sim {"chunks":3,"reasoning_tokens":6,"input_tokens":9,"cached_tokens":4}]]"#;
    let events = bench.events(&path, &contents(script)).await;
    let data: Vec<Value> = events.iter().map(Event::json).collect();
    let totals: Vec<&Value> = data
        .iter()
        .map(|e| &e["usageMetadata"]["totalTokenCount"])
        .collect();
    assert_eq!(totals, [15, 21, 27]);
    let last = &data[2]["usageMetadata"];
    assert_eq!(
        (&last["candidatesTokenCount"], &last["thoughtsTokenCount"]),
        (&json!(12), &json!(6))
    );
    assert_eq!(last["cachedContentTokenCount"], 4);
    assert!(data[1]["candidates"][0].get("finishReason").is_none());
    assert_eq!(data[2]["candidates"][0]["finishReason"], "STOP");
    let entry = bench.entry().await;
    assert_eq!(
        (&entry["output_tokens"], &entry["reasoning_tokens"]),
        (&json!(18), &json!(6))
    );
    assert_eq!(entry["stream"], true);
}

#[tokio::test]
async fn a_stream_without_events_is_one_json_list() {
    let bench = Bench::new();
    let (_, body) = bench
        .json(
            &format!("{MODEL}:streamGenerateContent"),
            &contents("hello"),
        )
        .await;
    let all = body.as_array().unwrap();
    assert_eq!(all.len(), 12);
    let text: String = all
        .iter()
        .filter_map(|one| one["candidates"][0]["content"]["parts"][0]["text"].as_str())
        .collect();
    assert_eq!(text, TEXT);
}

#[tokio::test]
async fn a_cap_ends_each_candidate() {
    let bench = Bench::new();
    let config = json!({ "generationConfig": { "maxOutputTokens": 2, "candidateCount": 2 } });
    let asked = with(contents("x"), &config);
    let (_, body) = bench
        .json(&format!("{MODEL}:generateContent"), &asked)
        .await;
    assert_eq!(body["candidates"][1]["finishReason"], "MAX_TOKENS");
    assert_eq!(body["usageMetadata"]["candidatesTokenCount"], 4);
}

#[tokio::test]
async fn counts_and_embeddings_have_googles_shape() {
    let bench = Bench::new();
    let (_, count) = bench
        .json(&format!("{MODEL}:countTokens"), &contents("hello"))
        .await;
    assert_eq!(count["totalTokens"], 2);
    let one = json!({ "content": { "parts": [{ "text": "hello" }] }, "outputDimensionality": 4 });
    let (_, body) = bench.json(&format!("{MODEL}:embedContent"), &one).await;
    assert_eq!(body["embedding"]["values"].as_array().unwrap().len(), 4);
    let two = json!({ "requests": [one, one] });
    let (_, body) = bench
        .json(&format!("{MODEL}:batchEmbedContents"), &two)
        .await;
    assert_eq!(body["embeddings"].as_array().unwrap().len(), 2);
    let totals = bench.get("/simulator/totals").await;
    assert_eq!(
        (&totals["calls"], &totals["billed_calls"]),
        (&json!(3), &json!(2))
    );
    assert_eq!(totals["input_tokens"], 2 + 3);
}

#[tokio::test]
async fn the_key_may_come_in_the_query_and_stays_out_of_the_log() {
    let bench = Bench::new();
    let url = bench.url(&format!("{MODEL}:generateContent?key={KEY}"));
    let response = bench
        .client
        .post(url)
        .json(&contents("x"))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let entry = bench.entry().await;
    assert_eq!(entry["key_last4"], "1234");
    assert!(!entry.to_string().contains(KEY));
}

#[tokio::test]
async fn what_google_refuses_is_refused_in_its_shape() {
    let bench = Bench::new();
    let call = |path: &str| bench.client.post(bench.url(path)).json(&contents("x"));
    let generate = format!("{MODEL}:generateContent");
    let cases = [
        (call(&generate), 403, "PERMISSION_DENIED"),
        (call(&generate).bearer_auth(KEY), 403, "PERMISSION_DENIED"),
        (
            call(&generate).header("x-goog-api-key", "a-DEAD-key"),
            400,
            "INVALID_ARGUMENT",
        ),
        (
            call(&format!("{MODEL}:tune")).header("x-goog-api-key", KEY),
            404,
            "NOT_FOUND",
        ),
    ];
    for (call, status, name) in cases {
        let response = call.send().await.unwrap();
        assert_eq!(response.status(), status);
        let error = response.json::<Value>().await.unwrap()["error"].take();
        assert_eq!(
            (&error["code"], &error["status"]),
            (&json!(status), &json!(name))
        );
        let reason = (status == 400).then_some("API_KEY_INVALID");
        assert_eq!(error["details"][0]["reason"].as_str(), reason);
    }
}
