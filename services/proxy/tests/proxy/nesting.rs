//! Bodies that are nested deeper than a provider's reader may bear.

use reqwest::StatusCode;
use serde_json::Value;

use crate::stage::{Stage, roomy};

#[tokio::test]
async fn a_body_is_nested_so_deep_and_no_deeper() {
    let stage = Stage::new().await;
    let granted = stage
        .grant(&["openai", "anthropic", "google"], roomy())
        .await;
    // `messages` stands at the second level, so with as many arrays as this the body is at its bound.
    for (levels, fits) in [(127, true), (128, false)] {
        let nested = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        for (path, usual) in [
            (
                "/v1/openai/chat/completions",
                r#""model":"gpt-4o","messages":[{"role":"user","content":"hi [[["}]"#,
            ),
            (
                "/v1/anthropic/v1/messages",
                r#""model":"claude-sonnet-4-5","max_tokens":5,"messages":[{"role":"user","content":"hi"}]"#,
            ),
            (
                "/v1/google/v1beta/models/gemini-2.5-pro:generateContent",
                r#""contents":[{"parts":[{"text":"hi"}]}]"#,
            ),
            (
                "/v1/chat/completions",
                r#""model":"openai/gpt-4o","messages":[{"role":"user","content":"hi"}]"#,
            ),
        ] {
            let request = stage.post(&granted, path, &Value::Null);
            let body = format!("{{{usual},\"metadata\":{nested}}}");
            let response = request.body(body).send().await.unwrap();
            let (status, text) = (response.status(), response.text().await.unwrap());
            if fits {
                assert_eq!(status, StatusCode::OK, "{path}: {text}");
                continue;
            }
            assert_eq!(status, StatusCode::BAD_REQUEST, "{path}: {text}");
            let answer: Value = serde_json::from_str(&text).unwrap();
            let message = answer["error"]["message"].as_str().unwrap();
            assert!(message.contains("128 levels"), "{path}: {message}");
        }
    }
    assert_eq!(stage.simulator.log().len(), 4);
}
