//! Images and sounds where text is usual: what they need, and what they are charged.

use events::{Capability, Measurement};
use money::Nanodollars;
use serde_json::{Value, json};

use crate::{
    listener::Listener,
    stage::{Stage, read, roomy},
};

const OF_GOOGLE: &str = "/v1/google/v1beta/models";

#[tokio::test]
async fn a_model_that_draws_unasked_needs_images_whatever_its_name() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["google"], roomy()).await;
    let body = json!({"contents": [{"parts": [{"text": "a cat"}]}]});
    for model in ["gemini-nano-banana-2.1", "gemini-2.5-flash-image"] {
        let path = format!("{OF_GOOGLE}/{model}:generateContent");
        let (status, answer) = read(stage.post(&granted, &path, &body).send().await.unwrap()).await;
        assert_eq!(status, 403, "{model}: {answer}");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains("images"), "{message}");
    }
    assert!(stage.simulator.log().is_empty());
}

#[tokio::test]
async fn images_are_written_where_they_are_granted_and_have_a_price() {
    let stage = Stage::new().await;
    let granted = stage
        .granted(&["google"], |detail| {
            detail.capabilities.insert(Capability::Images);
        })
        .await;
    for (model, expected) in [("gemini-2.5-flash-image", 200), ("gemini-2.5-pro", 400)] {
        let body = json!({
            "contents": [{"parts": [{"text": "a cat"}]}],
            "generationConfig": {"responseModalities": ["TEXT", "IMAGE"], "maxOutputTokens": 2_000},
        });
        let path = format!("{OF_GOOGLE}/{model}:generateContent");
        let (status, answer) = read(stage.post(&granted, &path, &body).send().await.unwrap()).await;
        assert_eq!(status, expected, "{model}: {answer}");
    }
    // 30 USD for a million tokens of an image.
    let record = stage.records(1).await.pop().unwrap();
    assert!(record.reserved >= Nanodollars::from_nanos(2_000 * 30_000));
}

/// A stage whose provider answers each call with this.
async fn answered(flag: &str, answer: &Value) -> (Stage, Listener) {
    let provider = Listener::saying("200 OK", &answer.to_string()).await;
    let stage = Stage::with(&[&format!(
        "--provider-url={flag}=http://{}",
        provider.address
    )])
    .await;
    (stage, provider)
}

#[tokio::test]
async fn what_may_be_an_image_is_charged_as_one_unless_it_is_told_apart() {
    let body =
        json!({"model": "google/gemini-2.5-flash-image", "max_tokens": 2_000, "messages": []});
    for (details, as_image, measurement) in [
        (json!(null), 1_000, Measurement::Estimated),
        (json!({"image_tokens": 600}), 600, Measurement::Measured),
    ] {
        let usage = json!({
            "prompt_tokens": 0, "completion_tokens": 1_000, "completion_tokens_details": details
        });
        let (stage, _provider) = answered("google", &json!({"choices": [], "usage": usage})).await;
        let granted = stage
            .granted(&["google"], |detail| {
                detail.capabilities.insert(Capability::Images);
            })
            .await;
        let call = stage.post(&granted, "/v1/chat/completions", &body);
        assert_eq!(call.send().await.unwrap().status(), 200);
        let record = stage.records(1).await.pop().unwrap();
        let cost = as_image * 30_000 + (1_000 - as_image) * 2_500;
        assert_eq!(
            (record.measurement, record.cost),
            (measurement, Nanodollars::from_nanos(cost))
        );
        assert!(record.cost <= record.reserved);
    }
}

#[tokio::test]
async fn work_in_one_region_is_held_and_charged_at_its_price() {
    let body = json!({"model": "claude-sonnet-4-5", "max_tokens": 100, "messages": []});
    let mut costs = Vec::new();
    for region in ["global", "us"] {
        let usage = json!({"input_tokens": 10, "output_tokens": 100, "inference_geo": region});
        let message = json!({"type": "message", "content": [], "usage": usage});
        let (stage, _provider) = answered("anthropic", &message).await;
        let granted = stage.grant(&["anthropic"], roomy()).await;
        let call = stage.post(&granted, "/v1/anthropic/v1/messages", &body);
        assert_eq!(call.send().await.unwrap().status(), 200);
        let record = stage.records(1).await.pop().unwrap();
        assert_eq!(record.measurement, Measurement::Measured);
        assert!(record.cost <= record.reserved);
        costs.push(record.cost.nanos());
    }
    assert_eq!(costs[1] * 10, costs[0] * 11);
}
