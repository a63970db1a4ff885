use bytes::Bytes;
use serde_json::{Value, json};

use super::*;

fn edited(ask: &Ask, body: &Value) -> Value {
    let text = Bytes::from(body.to_string());
    serde_json::from_slice(&ask.edits.clone().apply(text)).unwrap()
}

#[test]
fn moderation_without_a_model_names_the_usual_one() {
    let body = json!({"input": "hello"});
    let ask = moderations(body.to_string().as_bytes()).unwrap();
    assert_eq!(ask.model, USUAL_MODERATION);
    assert_eq!(edited(&ask, &body)["model"], USUAL_MODERATION);
    let own = json!({"input": "hello", "model": "text-moderation-latest"});
    let ask = moderations(own.to_string().as_bytes()).unwrap();
    assert_eq!(
        (ask.model.as_str(), ask.edits.is_empty()),
        ("text-moderation-latest", true)
    );
    let null = json!({"input": "hello", "model": null});
    let ask = moderations(null.to_string().as_bytes()).unwrap();
    assert_eq!(edited(&ask, &null)["model"], USUAL_MODERATION);
}

fn image(body: &Value) -> Result<(Option<u32>, u64, u64), AskError> {
    let ask = images(body.to_string().as_bytes())?;
    Ok((ask.output_cap, ask.answers, ask.extra_output))
}

#[test]
fn an_image_is_bounded_by_size_and_quality() {
    for (model, size, quality, tokens) in [
        ("gpt-image-1", "1024x1024", "low", 272),
        ("gpt-image-1-mini", "1024x1536", "medium", 1_584),
        ("gpt-image-1.5", "1536x1024", "high", 6_208),
        ("chatgpt-image-latest", "auto", "auto", 6_240),
        ("gpt-image-2", "1024x1024", "low", 512),
        ("gpt-image-2", "1536x1024", "high", 2 * 8_192),
        ("gpt-image-2.5-flare", "3840x2160", "medium", 8 * 2_560),
        ("gpt-image-2", "auto", "not known", 2 * 8_192),
    ] {
        let body = json!({"model": model, "prompt": "a", "size": size, "quality": quality});
        assert_eq!(image(&body).unwrap(), (Some(tokens), 1, 1_024), "{body}");
    }
    let bare = json!({"model": "gpt-image-1", "prompt": "a"});
    assert_eq!(image(&bare).unwrap(), (Some(6_240), 1, 1_024));
    let many =
        json!({"model": "gpt-image-1", "prompt": "a", "n": 3, "stream": true, "partial_images": 2});
    assert_eq!(image(&many).unwrap(), (Some(6_240), 3, 3 * (1_024 + 200)));
}

#[test]
fn what_has_no_bound_is_no_image() {
    for (member, value) in [
        ("model", Value::Null),
        ("size", json!("9999x9999")),
        ("size", json!("1024x1024x2")),
        ("size", json!("01024x1024")),
        ("size", json!("+1024x1024")),
        ("size", json!("1000x1000")),
        ("n", json!(1000)),
        ("n", json!(0)),
        ("n", json!("2")),
        ("partial_images", json!(4)),
        ("partial_images", json!(1.0)),
        ("quality", json!(["low"])),
    ] {
        let mut body = json!({"model": "gpt-image-1", "prompt": "a"});
        body[member] = value;
        assert!(image(&body).is_err(), "{body}");
    }
    for twice in [
        r#"{"model":"gpt-image-1","model":"gpt-image-2"}"#,
        r#"{"model":"gpt-image-1","N":10}"#,
        r#"{"model":"gpt-image-1","partialImages":3}"#,
    ] {
        assert!(images(twice.as_bytes()).is_err(), "{twice}");
    }
}

#[test]
fn speech_is_bounded_by_its_text() {
    let of = |body: Value| speech(body.to_string().as_bytes());
    let ask = of(json!({"model": "tts-1", "voice": "alloy", "input": "Grüße 7"})).unwrap();
    assert_eq!((ask.input.characters, ask.stream), (7, false));
    assert_eq!(ask.output_cap, Some(128 + 8 * 4 + 16));
    let slow = of(
        json!({"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "a", "speed": 0.25, "stream_format": "sse"}),
    );
    let slow = slow.unwrap();
    assert_eq!((slow.output_cap, slow.stream), (Some(4 * (128 + 4)), true));
    assert!(of(json!({"model": "tts-1", "voice": "alloy", "input": ""})).is_err());
    assert!(of(json!({"voice": "alloy", "input": "a"})).is_err());
}

/// So many bytes of a silence of 16,384 bytes a second.
fn silence(bytes: usize) -> String {
    let format =
        "RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\0\x20\0\0\0\x40\0\0\x02\0\x10\0data\0\0\0\0";
    format.to_owned() + &"\0".repeat(bytes)
}

fn form(fields: &[(&str, &str)], sound: &str) -> Result<Ask, AskError> {
    let field = |(name, value): &(&str, &str)| {
        format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let file = "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\n\r\n";
    let body = fields.iter().map(field).collect::<String>() + file + sound + "\r\n--B--\r\n";
    let kind = FormType::parse("multipart/form-data; boundary=B").unwrap();
    recording(Some(&kind), body.as_bytes())
}

#[test]
fn a_recording_is_as_long_as_it_sounds() {
    let whisper = [("model", "whisper-1"), ("stream", "true")];
    let ask = form(&whisper, &silence(16_386)).unwrap();
    assert_eq!((ask.model.as_str(), ask.stream), ("whisper-1", true));
    assert_eq!((ask.input.audio_seconds, ask.input.likely_seconds), (2, 2));
    // Of what is no recording nobody knows: it depends on the price whether that matters.
    for unknown in ["", "ID3", &"x".repeat(2_000)] {
        assert_eq!(form(&whisper, unknown).unwrap().input.audio_seconds, 0);
    }
    for fields in [
        &[][..],
        &[("model", "whisper-1"), ("model", "gpt-4o-transcribe")],
        &[("model", "whisper-1"), ("url", "https://a.test/long.mp3")],
        &[("model", "whisper-1"), ("stream", "yes")],
        &[("model", "")],
        &[("model", " whisper-1")],
    ] {
        assert!(form(fields, &silence(10)).is_err(), "{fields:?}");
    }
}
