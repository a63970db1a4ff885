//! Usage as Google tells it: `usageMetadata`, on each chunk of a stream the count so far.

use price_book::TokenUsage;
use serde::Deserialize;

use super::Reading;

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Usage {
    /// With what was read from the cache.
    prompt_token_count: Option<u64>,
    cached_content_token_count: Option<u64>,
    tool_use_prompt_token_count: Option<u64>,
    candidates_token_count: Option<u64>,
    thoughts_token_count: Option<u64>,
    prompt_tokens_details: Option<Vec<Detail>>,
    cache_tokens_details: Option<Vec<Detail>>,
    candidates_tokens_details: Option<Vec<Detail>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Detail {
    modality: Option<String>,
    token_count: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chunk {
    usage_metadata: Option<Usage>,
}

fn of(details: Option<&Vec<Detail>>, modality: &str) -> u64 {
    let all = details.into_iter().flatten();
    let of_kind = all.filter(|detail| detail.modality.as_deref() == Some(modality));
    of_kind
        .filter_map(|detail| detail.token_count)
        .fold(0, u64::saturating_add)
}

impl Usage {
    fn read(&self, reading: &mut Reading) -> Option<TokenUsage> {
        reading.splits_input |= self.prompt_tokens_details.is_some();
        reading.splits_output |= self.candidates_tokens_details.is_some();
        self.tokens()
    }

    fn tokens(&self) -> Option<TokenUsage> {
        let prompt = self.prompt_token_count?;
        let thoughts = self.thoughts_token_count.unwrap_or(0);
        let read = self.prompt_tokens_details.as_ref();
        let cached = self.cache_tokens_details.as_ref();
        let written = self.candidates_tokens_details.as_ref();
        Some(TokenUsage {
            input: prompt.saturating_add(self.tool_use_prompt_token_count.unwrap_or(0)),
            cached_input: self.cached_content_token_count.unwrap_or(0),
            audio_input: of(read, "AUDIO"),
            cached_audio_input: of(cached, "AUDIO"),
            image_input: of(read, "IMAGE"),
            cached_image_input: of(cached, "IMAGE"),
            video_input: of(read, "VIDEO"),
            output: self
                .candidates_token_count
                .unwrap_or(0)
                .saturating_add(thoughts),
            reasoning: thoughts,
            audio_output: of(written, "AUDIO"),
            image_output: of(written, "IMAGE"),
            video_output: of(written, "VIDEO"),
            ..TokenUsage::default()
        })
    }
}

/// The usage of an answer in one piece.
pub(super) fn usage(json: &[u8], reading: &mut Reading) -> Option<TokenUsage> {
    serde_json::from_slice::<Usage>(json).ok()?.read(reading)
}

/// Reads a chunk; what it tells takes the place of what was told before.
pub(super) fn read_chunk(data: &[u8], reading: &mut Reading) {
    let Ok(chunk) = serde_json::from_slice::<Chunk>(data) else {
        return;
    };
    let told = chunk.usage_metadata.and_then(|usage| usage.read(reading));
    reading.told = told.or(reading.told);
}
