//! Chat completions, and the plain completions that came before them.

use bytes::Bytes;
use serde_json::{Value, json};

use super::ask::{Ask, Said};
use crate::provider::Endpoint;

/// When everything here was made, as far as it tells: always the same.
pub(super) const CREATED: i64 = 1_735_689_600;

/// An answer of one of the two kinds.
pub(super) struct Chat<'a> {
    pub(super) ask: &'a Ask,
    pub(super) said: &'a Said,
    pub(super) endpoint: Endpoint,
    pub(super) id: &'a str,
}

impl Chat<'_> {
    /// In one piece, or in as many as its stream has events.
    pub(super) fn pieces(&self) -> Vec<Bytes> {
        if self.ask.stream {
            self.events()
        } else {
            vec![self.whole()]
        }
    }

    fn whole(&self) -> Bytes {
        let text = self.said.text();
        let mut choice = if self.is_plain() {
            json!({ "index": 0, "text": text })
        } else {
            let message =
                json!({ "role": "assistant", "content": text, "refusal": null, "annotations": [] });
            json!({ "index": 0, "message": message })
        };
        choice["logprobs"] = Value::Null;
        choice["finish_reason"] = self.finish_reason().into();
        let mut whole = self.frame("", &json!([choice]));
        whole["usage"] = self.usage();
        whole.to_string().into()
    }

    fn events(&self) -> Vec<Bytes> {
        let mut chunks = Vec::new();
        if !self.is_plain() {
            let role = json!({ "role": "assistant", "content": "", "refusal": null });
            chunks.push(self.chunk(&role, &Value::Null));
        }
        for word in &self.said.words {
            chunks.push(self.chunk(&json!({ "content": word }), &Value::Null));
        }
        let end = self.finish_reason().into();
        chunks.push(self.chunk(&json!({}), &end));
        if self.ask.wants_usage() {
            let mut last = self.frame(".chunk", &json!([]));
            last["usage"] = self.usage();
            chunks.push(last);
        }
        let lines = chunks.iter().map(|chunk| format!("data: {chunk}\n\n"));
        let done = "data: [DONE]\n\n".to_owned();
        lines.chain([done]).map(Bytes::from).collect()
    }

    fn chunk(&self, delta: &Value, finish_reason: &Value) -> Value {
        let mut choice = json!({ "index": 0 });
        if self.is_plain() {
            choice["text"] = delta.get("content").cloned().unwrap_or_else(|| "".into());
        } else {
            choice["delta"] = delta.clone();
        }
        choice["logprobs"] = Value::Null;
        choice["finish_reason"] = finish_reason.clone();
        let mut chunk = self.frame(".chunk", &json!([choice]));
        if self.ask.wants_usage() {
            chunk["usage"] = Value::Null;
        }
        chunk
    }

    /// What is around the choices.
    fn frame(&self, part: &str, choices: &Value) -> Value {
        let (prefix, object) = if self.is_plain() {
            ("cmpl", "text_completion".to_owned())
        } else {
            ("chatcmpl", format!("chat.completion{part}"))
        };
        json!({
            "id": format!("{prefix}-{}", self.id),
            "object": object,
            "created": CREATED,
            "model": self.ask.model,
            "choices": choices,
        })
    }

    fn usage(&self) -> Value {
        let (input, output) = (self.ask.input_tokens(), self.said.tokens());
        json!({
            "prompt_tokens": input,
            "completion_tokens": output,
            "total_tokens": input + output,
        })
    }

    fn finish_reason(&self) -> &'static str {
        if self.said.capped { "length" } else { "stop" }
    }

    fn is_plain(&self) -> bool {
        self.endpoint == Endpoint::Completions
    }
}
