//! `POST /chat/completions`.

use serde_json::{Value, json};

use crate::{
    answer::{Answer, Form, Plan},
    dialects::{Refusal, openai::errors},
    frames::{HOLE, Kind, Template, Writer},
    provider::Provider,
    text,
    turn::ToolCall,
};

/// Writes the answer, as one JSON object or as a stream of chunks.
pub fn write(plan: &Plan, created: i64) -> Answer {
    match plan.form {
        Form::Json | Form::Sound | Form::Text => {
            Answer::Json(completion(plan, created).to_string().into())
        }
        Form::Events | Form::List => stream(plan, created),
    }
}

fn completion(plan: &Plan, created: i64) -> Value {
    let text = plan.text();
    let choices: Vec<Value> = (0..plan.count.choices)
        .map(|index| {
            let mut message = json!({
                "role": "assistant",
                "content": text,
                "refusal": null,
                "annotations": [],
            });
            if let Some(call) = plan.turn.call() {
                message["content"] = Value::Null;
                message["tool_calls"] = json!([tool_call(plan, call, &call.input.to_string())]);
            }
            json!({
                "index": index,
                "message": message,
                "logprobs": null,
                "finish_reason": finish_reason(plan),
            })
        })
        .collect();
    let mut completion = json!({
        "id": format!("chatcmpl-{}", plan.id()),
        "object": "chat.completion",
        "created": created,
        "model": plan.model,
        "choices": choices,
    });
    if plan.tells_usage() {
        completion["usage"] = usage(plan);
    }
    completion["service_tier"] = "default".into();
    completion["system_fingerprint"] = "fp_simulator".into();
    completion
}

fn stream(plan: &Plan, created: i64) -> Answer {
    let id = format!("chatcmpl-{}", plan.id());
    let chunk = |choices: Value, usage: Value| {
        let mut chunk = json!({
            "id": id,
            "object": "chat.completion.chunk",
            "created": created,
            "model": plan.model,
            "service_tier": "default",
            "system_fingerprint": "fp_simulator",
            "choices": choices,
        });
        // Every chunk has the member as soon as the caller asks for usage: null but in the last.
        if plan.include_usage {
            chunk["usage"] = usage;
        }
        if plan.obfuscation {
            chunk["obfuscation"] = "Xk3".into();
        }
        chunk
    };
    let choice = |index: u64, delta: Value| {
        let choices = choices(index, &delta, &Value::Null);
        Template::new("data: ", &chunk(choices, Value::Null), "\n\n")
    };

    let mut events = Writer::default();
    let call = plan.turn.call();
    let text = call.map_or_else(|| plan.text(), |call| call.input.to_string());
    let pieces = text::part(&text, plan.chunks());
    for index in 0..plan.count.choices {
        let mut role = json!({ "role": "assistant", "content": HOLE, "refusal": null });
        if let Some(call) = call {
            let mut begun = tool_call(plan, call, HOLE);
            begun["index"] = 0.into();
            role["content"] = Value::Null;
            role["tool_calls"] = json!([begun]);
        }
        events.fill(Kind::Opening, &choice(index, role), "");
    }
    for index in 0..plan.count.choices {
        let delta = if call.is_some() {
            json!({ "tool_calls": [{ "index": 0, "function": { "arguments": HOLE } }] })
        } else {
            json!({ "content": HOLE })
        };
        let content = choice(index, delta);
        for piece in &pieces {
            events.fill(Kind::Content, &content, piece);
        }
    }
    for index in 0..plan.count.choices {
        let mut last = chunk(choices(index, &json!({}), &HOLE.into()), Value::Null);
        // Mistral tells the usage beside the last choice, unasked.
        if plan.provider == Provider::Mistral
            && index + 1 == plan.count.choices
            && plan.tells_usage()
        {
            last["usage"] = usage(plan);
        }
        let last = Template::new("data: ", &last, "\n\n");
        events.fill(Kind::Closing, &last, finish_reason(plan));
    }
    if plan.include_usage && plan.tells_usage() {
        let last = chunk(json!([]), usage(plan)).to_string();
        events.event(Kind::Closing, &["data: ", &last, "\n\n"]);
    }
    events.event(Kind::Closing, &["data: [DONE]\n\n"]);
    Answer::Stream(events.finish(&plan.script, || error_event(plan)))
}

/// The choices of a chunk, of which there is one.
fn choices(index: u64, delta: &Value, finish_reason: &Value) -> Value {
    json!([{
        "index": index,
        "delta": delta,
        "logprobs": null,
        "finish_reason": finish_reason,
    }])
}

/// What a stream that fails half-way ends with.
fn error_event(plan: &Plan) -> String {
    let refusal = Refusal::Scripted {
        status: 500,
        echo: plan.echo.clone(),
    };
    format!("data: {}\n\n", errors::write(&refusal).1)
}

const fn finish_reason(plan: &Plan) -> &'static str {
    match plan.turn.call() {
        _ if plan.count.capped => "length",
        Some(_) => "tool_calls",
        None => "stop",
    }
}

/// The call of a tool, as far as its arguments are written.
fn tool_call(plan: &Plan, call: &ToolCall, arguments: &str) -> Value {
    json!({
        "id": format!("call_{}", plan.id()),
        "type": "function",
        "function": { "name": call.name, "arguments": arguments },
    })
}

fn usage(plan: &Plan) -> Value {
    let tokens = plan.count.tokens;
    let mut usage = json!({
        "prompt_tokens": tokens.input,
        "completion_tokens": tokens.output,
        "total_tokens": tokens.input + tokens.output,
        "prompt_tokens_details": {
            "cached_tokens": tokens.cached,
            "cache_write_tokens": tokens.cache_write,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": tokens.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    });
    // OpenRouter says what a call cost: here a millionth of a dollar for each token.
    if plan.provider == Provider::OpenRouter {
        let millionths = u32::try_from(tokens.input + tokens.output).unwrap_or(u32::MAX);
        usage["cost"] = (f64::from(millionths) / 1e6).into();
    }
    usage
}
