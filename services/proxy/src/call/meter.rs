//! Reads the usage that a provider tells, from a copy of the answer, while the bytes themselves go
//! by untouched. Memory is bounded whatever the answer.

mod anthropic;
mod captured;
mod event_members;
mod google;
mod lines;
mod openai_chat;
mod openai_media;
mod openai_responses;

use std::{ops::Range, sync::LazyLock};

use bytes::Bytes;
use memchr::memmem;
use money::Nanodollars;
use price_book::TokenUsage;

pub use captured::Captured;
pub use lines::Lines;

use crate::{call::meter::event_members::EventMembers, provider::Endpoint};

/// Looked for in each piece of a stream, so made ready once.
static USAGE: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(b"\"usage"));
static ERROR: LazyLock<memmem::Finder<'static>> =
    LazyLock::new(|| memmem::Finder::new(b"\"error\""));

/// How the bytes of an answer are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// One JSON text (or a list of them, as Google streams without `alt=sse`).
    Json,
    /// Server-sent events (HTML Living Standard section 9.2).
    Events,
    /// Sounds, or plain text. Nothing of its usage is in it.
    Opaque,
}

/// What was read of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reading {
    /// The usage, if the provider told the whole of it.
    pub told: Option<TokenUsage>,
    /// What it says that cost.
    pub told_cost: Option<Nanodollars>,
    /// The usage it had told when the answer broke off.
    pub so_far: Option<TokenUsage>,
    /// The service tier it says it used.
    pub service_tier: Option<String>,
    /// It tells which part of the input was not text.
    pub splits_input: bool,
    /// It tells which part of the output was not text.
    pub splits_output: bool,
    /// The work was done in one region alone, which Anthropic charges more for.
    pub is_regional: bool,
    /// It told of an error in the midst of the answer.
    pub failed: bool,
}

impl Reading {
    pub(crate) fn note_tier(&mut self, tier: Option<String>) {
        if tier.is_some() {
            self.service_tier = tier;
        }
    }
}

/// In whose words usage is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Words {
    /// `prompt_tokens`, as chat completions, completions and embeddings have it.
    Chat,
    Responses,
    Anthropic,
    Google,
    /// Sounds and images; whether it is an image that is made.
    Media {
        draws: bool,
    },
    /// Answers that cost nothing, or tell nothing.
    Nothing,
}

/// Reads one answer.
#[derive(Debug)]
pub struct Meter {
    words: Words,
    reading: Reading,
    json: Option<Captured>,
    /// For events that are too long to be put together.
    events: Option<EventMembers>,
    lines: Lines,
}

/// The members of a JSON answer that are read.
const READ: [&str; 4] = ["usage", "usageMetadata", "service_tier", "error"];
/// The members of an answer that is, or tells of, sounds and images.
const READ_OF_MEDIA: [&str; 3] = ["usage", "duration", "error"];

impl Meter {
    /// A meter for the answer of an endpoint.
    #[must_use]
    pub fn new(endpoint: Endpoint, framing: Framing) -> Self {
        let words = match endpoint {
            Endpoint::ChatCompletions | Endpoint::Completions | Endpoint::Embeddings => Words::Chat,
            Endpoint::Responses => Words::Responses,
            Endpoint::Messages => Words::Anthropic,
            Endpoint::GenerateContent
            | Endpoint::StreamGenerateContent
            | Endpoint::EmbedContent
            | Endpoint::BatchEmbedContents => Words::Google,
            _ if framing == Framing::Opaque => Words::Nothing,
            Endpoint::ImageGenerations | Endpoint::ImageEdits => Words::Media { draws: true },
            Endpoint::Speech | Endpoint::Transcriptions | Endpoint::Translations => {
                Words::Media { draws: false }
            }
            Endpoint::CountMessageTokens
            | Endpoint::CountTokens
            | Endpoint::Moderations
            | Endpoint::ListModels
            | Endpoint::OneModel => Words::Nothing,
        };
        let is_media = matches!(words, Words::Media { .. });
        let wanted: &[&str] = if is_media { &READ_OF_MEDIA } else { &READ };
        let json = (framing == Framing::Json).then(|| Captured::new(wanted));
        let events = (is_media && framing == Framing::Events).then(|| EventMembers::new(wanted));
        Self {
            words,
            reading: Reading::default(),
            json,
            events,
            lines: Lines::default(),
        }
    }

    /// Notes the service tier that stands beside the answer; one that the answer tells replaces it.
    pub fn note_tier(&mut self, tier: Option<String>) {
        self.reading.note_tier(tier);
    }

    /// Reads the next bytes of the answer.
    pub fn read(&mut self, bytes: &Bytes) {
        if self.words == Words::Nothing {
            return;
        }
        match &mut self.json {
            Some(json) => json.read(bytes),
            None if self.events.is_some() => {
                self.read_lines(bytes);
            }
            None => {
                let whole = self.lines.take(bytes);
                self.read_lines(&whole);
            }
        }
    }

    /// Reads whole lines of an event stream. Gives the place of the event that tells nothing but
    /// the usage, if it is among them.
    pub(crate) fn read_lines(&mut self, lines: &[u8]) -> Option<Range<usize>> {
        if let (Some(events), Words::Media { draws }) = (&mut self.events, self.words) {
            let reading = &mut self.reading;
            events.read(lines, |event| {
                openai_media::read_event(event, draws, reading);
            });
            return None;
        }
        let mut hidden = None;
        let mut read_to = 0;
        for at in USAGE.find_iter(lines) {
            if at >= read_to && opens_an_object(lines, at) {
                let line = line_around(lines, at);
                read_to = line.end;
                if self.read_event(data_of(lines.get(line.clone()).unwrap_or_default())) {
                    hidden = Some(line);
                }
            }
        }
        if !self.reading.failed {
            let mut errors = ERROR.find_iter(lines);
            self.reading.failed = errors.any(|at| {
                opens_an_object(lines, at)
                    && is_error(data_of(
                        lines.get(line_around(lines, at)).unwrap_or_default(),
                    ))
            });
        }
        hidden
    }

    /// Reads one event. Whether it tells nothing but the usage.
    fn read_event(&mut self, data: &[u8]) -> bool {
        match self.words {
            Words::Chat => return openai_chat::read_chunk(data, &mut self.reading),
            Words::Responses => openai_responses::read_event(data, &mut self.reading),
            Words::Anthropic => anthropic::read_event(data, &mut self.reading),
            Words::Google => google::read_chunk(data, &mut self.reading),
            // Read while they go by.
            Words::Media { .. } | Words::Nothing => {}
        }
        false
    }

    /// What was read, now that the answer has ended; `whole` unless it broke off.
    #[must_use]
    pub fn finish(mut self, whole: bool) -> Reading {
        if let Some(json) = self.json.take() {
            self.read_captured(&json);
        }
        let mut tells_a_part = self.words == Words::Google;
        if let (Some(events), Words::Media { draws }) = (&mut self.events, self.words) {
            tells_a_part = true;
            let reading = &mut self.reading;
            events.finish(|event| openai_media::read_event(event, draws, reading));
        }
        if tells_a_part && !whole {
            // Google tells a running count, and each image its own; only the last makes it whole.
            self.reading.so_far = self.reading.told.take();
        }
        self.reading
    }

    fn read_captured(&mut self, json: &Captured) {
        let usage = json.value("usage");
        self.reading.told = match self.words {
            Words::Chat => usage.and_then(|usage| openai_chat::usage(usage, &mut self.reading)),
            Words::Responses => usage.and_then(openai_responses::usage),
            Words::Anthropic => usage.and_then(|usage| anthropic::usage(usage, &mut self.reading)),
            Words::Google => (json.value("usageMetadata"))
                .and_then(|usage| google::usage(usage, &mut self.reading)),
            Words::Media { draws } => openai_media::usage(json, draws),
            Words::Nothing => None,
        };
        let tier = json
            .value("service_tier")
            .and_then(|json| serde_json::from_slice(json).ok());
        self.reading.note_tier(tier);
    }
}

/// Whether the member whose name begins here holds an object.
fn opens_an_object(text: &[u8], at: usize) -> bool {
    let rest = text.get(at + 1..).unwrap_or_default();
    let Some(end) = memchr::memchr(b'"', rest.get(..rest.len().min(16)).unwrap_or_default()) else {
        return false;
    };
    let value = rest.get(end + 1..).unwrap_or_default().trim_ascii_start();
    value
        .strip_prefix(b":")
        .is_some_and(|value| value.trim_ascii_start().starts_with(b"{"))
}

/// The line around this place, its end included.
fn line_around(text: &[u8], at: usize) -> Range<usize> {
    let start = memchr::memrchr(b'\n', text.get(..at).unwrap_or_default()).map_or(0, |end| end + 1);
    let rest = text.get(at..).unwrap_or_default();
    let end = memchr::memchr(b'\n', rest).map_or(text.len(), |end| at + end + 1);
    start..end
}

/// What an event's `data:` line carries.
fn data_of(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"data:").unwrap_or_default().trim_ascii()
}

fn is_error(data: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Event<'a> {
        #[serde(borrow)]
        error: Option<&'a serde_json::value::RawValue>,
    }
    serde_json::from_slice::<Event<'_>>(data).is_ok_and(|event| event.error.is_some())
}

#[cfg(test)]
#[path = "meter/tests.rs"]
mod tests;

#[cfg(test)]
#[path = "meter/media_tests.rs"]
mod media_tests;
