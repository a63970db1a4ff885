//! Responses.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    ask::{Ask, Said},
    chat::CREATED,
};

/// One response.
pub(super) struct Responding<'a> {
    pub(super) ask: &'a Ask,
    pub(super) said: &'a Said,
    pub(super) id: &'a str,
}

impl Responding<'_> {
    /// In one piece, or in as many as its stream has events.
    pub(super) fn pieces(&self) -> Vec<Bytes> {
        if self.ask.stream {
            self.events()
        } else {
            vec![self.whole()]
        }
    }

    fn whole(&self) -> Bytes {
        self.finished().to_string().into()
    }

    fn events(&self) -> Vec<Bytes> {
        let begun = self.response("in_progress", &json!([]));
        let text = self.said.text();
        let item = self.item_id();
        let at = |members: Value| {
            let mut place = json!({ "item_id": item, "output_index": 0, "content_index": 0 });
            extend(&mut place, members);
            place
        };
        let mut events = vec![
            ("response.created", json!({ "response": begun })),
            ("response.in_progress", json!({ "response": begun })),
            (
                "response.output_item.added",
                json!({ "output_index": 0, "item": self.message("in_progress", &json!([])) }),
            ),
            (
                "response.content_part.added",
                at(json!({ "part": part("") })),
            ),
        ];
        for word in &self.said.words {
            let delta = at(json!({ "delta": word, "logprobs": [] }));
            events.push(("response.output_text.delta", delta));
        }
        let done = self.message(self.status(), &json!([part(&text)]));
        events.extend([
            (
                "response.output_text.done",
                at(json!({ "text": text, "logprobs": [] })),
            ),
            (
                "response.content_part.done",
                at(json!({ "part": part(&text) })),
            ),
            (
                "response.output_item.done",
                json!({ "output_index": 0, "item": done }),
            ),
            (self.last_event(), json!({ "response": self.finished() })),
        ]);
        let numbered = events
            .into_iter()
            .enumerate()
            .map(|(number, (name, members))| {
                let mut event = json!({ "type": name, "sequence_number": number });
                extend(&mut event, members);
                format!("event: {name}\ndata: {event}\n\n")
            });
        numbered.map(Bytes::from).collect()
    }

    fn finished(&self) -> Value {
        let output = json!([self.message(self.status(), &json!([part(&self.said.text())]))]);
        let mut response = self.response(self.status(), &output);
        if self.said.capped {
            response["incomplete_details"] = json!({ "reason": "max_output_tokens" });
        }
        let (input, output) = (self.ask.input_tokens(), self.said.tokens());
        response["usage"] = json!({
            "input_tokens": input,
            "input_tokens_details": { "cached_tokens": 0 },
            "output_tokens": output,
            "output_tokens_details": { "reasoning_tokens": 0 },
            "total_tokens": input + output,
        });
        response
    }

    fn response(&self, status: &str, output: &Value) -> Value {
        json!({
            "id": format!("resp_{}", self.id),
            "object": "response",
            "created_at": CREATED,
            "status": status,
            "background": false,
            "error": null,
            "incomplete_details": null,
            "instructions": null,
            "max_output_tokens": null,
            "model": self.ask.model,
            "output": output,
            "parallel_tool_calls": true,
            "previous_response_id": null,
            "reasoning": { "effort": null, "summary": null },
            "store": false,
            "temperature": 1.0,
            "text": { "format": { "type": "text" } },
            "tool_choice": "auto",
            "tools": [],
            "top_p": 1.0,
            "truncation": "disabled",
            "usage": null,
            "user": null,
            "metadata": {},
        })
    }

    fn message(&self, status: &str, content: &Value) -> Value {
        json!({
            "id": self.item_id(),
            "type": "message",
            "status": status,
            "content": content,
            "role": "assistant",
        })
    }

    fn item_id(&self) -> String {
        format!("msg_{}", self.id)
    }

    fn status(&self) -> &'static str {
        if self.said.capped {
            "incomplete"
        } else {
            "completed"
        }
    }

    fn last_event(&self) -> &'static str {
        if self.said.capped {
            "response.incomplete"
        } else {
            "response.completed"
        }
    }
}

fn part(text: &str) -> Value {
    json!({ "type": "output_text", "annotations": [], "logprobs": [], "text": text })
}

fn extend(value: &mut Value, members: Value) {
    if let (Value::Object(value), Value::Object(members)) = (value, members) {
        value.extend(members);
    }
}
