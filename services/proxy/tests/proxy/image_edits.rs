//! Images that are made from others, through the whole gate.

use std::fmt::Write as _;

use events::{CallOutcome, Capability, Measurement};
use money::Nanodollars;
use reqwest::RequestBuilder;
use serde_json::json;

use crate::stage::{Granted, Stage, client, read, roomy};

const PATH: &str = "/v1/openai/images/edits";
const SAYS: &str = "[[sim {\"input_tokens\":100,\"output_tokens\":20}]] a hat";

async fn granted(stage: &Stage) -> Granted {
    let images = |detail: &mut events::AuthorizationDetail| {
        detail.capabilities = [Capability::Images].into();
    };
    stage.granted(&["openai"], images).await
}

fn form(
    stage: &Stage,
    granted: &Granted,
    fields: &[(&str, &str)],
    files: &[&str],
) -> RequestBuilder {
    let mut body = String::new();
    for (name, value) in fields {
        let _ = write!(
            body,
            "--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
    }
    for name in files {
        let _ = write!(
            body,
            "--B\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"a.png\"\r\n\
             Content-Type: image/png\r\n\r\nPNG\r\n"
        );
    }
    body.push_str("--B--\r\n");
    let request = client().post(format!("{}{PATH}", stage.url));
    request
        .bearer_auth(granted.token.reveal())
        .header("content-type", "multipart/form-data; boundary=B")
        .body(body)
}

fn fields<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let plain = [("model", "gpt-image-2"), ("prompt", SAYS)];
    plain.iter().chain(more).copied().collect()
}

#[tokio::test]
async fn edits_are_charged_as_they_were_read_and_drawn() {
    let stage = Stage::new().await;
    let granted = granted(&stage).await;
    let files = ["image[]", "image[]", "mask"];
    for (count, stream) in ["false", "true"].into_iter().enumerate() {
        let fields = fields(&[("n", "2"), ("size", "1024x1024"), ("stream", stream)]);
        let call = form(&stage, &granted, &fields, &files);
        let answer = call.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let text = answer.text().await.unwrap();
        if stream == "true" {
            assert_eq!(text.matches("event: image_edit.completed").count(), 2);
        }
        let record = stage.records(count + 1).await.pop().unwrap();
        assert_eq!(
            (record.outcome, record.measurement),
            (CallOutcome::Completed, Measurement::Measured)
        );
        // 100 tokens at 5 USD and twice 20 at 30 USD a million.
        let cost = Nanodollars::from_nanos(100 * 5_000 + 40 * 30_000);
        assert_eq!(record.cost, cost);
        assert!(record.cost < record.reserved);
        assert_eq!(
            (record.capability, record.route.as_str(), record.stream),
            (Capability::Images, "/images/edits", stream == "true")
        );
    }
}

#[tokio::test]
async fn each_image_that_is_read_is_held() {
    let stage = Stage::new().await;
    let granted = granted(&stage).await;
    let mut held = Vec::new();
    for files in [&["image"][..], &["image[]", "image[]"], &["image", "mask"]] {
        let call = form(&stage, &granted, &fields(&[]), files);
        assert_eq!(call.send().await.unwrap().status(), 200, "{files:?}");
        held.push(stage.records(held.len() + 1).await[held.len()].reserved);
    }
    assert!(held[0] < held[1] && held[1] == held[2], "{held:?}");
}

#[tokio::test]
async fn a_form_that_could_be_read_two_ways_reaches_nobody() {
    let stage = Stage::new().await;
    let granted = granted(&stage).await;
    for (more, files, status) in [
        (&[("model", "gpt-image-1")][..], &["image"][..], 400),
        (&[("Model", "gpt-image-1")], &["image"], 400),
        (&[("n", "1"), ("n", "2")], &["image"], 400),
        (&[("n", "1000")], &["image"], 400),
        (&[("size", "1000x9999")], &["image"], 400),
        (&[], &["image", "image"], 400),
        (&[], &["image", "image[]"], 400),
        (&[], &["image[0]"], 400),
        (&[], &["mask"], 400),
        (&[("images", "[]")], &["image"], 403),
    ] {
        let call = form(&stage, &granted, &fields(more), files);
        assert_eq!(
            call.send().await.unwrap().status(),
            status,
            "{more:?} {files:?}"
        );
    }
    let json = stage.post(&granted, PATH, &json!({"model": "gpt-image-2"}));
    assert_eq!(json.send().await.unwrap().status(), 415);
    let chat = stage.grant(&["openai"], roomy()).await;
    let refused = form(&stage, &chat, &fields(&[]), &["image"]);
    let (status, told) = read(refused.send().await.unwrap()).await;
    assert_eq!(
        (status, &told["error"]["type"]),
        (403, &json!("capability_not_granted"))
    );
    assert_eq!(stage.simulator.totals()["calls"], 0);
}
