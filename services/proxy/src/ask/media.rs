//! Bodies that ask for moderation, images and sounds, in OpenAI's dialect.

mod edits;
mod pictures;

pub(super) use edits::image_edits;

use super::{Ask, AskError, Media, Name, answers, common, media, named, with_model};
use crate::body::{Form, FormType, Members};

const MODERATIONS: &[Name] = &[&["model"], &["input"], &["stream"]];
const IMAGES: &[Name] = &[
    &["model"],
    &["prompt"],
    &["n"],
    &["size"],
    &["quality"],
    &["stream"],
    &["partial_images"],
    &["response_format"],
    &["output_format"],
];
const SPEECH: &[Name] = &[
    &["model"],
    &["input"],
    &["instructions"],
    &["voice"],
    &["speed"],
    &["response_format"],
    &["stream_format"],
];
const RECORDING: &[Name] = &[
    &["model"],
    &["file"],
    &["url"],
    &["stream"],
    &["response_format"],
    &["prompt"],
    &["n"],
];

/// What moderates where an app names no model. It is written into the body, so that what was
/// checked is what is asked.
const USUAL_MODERATION: &str = "omni-moderation-latest";
/// Tokens of each partial image of a stream
/// (<https://developers.openai.com/api/docs/guides/image-generation>).
const OF_A_PARTIAL_IMAGE: u64 = 100;
const MOST_PARTIAL_IMAGES: u64 = 3;
/// What a model may write for itself beside an image.
const BESIDE_AN_IMAGE: u64 = 1_024;
/// Audio tokens of a spoken byte, above what speech comes to (some 21 tokens a second, some 15
/// letters a second); figures are read out as words, so each is many letters.
const OF_A_SPOKEN_BYTE: u64 = 4;
const OF_A_SPOKEN_FIGURE: u64 = 16;
/// Tokens that any speech may have.
const OF_ANY_SPEECH: u64 = 128;
/// `speed` goes down to a quarter.
const SLOWEST: u64 = 4;
/// Twice what the models that transcribe may write.
const MOST_TRANSCRIBED: u32 = 4_096;
pub(super) fn moderations(body: &[u8]) -> Result<Ask, AskError> {
    let members = Members::of_body(body, MODERATIONS)?;
    let seen = media(&members, &["input"]);
    if members.has("model") {
        return common(&members, body, seen);
    }
    let mut ask = with_model(USUAL_MODERATION, body, seen);
    let model = format!("\"{USUAL_MODERATION}\"");
    ask.edits.set(&members.place("model"), "model", &model);
    Ok(ask)
}

pub(super) fn images(body: &[u8]) -> Result<Ask, AskError> {
    let members = Members::of_body(body, IMAGES)?;
    let mut ask = common(&members, body, Media::default())?;
    let (size, quality) = (members.text("size")?, members.text("quality")?);
    let each = pictures::most_tokens(&ask.model, size.as_deref(), quality.as_deref())?;
    ask.output_cap = Some(each);
    ask.answers = answers(&members, "n")?;
    ask.stream = members.flag("stream")?.unwrap_or(false);
    ask.wants_usage = true;
    let beside = BESIDE_AN_IMAGE + OF_A_PARTIAL_IMAGE * partial_images(&members)?;
    ask.extra_output = beside.saturating_mul(ask.answers);
    Ok(ask)
}

/// How many images come before each one is done: none to three.
fn partial_images(members: &Members<'_>) -> Result<u64, AskError> {
    let Some((json, _)) = members.raw("partial_images") else {
        return Ok(0);
    };
    let asked = json.parse().ok().filter(|_| json.len() == 1);
    asked
        .filter(|asked| *asked <= MOST_PARTIAL_IMAGES)
        .ok_or(AskError::Value {
            member: "partial_images",
            reason: "must be a whole number from 0 to 3",
        })
}

pub(super) fn speech(body: &[u8]) -> Result<Ask, AskError> {
    let members = Members::of_body(body, SPEECH)?;
    let mut ask = common(&members, body, Media::default())?;
    let text = members.text("input")?.ok_or(AskError::Missing("input"))?;
    if text.is_empty() {
        return Err(AskError::Missing("input"));
    }
    ask.input.characters = count(text.chars().count());
    let slowed = if members.has("speed") { SLOWEST } else { 1 };
    let spoken = spoken(&text).saturating_mul(slowed);
    ask.output_cap = Some(u32::try_from(spoken).unwrap_or(u32::MAX));
    ask.stream = members.text("stream_format")?.as_deref() == Some("sse");
    ask.wants_usage = true;
    Ok(ask)
}

/// The most audio tokens that this text comes to.
fn spoken(text: &str) -> u64 {
    let figures = count(text.bytes().filter(u8::is_ascii_digit).count());
    let others = count(text.len()).saturating_sub(figures);
    OF_ANY_SPEECH + others * OF_A_SPOKEN_BYTE + figures * OF_A_SPOKEN_FIGURE
}

pub(super) fn recording(form: Option<&FormType>, body: &[u8]) -> Result<Ask, AskError> {
    let kind = form.ok_or(AskError::Missing("file"))?;
    let form = Form::of_body(kind, body, RECORDING)?;
    // Groq would fetch it, however long it is.
    if form.has("url") {
        return Err(AskError::Unbounded(
            "a recording that is only named".to_owned(),
        ));
    }
    let model = form.text("model")?.ok_or(AskError::Missing("model"))?;
    let file = form.file("file")?.ok_or(AskError::Missing("file"))?;
    let mut ask = named(model)?;
    ask.stream = form.flag("stream")?.unwrap_or(false);
    ask.wants_usage = true;
    ask.output_cap = Some(MOST_TRANSCRIBED);
    if let Some(length) = recording_length::length_of(file) {
        ask.input.audio_seconds = length.at_most;
        ask.input.likely_seconds = length.seconds;
    }
    // How many tokens a recording has, nothing but the model's window tells.
    ask.input.whole_window = true;
    Ok(ask)
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "media_tests.rs"]
mod tests;
