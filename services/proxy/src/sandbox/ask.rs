//! What the sandbox reads of a request. The gate has checked it before.

use serde::Deserialize;
use serde_json::Value;

/// An answer has no more characters than this.
const LONGEST: usize = 2_000;
/// What is said to a call that brings no text.
const NOTHING_SAID: &str = "This is the Latchkey sandbox.";

/// The members that matter, of any of the routes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Ask {
    pub(super) model: String,
    pub(super) stream: bool,
    stream_options: Option<StreamOptions>,
    messages: Vec<Value>,
    pub(super) input: Value,
    prompt: Value,
    max_completion_tokens: Option<u64>,
    max_tokens: Option<u64>,
    max_output_tokens: Option<u64>,
    pub(super) dimensions: Option<u64>,
    encoding_format: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct StreamOptions {
    include_usage: bool,
}

/// What is said, a word being a token.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) words: Vec<String>,
    /// Whether the cap of the request cut it short.
    pub(super) capped: bool,
}

impl Said {
    pub(super) fn text(&self) -> String {
        self.words.concat()
    }

    pub(super) fn tokens(&self) -> u64 {
        self.words.len() as u64
    }
}

impl Ask {
    pub(super) fn read(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }

    pub(super) fn wants_usage(&self) -> bool {
        self.stream_options
            .as_ref()
            .is_some_and(|options| options.include_usage)
    }

    pub(super) fn wants_base64(&self) -> bool {
        self.encoding_format.as_deref() == Some("base64")
    }

    /// The last message of the caller, as far as the caller lets it be said.
    pub(super) fn said(&self) -> Said {
        let text: String = self.last_words().chars().take(LONGEST).collect();
        let text = if text.trim().is_empty() {
            NOTHING_SAID
        } else {
            &text
        };
        let cap = self
            .max_completion_tokens
            .or(self.max_tokens)
            .or(self.max_output_tokens);
        let most = cap.map_or(usize::MAX, |cap| usize::try_from(cap).unwrap_or(usize::MAX));
        let mut words: Vec<String> = text.split_inclusive(' ').map(str::to_owned).collect();
        let capped = words.len() > most;
        words.truncate(most);
        Said { words, capped }
    }

    /// What the prompt counts as: a word is a token, and there is at least one.
    pub(super) fn input_tokens(&self) -> u64 {
        let mut texts = Vec::new();
        for value in self.messages.iter().chain([&self.input, &self.prompt]) {
            gather(value, &mut texts);
        }
        let words = texts.iter().map(|text| text.split_whitespace().count());
        words.sum::<usize>().max(1) as u64
    }

    fn last_words(&self) -> String {
        let messages = match &self.input {
            Value::Array(items) if self.messages.is_empty() => items,
            _ => &self.messages,
        };
        let last = messages
            .iter()
            .rev()
            .find(|message| message["role"] == "user");
        let said = last.unwrap_or(if self.input.is_null() {
            &self.prompt
        } else {
            &self.input
        });
        let mut texts = Vec::new();
        gather(said, &mut texts);
        texts.join(" ")
    }
}

/// The texts that a value holds: itself, or those of its `content` and `text`, in their order.
fn gather<'v>(value: &'v Value, texts: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(values) => values.iter().for_each(|value| gather(value, texts)),
        Value::Object(members) => ["content", "text"]
            .into_iter()
            .filter_map(|name| members.get(name))
            .for_each(|value| gather(value, texts)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(body: &Value) -> (String, bool) {
        let said = Ask::read(body.to_string().as_bytes()).said();
        (said.text(), said.capped)
    }

    #[test]
    fn the_last_message_of_the_caller_comes_back() {
        let echo = |body: Value| said(&body).0;
        let chat = json!({"messages": [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"},
            {"role": "user", "content": [{"type": "text", "text": "three"}, {"type": "text", "text": "four"}]}]});
        assert_eq!(echo(chat), "three four");
        assert_eq!(echo(json!({"input": "plain words"})), "plain words");
        let items = json!({"input": [{"role": "user", "content": [{"type": "input_text", "text": "an item"}]}]});
        assert_eq!(echo(items), "an item");
        assert_eq!(echo(json!({"prompt": "a prompt"})), "a prompt");
        assert_eq!(echo(json!({"messages": []})), NOTHING_SAID);
        let long = json!({"input": "x".repeat(LONGEST * 2)});
        assert_eq!(echo(long).len(), LONGEST);
    }

    #[test]
    fn a_cap_is_kept() {
        let capped = said(&json!({"input": "one two three", "max_output_tokens": 2}));
        assert_eq!(capped, ("one two ".to_owned(), true));
        let enough = said(&json!({"input": "one two three", "max_output_tokens": 3}));
        assert_eq!(enough, ("one two three".to_owned(), false));
    }
}
