//! One call as the log tells it.

use aws_lc_rs::digest;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    provider::{Provider, Route},
    tokens::Tokens,
};

/// A SHA-256 digest.
pub type Digest = [u8; 32];

/// Which key was sent, without the key.
#[derive(Debug, Clone)]
pub struct KeyMark {
    pub last4: String,
    pub sha256: Digest,
}

impl KeyMark {
    /// Marks a key.
    pub fn of(key: &str) -> Self {
        let start = key.char_indices().rev().nth(3).map_or(0, |(at, _)| at);
        Self {
            last4: key[start..].to_owned(),
            sha256: sha256(key.as_bytes()),
        }
    }
}

/// A call: what came, what went out, and what it would have cost.
#[derive(Debug, Clone)]
pub struct Entry {
    pub arrived: Timestamp,
    pub provider: Provider,
    pub route: Route,
    /// The path as it came, without its query.
    pub path: String,
    pub model: String,
    pub stream: bool,
    pub key: Option<KeyMark>,
    /// Missing when no answer began.
    pub status: Option<u16>,
    /// All zero unless billed.
    pub tokens: Tokens,
    /// An answer that costs money began.
    pub billed: bool,
    /// The answer went out whole.
    pub completed: bool,
    /// The caller closed the connection before that.
    pub client_gone: bool,
    /// `name: value` lines.
    pub request_headers: String,
    pub body_sha256: Digest,
    pub body_bytes: usize,
}

impl Entry {
    /// The entry as JSON; header values, the key among them, only if asked for.
    pub fn to_json(&self, n: u64, header_values: bool) -> Value {
        json!({
            "n": n,
            "at": self.arrived,
            "provider": self.provider,
            "route": self.route.name(),
            "path": self.path,
            "model": self.model,
            "stream": self.stream,
            "key_last4": self.key.as_ref().map(|key| &key.last4),
            "key_sha256": self.key.as_ref().map(|key| hex(&key.sha256)),
            "status": self.status,
            "input_tokens": self.tokens.input,
            "output_tokens": self.tokens.output,
            "cached_tokens": self.tokens.cached,
            "cache_write_tokens": self.tokens.cache_write,
            "reasoning_tokens": self.tokens.reasoning,
            "characters": self.tokens.characters,
            "audio_seconds": self.tokens.audio_seconds,
            "billed": self.billed,
            "completed": self.completed,
            "client_gone": self.client_gone,
            "request_headers": self.headers_as_json(header_values),
            "body_sha256": hex(&self.body_sha256),
            "body_bytes": self.body_bytes,
        })
    }

    fn headers_as_json(&self, values: bool) -> Value {
        let mut lines: Vec<(&str, &str)> = self
            .request_headers
            .lines()
            .filter_map(|line| line.split_once(": "))
            .collect();
        lines.sort_unstable();
        if !values {
            return lines.into_iter().map(|(name, _)| name).collect();
        }
        let mut headers = Map::new();
        for (name, value) in lines {
            match headers.get_mut(name) {
                Some(Value::String(all)) => {
                    all.push_str(", ");
                    all.push_str(value);
                }
                _ => {
                    headers.insert(name.to_owned(), Value::from(value));
                }
            }
        }
        Value::Object(headers)
    }
}

/// The SHA-256 digest of some bytes.
pub fn sha256(bytes: &[u8]) -> Digest {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

fn hex(digest: &Digest) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_marked_by_its_end_and_its_digest() {
        assert_eq!(KeyMark::of("sk-secret-1234").last4, "1234");
        assert_eq!(KeyMark::of("äö").last4, "äö");
        assert!(hex(&sha256(b"abc")).starts_with("ba7816bf8f01cfea"));
    }
}
