//! Usage as OpenAI's images, speech and transcriptions tell it: in the answer, or in the events
//! that end an image or a text.

use price_book::TokenUsage;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Captured, Reading};

#[derive(Deserialize)]
struct Usage<'a> {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    // Images say `tokens`, transcriptions `token`.
    #[serde(alias = "input_token_details")]
    input_tokens_details: Option<InputDetails>,
    #[serde(alias = "output_token_details")]
    output_tokens_details: Option<OutputDetails>,
    #[serde(borrow)]
    seconds: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct InputDetails {
    audio_tokens: Option<u64>,
    image_tokens: Option<u64>,
    cached_tokens: Option<u64>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct OutputDetails {
    text_tokens: Option<u64>,
}

/// The usage in a whole answer, or in an event.
pub(super) fn usage(members: &Captured, draws: bool) -> Option<TokenUsage> {
    let told = members
        .value("usage")
        .and_then(|json| serde_json::from_slice::<Usage<'_>>(json).ok());
    told.and_then(|usage| usage.counted(draws)).or_else(|| {
        // A transcription with all its details tells how long the recording is.
        let duration = std::str::from_utf8(members.value("duration")?).ok()?;
        whole_seconds(duration).map(heard)
    })
}

/// Reads an event. Each image of a stream tells its own usage.
pub(super) fn read_event(members: &Captured, draws: bool, reading: &mut Reading) {
    let failed = members
        .value("error")
        .is_some_and(|error| error.trim_ascii().starts_with(b"{"));
    reading.failed |= failed;
    let Some(usage) = usage(members, draws) else {
        return;
    };
    let before = reading.told.take().unwrap_or_default();
    reading.told = Some(TokenUsage {
        input: before.input.saturating_add(usage.input),
        cached_input: before.cached_input.saturating_add(usage.cached_input),
        audio_input: before.audio_input.saturating_add(usage.audio_input),
        image_input: before.image_input.saturating_add(usage.image_input),
        output: before.output.saturating_add(usage.output),
        image_output: before.image_output.saturating_add(usage.image_output),
        audio_seconds: before.audio_seconds.saturating_add(usage.audio_seconds),
        ..before
    });
}

impl Usage<'_> {
    /// `None` where it counts neither tokens nor seconds.
    fn counted(self, draws: bool) -> Option<TokenUsage> {
        let Some(input) = self.input_tokens else {
            return whole_seconds(self.seconds?.get()).map(heard);
        };
        let read = self.input_tokens_details.unwrap_or_default();
        let output = self.output_tokens?;
        let text = self
            .output_tokens_details
            .and_then(|details| details.text_tokens);
        Some(TokenUsage {
            input,
            cached_input: read.cached_tokens.unwrap_or(0),
            audio_input: read.audio_tokens.unwrap_or(0),
            image_input: read.image_tokens.unwrap_or(0),
            output,
            // What is not said to be text is the image, which is dearer.
            image_output: if draws {
                output.saturating_sub(text.unwrap_or(0))
            } else {
                0
            },
            ..TokenUsage::default()
        })
    }
}

fn heard(audio_seconds: u64) -> TokenUsage {
    TokenUsage {
        audio_seconds,
        ..TokenUsage::default()
    }
}

/// A number of seconds in decimal digits, rounded up; some answers write it as a text.
fn whole_seconds(json: &str) -> Option<u64> {
    let json = json.trim();
    let text = json
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(json);
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(part) {
        return None;
    }
    let begun = u64::from(part.bytes().any(|b| b != b'0'));
    // A recording is at least one second.
    Some(whole.parse::<u64>().ok()?.checked_add(begun)?.max(1))
}
