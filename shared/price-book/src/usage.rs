//! What a call used, and the most it may use.

use serde::{Deserialize, Serialize};

/// What a model counts to charge for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Tokens, of whatever kind.
    Tokens,
    /// Seconds of audio.
    Seconds,
    /// Characters to be spoken.
    Characters,
}

/// What one call used, as the provider told it.
///
/// A total always includes its parts: `input` includes cached, cache-write, audio, image and video
/// tokens, `cache_write` includes `cache_write_1h`, `output` includes reasoning and what is not
/// text. Anthropic's API reports `input_tokens` *without* the cached ones: add them first.
/// Where the parts come to more than their total, each part is charged nevertheless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenUsage {
    /// All tokens the model read.
    pub input: u64,
    /// Part of `input`: read from the provider's cache, whatever their kind.
    pub cached_input: u64,
    /// Part of `input`: written to the provider's cache, for whatever time.
    pub cache_write: u64,
    /// Part of `cache_write`: to be kept for one hour.
    pub cache_write_1h: u64,
    /// Part of `input`: audio, cached or not.
    pub audio_input: u64,
    /// Part of `audio_input` and of `cached_input`.
    pub cached_audio_input: u64,
    /// Part of `input`: images, cached or not.
    pub image_input: u64,
    /// Part of `image_input` and of `cached_input`.
    pub cached_image_input: u64,
    /// Part of `input`: video.
    pub video_input: u64,
    /// All tokens the model wrote.
    pub output: u64,
    /// Part of `output`: thinking.
    pub reasoning: u64,
    /// Part of `output`: audio.
    pub audio_output: u64,
    /// Part of `output`: images.
    pub image_output: u64,
    /// Part of `output`: video.
    pub video_output: u64,
    /// Searches of the web the provider made for the call.
    pub web_searches: u64,
    /// Searches of the caller's files the provider made for the call.
    pub storage_searches: u64,
    /// Whole seconds of audio, rounded up, where a model is charged by time and not by tokens.
    pub audio_seconds: u64,
    /// Characters to be spoken, where a model is charged by characters.
    pub characters: u64,
}

impl TokenUsage {
    /// The tokens read, or what the parts come to if that is more.
    pub(crate) fn whole_input(&self) -> u64 {
        self.input.max(self.special_input())
    }

    /// Input that is neither fresh nor text.
    fn special_input(&self) -> u64 {
        [
            self.cached_input,
            self.cache_write.max(self.cache_write_1h),
            self.fresh_audio(),
            self.fresh_image(),
            self.video_input,
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }

    /// Fresh text.
    pub(crate) fn plain_input(&self) -> u64 {
        self.input.saturating_sub(self.special_input())
    }

    /// Cached text.
    pub(crate) fn cached_text(&self) -> u64 {
        let media = self
            .cached_audio_input
            .saturating_add(self.cached_image_input);
        self.cached_input.saturating_sub(media)
    }

    /// Cache writes that are kept for the usual, short time.
    pub(crate) fn short_cache_write(&self) -> u64 {
        self.cache_write.saturating_sub(self.cache_write_1h)
    }

    pub(crate) fn fresh_audio(&self) -> u64 {
        self.audio_input.saturating_sub(self.cached_audio_input)
    }

    pub(crate) fn fresh_image(&self) -> u64 {
        self.image_input.saturating_sub(self.cached_image_input)
    }

    /// Text that answers.
    pub(crate) fn plain_output(&self) -> u64 {
        [
            self.reasoning,
            self.audio_output,
            self.image_output,
            self.video_output,
        ]
        .into_iter()
        .fold(self.output, u64::saturating_sub)
    }
}

/// The most a call may use: what is reserved before it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ceiling {
    /// Tokens read, all kinds together.
    pub input: u64,
    /// Tokens written, all kinds together.
    pub output: u64,
    /// The request holds nothing but text and asks for nothing but text.
    pub text_only: bool,
    /// Searches of the web.
    pub web_searches: u64,
    /// Searches of the caller's files.
    pub storage_searches: u64,
    /// Seconds of audio.
    pub audio_seconds: u64,
    /// Characters to be spoken.
    pub characters: u64,
}
