//! What an answer shall be like, when somebody wants to say so.

use std::{collections::BTreeMap, time::Duration};

use actix_web::http::header::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::prompt::SCRIPT_MARK;

const MOST_CHUNKS: u32 = 100_000;
const MOST_TOKENS: u64 = 1_000_000_000_000;
const MOST_BODY_BYTES: usize = 64 * 1024 * 1024;

/// A script: every member is optional, and an empty script asks for the plain answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// From 300 on: refuse with this status in the provider's error shape (300 to 399 answer so
    /// too, usually with a `location` in `headers`). Below: answer with this status.
    pub status: Option<u16>,
    /// Milliseconds before the first byte.
    pub delay_ms: u64,
    /// Milliseconds between two chunks of content in a stream.
    pub chunk_delay_ms: u64,
    /// How many chunks of content a stream has (per alternative answer).
    pub chunks: Option<u32>,
    /// All output tokens of one answer, reasoning included.
    pub output_tokens: Option<u64>,
    /// All input tokens, cached ones and cache writes included.
    pub input_tokens: Option<u64>,
    /// Input tokens that came from the provider's cache.
    pub cached_tokens: u64,
    /// Input tokens written to the cache; Google neither tells nor bills them.
    pub cache_write_tokens: u64,
    /// Output tokens that were spent on thinking.
    pub reasoning_tokens: u64,
    /// Pads the text to at least this many bytes, at the same tokens.
    pub body_bytes: usize,
    /// Drops the connection after this many chunks of content; half-way through a JSON answer.
    pub cut_after_chunks: Option<u32>,
    /// Ends a stream after this many chunks of content with the provider's error event.
    pub error_after_chunks: Option<u32>,
    /// Never tells the usage.
    pub omit_usage: bool,
    /// Gives all that it was sent, headers and key included, back in the text or error message.
    pub echo: bool,
    /// More headers of the answer; `{key}` in a value is the key that was sent.
    pub headers: BTreeMap<String, String>,
    /// Header fields behind the body, likewise.
    pub trailers: BTreeMap<String, String>,
    /// Never answers.
    pub hang: bool,
    /// Calls the first tool that is offered, with this.
    pub tool_input: Option<Map<String, Value>>,
}

/// Why a text is not a script.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    #[error("simulator script: {0}")]
    Json(#[from] serde_json::Error),
    #[error("simulator script: `]]` must follow the JSON object")]
    Unclosed,
    #[error("simulator script: {0} is out of its range")]
    Range(&'static str),
    #[error("simulator script: {0} is not a header")]
    Header(String),
}

impl Script {
    /// Reads a script from what follows its mark in a text: `{…}]]`.
    pub fn read(after_mark: &str) -> Result<Self, ScriptError> {
        let mut values = serde_json::Deserializer::from_str(after_mark).into_iter::<Self>();
        let script = values.next().ok_or(ScriptError::Unclosed)??;
        let rest = after_mark.get(values.byte_offset()..).unwrap_or_default();
        if !rest.trim_start().starts_with("]]") {
            return Err(ScriptError::Unclosed);
        }
        script.check()?;
        Ok(script)
    }

    /// Parts a model's name from the script that may stand behind it.
    pub fn split_model(model: &str) -> Result<(&str, Option<Self>), ScriptError> {
        match model.split_once(SCRIPT_MARK) {
            None => Ok((model, None)),
            Some((name, after_mark)) => Ok((name.trim_end(), Some(Self::read(after_mark)?))),
        }
    }

    /// Refuses values that could only be mistakes.
    pub fn check(&self) -> Result<(), ScriptError> {
        let tokens = [
            self.cached_tokens,
            self.cache_write_tokens,
            self.reasoning_tokens,
        ]
        .into_iter();
        if tokens
            .chain(self.input_tokens)
            .chain(self.output_tokens)
            .any(|n| n > MOST_TOKENS)
        {
            return Err(ScriptError::Range("a token count"));
        }
        if self
            .status
            .is_some_and(|status| !(200..=599).contains(&status))
        {
            return Err(ScriptError::Range("status"));
        }
        if self.chunks.is_some_and(|chunks| chunks > MOST_CHUNKS) {
            return Err(ScriptError::Range("chunks"));
        }
        if self.body_bytes > MOST_BODY_BYTES {
            return Err(ScriptError::Range("body_bytes"));
        }
        for (name, value) in self.headers.iter().chain(&self.trailers) {
            let fits = HeaderName::try_from(name.as_str()).is_ok()
                && HeaderValue::try_from(value.as_str()).is_ok();
            if !fits {
                return Err(ScriptError::Header(name.clone()));
            }
        }
        Ok(())
    }

    /// The status to refuse with, if any.
    pub fn refusal(&self) -> Option<u16> {
        self.status.filter(|status| *status >= 300)
    }

    /// How long to wait before the first byte.
    pub const fn delay(&self) -> Duration {
        Duration::from_millis(self.delay_ms)
    }

    /// How long to wait between two chunks of content.
    pub const fn pace(&self) -> Duration {
        Duration::from_millis(self.chunk_delay_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_read_from_the_middle_of_a_text() {
        let script = Script::read(r#"{"status":429,"headers":{"a":"]]"}}]] and more"#).unwrap();
        assert_eq!(script.status, Some(429));
    }

    #[test]
    fn a_model_name_may_carry_a_script() {
        let (model, script) = Script::split_model(r#"gpt-4o[[sim {"hang":true}]]"#).unwrap();
        assert_eq!(model, "gpt-4o");
        assert!(script.unwrap().hang);
        assert_eq!(Script::split_model("gpt-4o").unwrap(), ("gpt-4o", None));
    }

    #[test]
    fn a_mistaken_script_is_refused() {
        for wrong in [
            r#"{"stauts":500}]]"#,
            r#"{"status":99}]]"#,
            r#"{"status":500}"#,
            r#"{"chunks":-1}]]"#,
            r#"{"body_bytes":999999999999}]]"#,
            r#"{"headers":{"a b":"c"}}]]"#,
            r#"{"trailers":{"a b":"c"}}]]"#,
            "",
        ] {
            assert!(Script::read(wrong).is_err(), "{wrong}");
        }
    }
}
