//! Moderation, images, speech and transcriptions through the whole gate.

use std::fmt::Write as _;

use events::{CallOutcome, CallRecord, Capability, Measurement};
use money::Nanodollars;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::stage::{Granted, Stage, client, read};

const SAYS: &str = "[[sim {\"input_tokens\":100,\"output_tokens\":20}]] hello";

async fn all_granted(stage: &Stage) -> Granted {
    let all = [
        Capability::Images,
        Capability::Audio,
        Capability::Moderation,
    ];
    stage
        .granted(&["openai"], |detail| detail.capabilities = all.into())
        .await
}

fn form(stage: &Stage, granted: &Granted, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
    let mut body = String::new();
    for (name, value) in fields {
        let _ = write!(
            body,
            "--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        );
    }
    // Silence of 16,384 bytes a second.
    let format =
        "RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\0\x20\0\0\0\x40\0\0\x02\0\x10\0data\0\0\0\0";
    let file = format.to_owned() + &"\0".repeat(40_000);
    let _ = write!(
        body,
        "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n{file}\r\n--B--\r\n"
    );
    let request = client().post(format!("{}{path}", stage.url));
    request
        .bearer_auth(granted.token.reveal())
        .header("content-type", "multipart/form-data; boundary=B")
        .body(body)
}

fn measured(record: &CallRecord, dollars_in_nanos: i64) {
    assert_eq!(
        (record.outcome, record.measurement, record.cost),
        (
            CallOutcome::Completed,
            Measurement::Measured,
            Nanodollars::from_nanos(dollars_in_nanos)
        ),
        "{record:#?}"
    );
    assert!(record.cost <= record.reserved);
}

#[tokio::test]
async fn moderation_is_free_and_names_its_model() {
    let stage = Stage::new().await;
    let granted = all_granted(&stage).await;
    let body = json!({"input": "hello"});
    let call = stage.post(&granted, "/v1/openai/moderations", &body);
    let (status, answer) = read(call.send().await.unwrap()).await;
    assert_eq!(
        (status, &answer["model"]),
        (200, &json!("omni-moderation-latest"))
    );
    let record = stage.records(1).await.pop().unwrap();
    assert_eq!(
        (record.capability, record.route.as_str()),
        (Capability::Moderation, "/moderations")
    );
    measured(&record, 0);
}

#[tokio::test]
async fn images_are_charged_as_they_were_drawn() {
    let stage = Stage::new().await;
    let granted = all_granted(&stage).await;
    let path = "/v1/openai/images/generations";
    let mut body = json!({"model": "gpt-image-2", "prompt": SAYS, "n": 2, "size": "1024x1024", "quality": "low"});
    let (status, answer) = read(stage.post(&granted, path, &body).send().await.unwrap()).await;
    assert_eq!((status, answer["data"].as_array().unwrap().len()), (200, 2));
    // 100 tokens at 5 USD and twice 20 at 30 USD a million.
    let cost = 100 * 5_000 + 40 * 30_000;
    let record = stage.records(1).await.pop().unwrap();
    assert_eq!((record.usage.input, record.usage.output), (100, 40));
    measured(&record, cost);
    body["stream"] = true.into();
    let response = stage.post(&granted, path, &body).send().await.unwrap();
    assert_eq!(
        response.headers()["content-type"],
        "text/event-stream; charset=utf-8"
    );
    let text = response.text().await.unwrap();
    assert_eq!(text.matches("event: image_generation.completed").count(), 2);
    measured(&stage.records(2).await[1], cost);
    let record = &stage.records(2).await[1];
    assert!(record.stream && record.capability == Capability::Images);
}

#[tokio::test]
async fn an_image_larger_than_what_is_kept_goes_by_and_is_metered() {
    let stage = Stage::new().await;
    let granted = all_granted(&stage).await;
    for (count, stream) in [false, true].into_iter().enumerate() {
        let says = "[[sim {\"input_tokens\":100,\"output_tokens\":20,\"body_bytes\":6000000}]]";
        let body = json!({"model": "gpt-image-2", "prompt": says, "stream": stream});
        let call = stage.post(&granted, "/v1/openai/images/generations", &body);
        let answer = call.send().await.unwrap().bytes().await.unwrap();
        assert!(answer.len() > 6_000_000, "{}", answer.len());
        measured(
            &stage.records(count + 1).await[count],
            100 * 5_000 + 20 * 30_000,
        );
    }
}

#[tokio::test]
async fn speech_comes_as_bytes_or_as_events() {
    let stage = Stage::new().await;
    let granted = all_granted(&stage).await;
    let path = "/v1/openai/audio/speech";
    let mut body = json!({"model": "tts-1", "voice": "alloy", "input": "hello"});
    let response = stage.post(&granted, path, &body).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "audio/mpeg");
    assert!(response.bytes().await.unwrap().starts_with(b"ID3"));
    // Five characters at 15 USD a million.
    measured(&stage.records(1).await[0], 5 * 15_000);
    body["model"] = "gpt-4o-mini-tts".into();
    stage
        .post(&granted, path, &body)
        .send()
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    let untold = stage.records(2).await.pop().unwrap();
    assert_eq!(
        (untold.measurement, untold.cost),
        (Measurement::Estimated, untold.reserved)
    );
    assert!(untold.cost > Nanodollars::ZERO);
    body["input"] = SAYS.into();
    body["stream_format"] = "sse".into();
    let events = stage
        .post(&granted, path, &body)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(events.contains("speech.audio.done"), "{events}");
    measured(&stage.records(3).await[2], 100 * 600 + 20 * 12_000);
}

#[tokio::test]
async fn recordings_are_charged_by_what_the_provider_tells() {
    let stage = Stage::new().await;
    let granted = all_granted(&stage).await;
    let path = "/v1/openai/audio/transcriptions";
    let whisper = [("model", "whisper-1")];
    let (status, answer) = read(form(&stage, &granted, path, &whisper).send().await.unwrap()).await;
    assert_eq!((status, &answer["usage"]["seconds"]), (200, &json!(3)));
    // Three begun seconds, there and here, at 0.36 USD an hour.
    let record = stage.records(1).await.pop().unwrap();
    measured(&record, 300_000);
    assert_eq!(record.reserved, Nanodollars::from_nanos(300_000));
    for (count, stream) in ["false", "true"].into_iter().enumerate() {
        let fields = [
            ("model", "gpt-4o-transcribe"),
            ("prompt", SAYS),
            ("stream", stream),
        ];
        let response = form(&stage, &granted, path, &fields).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let text = response.text().await.unwrap();
        let record = &stage.records(count + 2).await[count + 1];
        measured(record, 100 * 6_000 + 20 * 10_000);
        assert_eq!(record.stream, stream == "true", "{text}");
    }
    let plain = [("model", "whisper-1"), ("response_format", "srt")];
    let response = form(&stage, &granted, path, &plain).send().await.unwrap();
    assert_eq!(
        response.headers()["content-type"],
        "text/plain; charset=utf-8"
    );
    assert!(response.text().await.unwrap().contains("simulator"));
    let untold = stage.records(4).await.pop().unwrap();
    assert_eq!(
        (untold.measurement, untold.cost),
        (Measurement::Estimated, untold.reserved)
    );
    let path = "/v1/openai/audio/translations";
    assert_eq!(
        form(&stage, &granted, path, &whisper)
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    assert_eq!(stage.records(5).await[4].route, "/audio/translations");
}

#[tokio::test]
async fn a_form_that_could_be_read_two_ways_reaches_nobody() {
    let stage = Stage::new().await;
    let granted = all_granted(&stage).await;
    let path = "/v1/openai/audio/transcriptions";
    for (fields, status) in [
        (
            &[("model", "whisper-1"), ("model", "gpt-4o-transcribe")][..],
            400,
        ),
        (
            &[("model", "whisper-1"), ("Model", "gpt-4o-transcribe")],
            400,
        ),
        (
            &[("model", "whisper-1"), ("model[]", "gpt-4o-transcribe")],
            400,
        ),
        (
            &[(
                "model",
                "whisper-1\r\n--B\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nx",
            )],
            400,
        ),
        (
            &[("model", "whisper-1"), ("url", "https://a.test/a.mp3")],
            403,
        ),
        (&[("stream", "true")], 400),
    ] {
        let response = form(&stage, &granted, path, fields).send().await.unwrap();
        assert_eq!(response.status(), status, "{fields:?}");
    }
    let json = stage.post(&granted, path, &json!({"model": "whisper-1"}));
    assert_eq!(json.send().await.unwrap().status(), 415);
    assert_eq!(stage.simulator.totals()["calls"], 0);
}

#[tokio::test]
async fn each_route_needs_its_capability_and_its_price() {
    let stage = Stage::new().await;
    let chat = stage.grant(&["openai"], crate::stage::roomy()).await;
    let granted = all_granted(&stage).await;
    for (path, model, unpriced) in [
        (
            "/v1/openai/images/generations",
            "gpt-image-2",
            Some("dall-e-3"),
        ),
        ("/v1/openai/audio/speech", "tts-1", Some("whisper-1")),
        ("/v1/openai/moderations", "omni-moderation-latest", None),
    ] {
        let body = |model| json!({"model": model, "prompt": "a", "input": "a", "voice": "alloy"});
        let refused = stage.post(&chat, path, &body(model)).send().await.unwrap();
        let (status, told) = read(refused).await;
        assert_eq!(
            (status, &told["error"]["type"]),
            (403, &json!("capability_not_granted")),
            "{path}"
        );
        if let Some(unpriced) = unpriced {
            let refused = stage
                .post(&granted, path, &body(unpriced))
                .send()
                .await
                .unwrap();
            assert_eq!(
                read(refused).await.1["error"]["type"],
                "price_unknown",
                "{path}"
            );
        }
    }
    assert_eq!(stage.simulator.totals()["calls"], 0);
}

#[tokio::test]
async fn what_is_not_offered_is_named() {
    let stage = Stage::new().await;
    let granted = all_granted(&stage).await;
    for (path, words) in [
        ("files", "files"),
        ("batches", "batches"),
        ("realtime/sessions", "realtime sessions"),
        ("images/variations", "this work on images"),
    ] {
        let path = format!("/v1/openai/{path}");
        let (status, told) = read(
            stage
                .post(&granted, &path, &Value::Null)
                .send()
                .await
                .unwrap(),
        )
        .await;
        let message = told["error"]["message"].as_str().unwrap();
        assert!(
            status == 404 && message.contains(&format!("not offered here: {words}")),
            "{told}"
        );
    }
}

#[tokio::test]
async fn the_key_comes_back_in_no_sound_and_no_text() {
    let stage = Stage::new().await;
    let granted = all_granted(&stage).await;
    let key = crate::stage::KEYS[0].1;
    let echo = "[[sim {\"echo\":true}]]";
    let speech = json!({"model": "tts-1", "voice": "alloy", "input": echo});
    let whole = [("model", "whisper-1"), ("prompt", echo)];
    let plain = [
        ("model", "whisper-1"),
        ("prompt", echo),
        ("response_format", "text"),
    ];
    let stream = [
        ("model", "gpt-4o-transcribe"),
        ("prompt", echo),
        ("stream", "true"),
    ];
    let path = "/v1/openai/audio/transcriptions";
    for call in [
        stage.post(&granted, "/v1/openai/audio/speech", &speech),
        form(&stage, &granted, path, &whole),
        form(&stage, &granted, path, &plain),
        form(&stage, &granted, path, &stream),
    ] {
        let answer = call.send().await.unwrap().text().await.unwrap();
        assert!(!answer.contains(&key[8..16]), "{answer}");
        assert!(answer.contains("cannot be passed on"), "{answer}");
    }
    let records = stage.records(4).await;
    let stopped = |record: &CallRecord| record.outcome == CallOutcome::ProviderError;
    assert!(records.iter().all(stopped), "{records:#?}");
}

#[tokio::test]
async fn a_recording_whose_length_nobody_can_tell_is_refused_where_that_is_charged() {
    let stage = Stage::new().await;
    let granted = all_granted(&stage).await;
    let call = |model: &str| {
        let field = "--B\r\nContent-Disposition: form-data; name=";
        let body = format!(
            "{field}\"model\"\r\n\r\n{model}\r\n{field}\"file\"; filename=\"a.mp3\"\r\n\r\nnoise\r\n--B--\r\n"
        );
        let request = client().post(format!("{}/v1/openai/audio/transcriptions", stage.url));
        let request = request.bearer_auth(granted.token.reveal());
        request
            .header("content-type", "multipart/form-data; boundary=B")
            .body(body)
            .send()
    };
    let (status, answer) = read(call("whisper-1").await.unwrap()).await;
    assert_eq!(
        (status, &answer["error"]["param"]),
        (400, &json!("file")),
        "{answer}"
    );
    assert!(stage.simulator.log().is_empty());
    // Charged by tokens, which its window bounds.
    assert_eq!(call("gpt-4o-transcribe").await.unwrap().status(), 200);
}
