//! Usage as OpenAI's responses tell it: in the answer, or in the event that ends the stream.

use price_book::TokenUsage;
use serde::Deserialize;

use super::Reading;

#[derive(Deserialize)]
struct Usage {
    input_tokens: u64,
    output_tokens: u64,
    input_tokens_details: Option<InputDetails>,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct InputDetails {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct OutputDetails {
    reasoning_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct Event {
    response: Option<Response>,
}

#[derive(Deserialize)]
struct Response {
    usage: Option<Usage>,
    service_tier: Option<String>,
}

impl Usage {
    fn tokens(self) -> TokenUsage {
        let input = self.input_tokens_details.unwrap_or_default();
        TokenUsage {
            input: self.input_tokens,
            cached_input: input.cached_tokens.unwrap_or(0),
            cache_write: input.cache_write_tokens.unwrap_or(0),
            output: self.output_tokens,
            reasoning: self
                .output_tokens_details
                .unwrap_or_default()
                .reasoning_tokens
                .unwrap_or(0),
            ..TokenUsage::default()
        }
    }
}

/// The usage of an answer in one piece.
pub(super) fn usage(json: &[u8]) -> Option<TokenUsage> {
    serde_json::from_slice::<Usage>(json)
        .ok()
        .map(Usage::tokens)
}

/// Reads an event that may tell the usage: `response.completed`, `.incomplete` or `.failed`.
pub(super) fn read_event(data: &[u8], reading: &mut Reading) {
    let Ok(Event {
        response: Some(response),
    }) = serde_json::from_slice(data)
    else {
        return;
    };
    reading.told = response.usage.map(Usage::tokens).or(reading.told);
    reading.note_tier(response.service_tier);
}
