//! Moderation, images, speech and transcriptions.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{
    answer::{Answer, Form, Plan},
    dialects::{Refusal, openai::errors},
    frames::{Kind, Writer},
    provider::Route,
    text,
};

/// `POST /moderations`: nothing is ever flagged.
pub fn moderation(plan: &Plan) -> Answer {
    let results: Vec<Value> = (0..plan.embeddings.inputs.max(1))
        .map(|_| {
            json!({
                "flagged": false,
                "categories": { "violence": false },
                "category_scores": { "violence": 0.25 },
                "category_applied_input_types": { "violence": ["text"] },
            })
        })
        .collect();
    let id = format!("modr-{}", plan.id());
    whole(
        plan,
        json!({ "id": id, "model": plan.model, "results": results }),
    )
}

/// `POST /images/generations` and `/images/edits`.
pub fn images(plan: &Plan, created: i64) -> Answer {
    let picture = STANDARD.encode(plan.text());
    let completed = if plan.route == Route::ImageEdits {
        "image_edit.completed"
    } else {
        "image_generation.completed"
    };
    if plan.form == Form::Events {
        let each = plan.count.tokens.output / plan.count.choices.max(1);
        let mut events = Writer::default();
        for index in 0..plan.count.choices {
            // Of several images each tells its own usage; the prompt is read once.
            let input = if index == 0 {
                plan.count.tokens.input
            } else {
                0
            };
            let mut last = json!({
                "type": completed,
                "b64_json": picture,
                "created_at": created,
                "size": "1024x1024",
                "quality": "high",
                "background": "opaque",
                "output_format": "png",
            });
            if plan.tells_usage() {
                last["usage"] = image_usage(input, each);
            }
            event(&mut events, Kind::Content, &last);
        }
        return finish(plan, events);
    }
    let data: Vec<Value> = (0..plan.count.choices)
        .map(|_| json!({ "b64_json": picture }))
        .collect();
    let mut images = json!({ "created": created, "data": data, "output_format": "png" });
    if plan.tells_usage() {
        images["usage"] = image_usage(plan.count.tokens.input, plan.count.tokens.output);
    }
    whole(plan, images)
}

fn image_usage(input: u64, output: u64) -> Value {
    json!({
        "input_tokens": input,
        "output_tokens": output,
        "total_tokens": input + output,
        "input_tokens_details": { "text_tokens": input, "image_tokens": 0 },
    })
}

/// `POST /audio/speech`: the bytes of a sound, or events that hold them.
pub fn speech(plan: &Plan) -> Answer {
    let text = plan.text();
    if plan.form != Form::Events {
        let sound = [&b"ID3\x04\x00\x00\xff\xfb"[..], text.as_bytes()].concat();
        return Answer::Json(sound.into());
    }
    let mut events = Writer::default();
    for piece in text::part(&text, plan.chunks()) {
        let audio = STANDARD.encode(piece);
        let delta = json!({ "type": "speech.audio.delta", "audio": audio });
        event(&mut events, Kind::Content, &delta);
    }
    let mut done = json!({ "type": "speech.audio.done" });
    if plan.tells_usage() {
        let tokens = plan.count.tokens;
        done["usage"] = json!({
            "input_tokens": tokens.input,
            "output_tokens": tokens.output,
            "total_tokens": tokens.input + tokens.output,
        });
    }
    event(&mut events, Kind::Closing, &done);
    finish(plan, events)
}

/// `POST /audio/transcriptions` and `/audio/translations`.
pub fn transcription(plan: &Plan) -> Answer {
    let text = plan.text();
    match plan.form {
        Form::Events => {
            let mut events = Writer::default();
            for piece in text::part(&text, plan.chunks()) {
                let delta = json!({ "type": "transcript.text.delta", "delta": piece });
                event(&mut events, Kind::Content, &delta);
            }
            let mut done = json!({ "type": "transcript.text.done", "text": text });
            if plan.tells_usage() {
                done["usage"] = heard(plan);
            }
            event(&mut events, Kind::Closing, &done);
            finish(plan, events)
        }
        Form::Text => Answer::Json(text.into_bytes().into()),
        _ => {
            let mut transcription = json!({ "text": text });
            if plan.tells_usage() {
                transcription["usage"] = heard(plan);
            }
            whole(plan, transcription)
        }
    }
}

fn heard(plan: &Plan) -> Value {
    let tokens = plan.count.tokens;
    if tokens.audio_seconds > 0 {
        return json!({ "type": "duration", "seconds": tokens.audio_seconds });
    }
    json!({
        "type": "tokens",
        "input_tokens": tokens.input,
        "input_token_details": { "text_tokens": 0, "audio_tokens": tokens.input },
        "output_tokens": tokens.output,
        "total_tokens": tokens.input + tokens.output,
    })
}

/// An answer in one piece; only images and texts of recordings hold what was sent elsewhere.
fn whole(plan: &Plan, mut answer: Value) -> Answer {
    if let Some(echo) = plan
        .echo
        .as_ref()
        .filter(|_| plan.route == Route::Moderations)
    {
        answer["simulator_echo"] = echo.as_str().into();
    }
    Answer::Json(answer.to_string().into())
}

fn event(events: &mut Writer, kind: Kind, data: &Value) {
    let name = data["type"].as_str().unwrap_or_default();
    events.event(
        kind,
        &["event: ", name, "\ndata: ", &data.to_string(), "\n\n"],
    );
}

fn finish(plan: &Plan, events: Writer) -> Answer {
    Answer::Stream(events.finish(&plan.script, || {
        let refusal = Refusal::Scripted {
            status: 500,
            echo: plan.echo.clone(),
        };
        format!("data: {}\n\n", errors::write(&refusal).1)
    }))
}
