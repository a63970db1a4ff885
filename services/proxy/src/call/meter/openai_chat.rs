//! Usage as OpenAI's chat completions, completions and embeddings tell it.

use price_book::TokenUsage;
use serde::{Deserialize, de::IgnoredAny};

use super::Reading;

#[derive(Deserialize)]
struct Usage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    total_tokens: Option<u64>,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PromptDetails {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
    audio_tokens: Option<u64>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct CompletionDetails {
    reasoning_tokens: Option<u64>,
    audio_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct Chunk {
    choices: Option<Vec<IgnoredAny>>,
    usage: Option<Usage>,
    service_tier: Option<String>,
    /// Groq tells it here, too.
    x_groq: Option<Groq>,
}

#[derive(Deserialize)]
struct Groq {
    usage: Option<Usage>,
}

impl Usage {
    fn tokens(self) -> Option<TokenUsage> {
        let input = self.prompt_tokens?;
        let prompt = self.prompt_tokens_details.unwrap_or_default();
        let completion = self.completion_tokens_details.unwrap_or_default();
        // Gemini's thoughts stand in the total alone.
        let beyond_input = self.total_tokens.unwrap_or(0).saturating_sub(input);
        Some(TokenUsage {
            input,
            cached_input: prompt.cached_tokens.unwrap_or(0),
            cache_write: prompt.cache_write_tokens.unwrap_or(0),
            audio_input: prompt.audio_tokens.unwrap_or(0),
            output: self.completion_tokens.unwrap_or(0).max(beyond_input),
            reasoning: completion.reasoning_tokens.unwrap_or(0),
            audio_output: completion.audio_tokens.unwrap_or(0),
            ..TokenUsage::default()
        })
    }
}

/// The usage of an answer in one piece.
pub(super) fn usage(json: &[u8]) -> Option<TokenUsage> {
    serde_json::from_slice::<Usage>(json).ok()?.tokens()
}

/// Reads a chunk. Whether it holds nothing but the usage: the one that comes only when asked for.
pub(super) fn read_chunk(data: &[u8], reading: &mut Reading) -> bool {
    let Ok(chunk) = serde_json::from_slice::<Chunk>(data) else {
        return false;
    };
    let only_usage =
        chunk.usage.is_some() && chunk.choices.is_some_and(|choices| choices.is_empty());
    let usage = chunk
        .usage
        .or_else(|| chunk.x_groq.and_then(|groq| groq.usage));
    reading.told = usage.and_then(Usage::tokens).or(reading.told);
    reading.note_tier(chunk.service_tier);
    only_usage
}
