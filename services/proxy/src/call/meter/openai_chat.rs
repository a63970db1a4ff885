//! Usage as OpenAI's chat completions, completions and embeddings tell it.

use money::Nanodollars;
use price_book::TokenUsage;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use super::Reading;

#[derive(Deserialize)]
struct Usage<'a> {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    total_tokens: Option<u64>,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
    /// In USD, as OpenRouter tells it.
    #[serde(borrow)]
    cost: Option<&'a RawValue>,
    /// It was asked under the owner's own key at another provider, who bills it besides.
    is_byok: Option<bool>,
    #[serde(borrow)]
    cost_details: Option<CostDetails<'a>>,
}

#[derive(Deserialize)]
struct CostDetails<'a> {
    #[serde(borrow)]
    upstream_inference_cost: Option<&'a RawValue>,
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
    image_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct Chunk<'a> {
    choices: Option<Vec<IgnoredAny>>,
    #[serde(borrow)]
    usage: Option<Usage<'a>>,
    service_tier: Option<String>,
    /// Groq tells it here, too.
    #[serde(borrow)]
    x_groq: Option<Groq<'a>>,
}

#[derive(Deserialize)]
struct Groq<'a> {
    #[serde(borrow)]
    usage: Option<Usage<'a>>,
}

impl Usage<'_> {
    /// What the call cost its owner, by everybody's bill; `None` where that is not told.
    fn cost(&self) -> Option<Nanodollars> {
        let dollars = |json: &RawValue| Nanodollars::from_json_number_rounded_up(json.get()).ok();
        let own = dollars(self.cost?)?;
        if self.is_byok != Some(true) {
            return Some(own);
        }
        let details = self.cost_details.as_ref()?;
        own.checked_add(dollars(details.upstream_inference_cost?)?)
    }

    fn read(self, reading: &mut Reading) -> Option<TokenUsage> {
        reading.told_cost = self.cost().or(reading.told_cost);
        let told = self.prompt_tokens_details.as_ref();
        reading.splits_input |= told.is_some_and(|told| told.audio_tokens.is_some());
        let told = self.completion_tokens_details.as_ref();
        reading.splits_output |=
            told.is_some_and(|told| told.audio_tokens.or(told.image_tokens).is_some());
        self.tokens()
    }

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
            image_output: completion.image_tokens.unwrap_or(0),
            ..TokenUsage::default()
        })
    }
}

/// The usage of an answer in one piece.
pub(super) fn usage(json: &[u8], reading: &mut Reading) -> Option<TokenUsage> {
    serde_json::from_slice::<Usage<'_>>(json)
        .ok()?
        .read(reading)
}

/// Reads a chunk. Whether it holds nothing but the usage: the one that comes only when asked for.
pub(super) fn read_chunk(data: &[u8], reading: &mut Reading) -> bool {
    let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(data) else {
        return false;
    };
    let only_usage =
        chunk.usage.is_some() && chunk.choices.is_some_and(|choices| choices.is_empty());
    let usage = chunk
        .usage
        .or_else(|| chunk.x_groq.and_then(|groq| groq.usage));
    if let Some(usage) = usage {
        reading.told = usage.read(reading).or(reading.told);
    }
    reading.note_tier(chunk.service_tier);
    only_usage
}
