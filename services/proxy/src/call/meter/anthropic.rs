//! Usage as Anthropic tells it: input when a message starts, output, counted up, when it ends.

use price_book::TokenUsage;
use serde::Deserialize;

use super::Reading;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Usage {
    /// Without what was read from or written to the cache.
    input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation: Option<CacheCreation>,
    output_tokens: Option<u64>,
    service_tier: Option<String>,
    /// Where the work was done: `us` alone, where the request or the owner's workspace says so.
    inference_geo: Option<String>,
    server_tool_use: Option<ServerToolUse>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct CacheCreation {
    ephemeral_1h_input_tokens: Option<u64>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ServerToolUse {
    web_search_requests: Option<u64>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: std::borrow::Cow<'a, str>,
    message: Option<Message>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Message {
    usage: Option<Usage>,
}

impl Usage {
    /// What it says beside counts.
    fn note(self, reading: &mut Reading) {
        reading.is_regional |= self.inference_geo.as_deref() == Some("us");
        reading.note_tier(self.service_tier);
    }

    /// What this says, on top of what was said before. Counts are running totals: they replace,
    /// they do not add up.
    fn after(&self, before: TokenUsage) -> TokenUsage {
        let write = self
            .cache_creation_input_tokens
            .unwrap_or(before.cache_write);
        let read = self.cache_read_input_tokens.unwrap_or(before.cached_input);
        let before_fresh = before
            .input
            .saturating_sub(before.cache_write)
            .saturating_sub(before.cached_input);
        let fresh = self.input_tokens.unwrap_or(before_fresh);
        let an_hour = self
            .cache_creation
            .as_ref()
            .and_then(|c| c.ephemeral_1h_input_tokens);
        let searches = self
            .server_tool_use
            .as_ref()
            .and_then(|used| used.web_search_requests);
        TokenUsage {
            input: fresh.saturating_add(write).saturating_add(read),
            cached_input: read,
            cache_write: write,
            cache_write_1h: an_hour.unwrap_or(before.cache_write_1h).min(write),
            output: self.output_tokens.unwrap_or(before.output),
            web_searches: searches.unwrap_or(before.web_searches),
            ..before
        }
    }
}

/// The usage of an answer in one piece.
pub(super) fn usage(json: &[u8], reading: &mut Reading) -> Option<TokenUsage> {
    let usage: Usage = serde_json::from_slice(json).ok()?;
    // Without these two it is no usage.
    usage.input_tokens.and(usage.output_tokens)?;
    let tokens = usage.after(TokenUsage::default());
    usage.note(reading);
    Some(tokens)
}

/// Reads `message_start` and `message_delta`.
pub(super) fn read_event(data: &[u8], reading: &mut Reading) {
    let Ok(event) = serde_json::from_slice::<Event<'_>>(data) else {
        return;
    };
    let before = reading.told.or(reading.so_far).unwrap_or_default();
    match event.kind.as_ref() {
        "message_start" => {
            let Some(usage) = event.message.and_then(|message| message.usage) else {
                return;
            };
            reading.so_far = Some(usage.after(before));
            usage.note(reading);
        }
        "message_delta" => {
            let Some(usage) = event.usage else { return };
            reading.told = Some(usage.after(before));
            usage.note(reading);
        }
        _ => {}
    }
}
