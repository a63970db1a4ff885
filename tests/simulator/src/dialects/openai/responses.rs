//! `POST /responses`.

use serde_json::{Value, json};

use crate::{
    answer::{Answer, Form, Plan},
    frames::{HOLE, Kind, Template, Writer},
    text,
    turn::ToolCall,
};

/// Writes the answer, as one JSON object or as a stream of typed events.
pub fn write(plan: &Plan, created: i64) -> Answer {
    match plan.form {
        Form::Json | Form::Sound | Form::Text => {
            Answer::Json(finished(plan, created).to_string().into())
        }
        Form::Events | Form::List => stream(plan, created),
    }
}

fn stream(plan: &Plan, created: i64) -> Answer {
    let mut events = Sequence::default();
    let begun = response(plan, created, "in_progress", &json!([]));
    events.push(
        Kind::Opening,
        "response.created",
        json!({ "response": begun }),
    );
    events.push(
        Kind::Opening,
        "response.in_progress",
        json!({ "response": begun }),
    );
    match plan.turn.call() {
        Some(call) => events.push_call(plan, call),
        None => events.push_message(plan),
    }
    let last = if plan.count.capped {
        "response.incomplete"
    } else {
        "response.completed"
    };
    events.push(
        Kind::Closing,
        last,
        json!({ "response": finished(plan, created) }),
    );
    Answer::Stream(events.writer.finish(&plan.script, || error_event(plan)))
}

/// Events with their running number.
#[derive(Default)]
struct Sequence {
    writer: Writer,
    number: u64,
}

impl Sequence {
    fn push(&mut self, kind: Kind, name: &str, members: Value) {
        let mut event = json!({ "type": name, "sequence_number": self.number });
        if let (Value::Object(event), Value::Object(members)) = (&mut event, members) {
            event.extend(members);
        }
        self.number += 1;
        self.writer.event(
            kind,
            &["event: ", name, "\ndata: ", &event.to_string(), "\n\n"],
        );
    }

    fn push_message(&mut self, plan: &Plan) {
        let item_id = item_id(plan);
        let text = plan.text();
        let empty = json!({
            "id": item_id,
            "type": "message",
            "status": "in_progress",
            "content": [],
            "role": "assistant",
        });
        let added = json!({ "output_index": 0, "item": empty });
        self.push(Kind::Opening, "response.output_item.added", added);
        let place = |member: &str, value: Value| {
            let mut event = json!({ "item_id": item_id, "output_index": 0, "content_index": 0 });
            event[member] = value;
            event
        };
        let part = place("part", content_part(""));
        self.push(Kind::Opening, "response.content_part.added", part);
        for piece in text::part(&text, plan.chunks()) {
            self.push_delta(plan, &item_id, piece);
        }
        let mut done = place("text", text.as_str().into());
        done["logprobs"] = json!([]);
        self.push(Kind::Closing, "response.output_text.done", done);
        let part = place("part", content_part(&text));
        self.push(Kind::Closing, "response.content_part.done", part);
        let item = json!({ "output_index": 0, "item": output(plan) });
        self.push(Kind::Closing, "response.output_item.done", item);
    }

    fn push_call(&mut self, plan: &Plan, call: &ToolCall) {
        let item_id = format!("fc_{}", plan.id());
        let arguments = call.input.to_string();
        let begun = function_call(plan, call, "in_progress", "");
        let added = json!({ "output_index": 0, "item": begun });
        self.push(Kind::Opening, "response.output_item.added", added);
        for piece in text::part(&arguments, plan.chunks()) {
            let delta = json!({ "item_id": item_id, "output_index": 0, "delta": piece });
            self.push(
                Kind::Content,
                "response.function_call_arguments.delta",
                delta,
            );
        }
        let done = json!({
            "item_id": item_id,
            "output_index": 0,
            "name": call.name,
            "arguments": arguments,
        });
        self.push(Kind::Closing, "response.function_call_arguments.done", done);
        let item = json!({ "output_index": 0, "item": output(plan) });
        self.push(Kind::Closing, "response.output_item.done", item);
    }

    fn push_delta(&mut self, plan: &Plan, item_id: &str, piece: &str) {
        let mut event = json!({
            "type": "response.output_text.delta",
            "sequence_number": self.number,
            "item_id": item_id,
            "output_index": 0,
            "content_index": 0,
            "delta": HOLE,
            "logprobs": [],
        });
        if plan.obfuscation {
            event["obfuscation"] = "Xk3".into();
        }
        self.number += 1;
        let template = Template::new("event: response.output_text.delta\ndata: ", &event, "\n\n");
        self.writer.fill(Kind::Content, &template, piece);
    }
}

/// What a stream that fails half-way ends with.
fn error_event(plan: &Plan) -> String {
    let message = plan
        .echo
        .as_deref()
        .unwrap_or("The server had an error while processing your request. Sorry about that!");
    let error = json!({
        "type": "error",
        "code": "server_error",
        "message": message,
        "param": null,
        "sequence_number": 0,
    });
    format!("event: error\ndata: {error}\n\n")
}

fn finished(plan: &Plan, created: i64) -> Value {
    let status = if plan.count.capped {
        "incomplete"
    } else {
        "completed"
    };
    let mut response = response(plan, created, status, &json!([output(plan)]));
    if plan.count.capped {
        response["incomplete_details"] = json!({ "reason": "max_output_tokens" });
    } else {
        response["completed_at"] = created.into();
    }
    if plan.tells_usage() {
        let tokens = plan.count.tokens;
        response["usage"] = json!({
            "input_tokens": tokens.input,
            "input_tokens_details": {
                "cached_tokens": tokens.cached,
                "cache_write_tokens": tokens.cache_write,
            },
            "output_tokens": tokens.output,
            "output_tokens_details": { "reasoning_tokens": tokens.reasoning },
            "total_tokens": tokens.input + tokens.output,
        });
    }
    response
}

/// A response whose usage is not known yet.
fn response(plan: &Plan, created: i64, status: &str, output: &Value) -> Value {
    json!({
        "id": format!("resp_{}", plan.id()),
        "object": "response",
        "created_at": created,
        "status": status,
        "background": false,
        "completed_at": null,
        "error": null,
        "incomplete_details": null,
        "instructions": null,
        "max_output_tokens": null,
        "max_tool_calls": null,
        "model": plan.model,
        "output": output,
        "parallel_tool_calls": true,
        "previous_response_id": null,
        "prompt_cache_key": null,
        "reasoning": { "effort": null, "summary": null },
        "safety_identifier": null,
        "service_tier": "default",
        "store": true,
        "temperature": 1.0,
        "text": { "format": { "type": "text" }, "verbosity": "medium" },
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": null,
        "user": null,
        "metadata": {},
    })
}

/// What the answer consists of: a message, or the call of a tool.
fn output(plan: &Plan) -> Value {
    let status = if plan.count.capped {
        "incomplete"
    } else {
        "completed"
    };
    match plan.turn.call() {
        Some(call) => function_call(plan, call, status, &call.input.to_string()),
        None => message(plan, status, &plan.text()),
    }
}

/// The call of a tool, as far as its arguments are written.
fn function_call(plan: &Plan, call: &ToolCall, status: &str, arguments: &str) -> Value {
    json!({
        "id": format!("fc_{}", plan.id()),
        "type": "function_call",
        "status": status,
        "arguments": arguments,
        "call_id": format!("call_{}", plan.id()),
        "name": call.name,
    })
}

fn message(plan: &Plan, status: &str, text: &str) -> Value {
    json!({
        "id": item_id(plan),
        "type": "message",
        "status": status,
        "content": [content_part(text)],
        "role": "assistant",
    })
}

fn content_part(text: &str) -> Value {
    json!({ "type": "output_text", "annotations": [], "logprobs": [], "text": text })
}

fn item_id(plan: &Plan) -> String {
    format!("msg_{}", plan.id())
}
