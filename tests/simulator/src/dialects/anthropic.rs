//! Anthropic's dialect: messages, token counts, models, errors.

use serde_json::{Value, json};

use crate::{
    answer::{Answer, Form, Plan},
    dialects::{Refusal, openai::models::known},
    frames::{HOLE, Kind, Template, Writer},
    provider::Route,
    text,
    tokens::Tokens,
    turn::ToolCall,
};

/// `POST /v1/messages`, as one JSON object or as a stream of named events.
pub fn messages(plan: &Plan) -> Answer {
    match plan.form {
        Form::Json | Form::Sound | Form::Text => {
            let content = match plan.turn.call() {
                Some(call) => json!([tool_use(plan, call, &call.input)]),
                None => json!([{ "type": "text", "text": plan.text() }]),
            };
            let mut message = message(plan, content);
            message["stop_reason"] = stop_reason(plan).into();
            if plan.tells_usage() {
                message["usage"] = usage(plan, plan.count.tokens.output);
                tell_thinking(&mut message["usage"], plan.count.tokens);
            }
            Answer::Json(message.to_string().into())
        }
        Form::Events | Form::List => stream(plan),
    }
}

fn stream(plan: &Plan) -> Answer {
    let call = plan.turn.call();
    let mut events = Writer::default();
    let mut push = |kind: Kind, name: &str, data: &Value| {
        events.event(
            kind,
            &["event: ", name, "\ndata: ", &data.to_string(), "\n\n"],
        );
    };
    let mut start = message(plan, json!([]));
    start["stop_reason"] = Value::Null;
    if plan.tells_usage() {
        // The first of the output tokens is told at the start already.
        start["usage"] = usage(plan, plan.count.tokens.output.min(1));
    }
    let start = json!({ "type": "message_start", "message": start });
    push(Kind::Opening, "message_start", &start);
    let block = json!({
        "type": "content_block_start",
        "index": 0,
        "content_block": match call {
            Some(call) => tool_use(plan, call, &json!({})),
            None => json!({ "type": "text", "text": "" }),
        },
    });
    push(Kind::Opening, "content_block_start", &block);
    push(Kind::Opening, "ping", &json!({ "type": "ping" }));

    let delta = json!({
        "type": "content_block_delta",
        "index": 0,
        "delta": match call {
            Some(_) => json!({ "type": "input_json_delta", "partial_json": HOLE }),
            None => json!({ "type": "text_delta", "text": HOLE }),
        },
    });
    let delta = Template::new("event: content_block_delta\ndata: ", &delta, "\n\n");
    let text = call.map_or_else(|| plan.text(), |call| call.input.to_string());
    for piece in text::part(&text, plan.chunks()) {
        events.fill(Kind::Content, &delta, piece);
    }

    let mut push = |name: &str, data: &Value| {
        events.event(
            Kind::Closing,
            &["event: ", name, "\ndata: ", &data.to_string(), "\n\n"],
        );
    };
    push(
        "content_block_stop",
        &json!({ "type": "content_block_stop", "index": 0 }),
    );
    let mut end = json!({
        "type": "message_delta",
        "delta": { "stop_reason": stop_reason(plan), "stop_sequence": null },
    });
    if plan.tells_usage() {
        end["usage"] = cumulative_usage(plan.count.tokens);
    }
    push("message_delta", &end);
    push("message_stop", &json!({ "type": "message_stop" }));
    Answer::Stream(events.finish(&plan.script, || {
        let refusal = Refusal::Scripted {
            status: 529,
            echo: plan.echo.clone(),
        };
        format!("event: error\ndata: {}\n\n", error(&refusal, &plan.id()).1)
    }))
}

/// `POST /v1/messages/count_tokens`.
pub fn count_tokens(plan: &Plan) -> Answer {
    let mut count = json!({ "input_tokens": plan.count.tokens.input });
    if let Some(echo) = &plan.echo {
        count["simulator_echo"] = echo.as_str().into();
    }
    Answer::Json(count.to_string().into())
}

/// `GET /v1/models` and `GET /v1/models/MODEL`.
pub fn models(plan: &Plan) -> Answer {
    let model = |id: &str| {
        json!({
            "type": "model",
            "id": id,
            "display_name": id,
            "created_at": "2025-01-01T00:00:00Z",
        })
    };
    let body = if plan.route == Route::Model {
        model(&plan.model)
    } else {
        let ids = known(plan.provider);
        let data: Vec<Value> = ids.iter().map(|id| model(id)).collect();
        json!({ "data": data, "has_more": false, "first_id": ids.first(), "last_id": ids.last() })
    };
    Answer::Json(body.to_string().into())
}

/// An error's status and body.
pub fn error(refusal: &Refusal, request_id: &str) -> (u16, String) {
    let (status, message) = match refusal {
        Refusal::NoKey => (401, "x-api-key header is required".to_owned()),
        Refusal::InvalidKey { bearer: true, .. } => (401, "Invalid bearer token".to_owned()),
        Refusal::InvalidKey { .. } => (401, "invalid x-api-key".to_owned()),
        Refusal::NoSuchPath { .. } => (404, "Not Found".to_owned()),
        Refusal::Malformed {
            member: Some(member),
            ..
        } => (400, format!("{member}: Field required")),
        Refusal::Malformed { message, .. } => (400, message.clone()),
        Refusal::Extra { place, .. } => (400, format!("{}: not known", place.join("."))),
        Refusal::Scripted { status, echo } => {
            let message = if *status == 529 {
                "Overloaded"
            } else {
                "The simulator was told so."
            };
            (*status, echo.clone().unwrap_or_else(|| message.to_owned()))
        }
    };
    let error = json!({
        "type": "error",
        "error": { "type": error_type(status), "message": message },
        "request_id": request_id,
    });
    (status, error.to_string())
}

const fn error_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

/// A message without usage and with its stop reason still open.
fn message(plan: &Plan, content: Value) -> Value {
    let mut message = json!({
        "id": format!("msg_{}", plan.id()),
        "type": "message",
        "role": "assistant",
        "model": plan.model,
    });
    message["content"] = content;
    message["stop_reason"] = Value::Null;
    message["stop_sequence"] = Value::Null;
    message
}

/// The call of a tool, as far as its input is written.
fn tool_use(plan: &Plan, call: &ToolCall, input: &Value) -> Value {
    let id = format!("toolu_{}", plan.id());
    json!({ "type": "tool_use", "id": id, "name": call.name, "input": input })
}

const fn stop_reason(plan: &Plan) -> &'static str {
    match plan.turn.call() {
        _ if plan.count.capped => "max_tokens",
        Some(_) => "tool_use",
        None => "end_turn",
    }
}

/// Anthropic's input tokens are those that neither came from the cache nor went into it.
const fn uncached(tokens: Tokens) -> u64 {
    tokens.input - tokens.cached - tokens.cache_write
}

fn usage(plan: &Plan, output: u64) -> Value {
    let tokens = plan.count.tokens;
    json!({
        "input_tokens": uncached(tokens),
        "cache_creation_input_tokens": tokens.cache_write,
        "cache_read_input_tokens": tokens.cached,
        "cache_creation": {
            "ephemeral_5m_input_tokens": tokens.cache_write,
            "ephemeral_1h_input_tokens": 0,
        },
        "output_tokens": output,
        "service_tier": "standard",
    })
}

fn cumulative_usage(tokens: Tokens) -> Value {
    let mut usage = json!({
        "input_tokens": uncached(tokens),
        "cache_creation_input_tokens": tokens.cache_write,
        "cache_read_input_tokens": tokens.cached,
        "output_tokens": tokens.output,
    });
    tell_thinking(&mut usage, tokens);
    usage
}

fn tell_thinking(usage: &mut Value, tokens: Tokens) {
    if tokens.reasoning > 0 {
        usage["output_tokens_details"] = json!({ "thinking_tokens": tokens.reasoning });
    }
}
