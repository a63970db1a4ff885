//! What a call asks for, as far as a decision rests on it, read from its body in each dialect.

mod anthropic;
mod google;
mod media;
mod openai;
mod openrouter;
mod tools;

use events::Capability;
use serde_json::value::RawValue;

pub use openrouter::PriceCap;

use crate::{
    body::{BodyError, Edits, FormError, FormType, Media, Members, Name, Place},
    provider::{Endpoint, Upstream},
};

/// The longest name of a model.
const LONGEST_MODEL: usize = 128;
/// The most alternative answers of one call.
const MOST_ANSWERS: u64 = 128;

/// What a call asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The model, as the app named it.
    pub model: String,
    /// Whether the answer is to come as a stream.
    pub stream: bool,
    /// Whether the app wants the chunk that tells the usage of its stream.
    pub wants_usage: bool,
    /// Capabilities that the content needs beyond the endpoint's own.
    pub needs: Vec<Capability>,
    /// How many answers are to be written.
    pub answers: u64,
    /// The app's own cap on the output of each answer.
    pub output_cap: Option<u32>,
    /// What is to be written beside text.
    pub writes: Writes,
    /// Where to write a cap, and in which form.
    pub cap_member: Option<CapMember>,
    /// Where to write the highest price that may be taken, at a provider that resells models.
    pub price_cap: Option<PriceCap>,
    /// Output that is charged beyond the cap.
    pub extra_output: u64,
    /// What bounds the input.
    pub input: Input,
    /// The service tier, if the app chose one.
    pub service_tier: Option<String>,
    /// Changes to the body that do not depend on the cap.
    pub edits: Edits,
}

/// What an app asks to be written beside text. Nothing is, where the price has no rate for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Writes {
    /// Images.
    pub images: bool,
    /// Sounds.
    pub sounds: bool,
}

/// What bounds the input of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Input {
    /// Bytes of text. A token is at least one byte, so this is the most tokens text can be.
    pub bytes: u64,
    /// Images.
    pub images: u64,
    /// Some of it is to be heard.
    pub sounds: bool,
    /// Tokens that the provider adds by itself, such as instructions for the use of tools.
    pub added: u64,
    /// The provider adds content that the body does not hold (an earlier answer, a file), so that
    /// only the model's context window bounds the input.
    pub whole_window: bool,
    /// What earlier answers wrote and the body only names: so many, each at most what the model writes
    /// in one answer.
    pub earlier_outputs: u64,
    /// The app asks for the longest context window that the provider has, in a header.
    pub longest_window: bool,
    /// Characters to be spoken.
    pub characters: u64,
    /// The most seconds that may be heard; zero where nobody can tell.
    pub audio_seconds: u64,
    /// The seconds that most readers would hear.
    pub likely_seconds: u64,
}

/// Where the output cap stands in the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapMember {
    /// Where to write.
    pub place: Place,
    /// The member's name.
    pub name: &'static str,
    /// The member that must be made around it, if that is not there.
    pub within: Option<&'static str>,
}

impl CapMember {
    /// Writes the cap.
    pub fn write(&self, cap: u32, edits: &mut Edits) {
        match self.within {
            None => edits.set(&self.place, self.name, &cap.to_string()),
            Some(outer) => {
                edits.set(&self.place, outer, &format!("{{\"{}\":{cap}}}", self.name));
            }
        }
    }
}

/// Why a body is not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// It cannot be checked.
    #[error("{0}")]
    Body(#[from] BodyError),
    /// A form that cannot be checked.
    #[error("{0}")]
    Form(#[from] FormError),
    /// A member that must be there is missing.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A value that no provider takes, or none that can be checked.
    #[error("`{member}` {reason}")]
    Value {
        /// Which member.
        member: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
    /// Something the provider would do by itself, at a cost nothing bounds.
    #[error("{0} runs at the provider at a cost that a limit cannot bound; it is not offered here")]
    Unbounded(String),
}

impl AskError {
    /// The member at fault, if it is one.
    #[must_use]
    pub fn member(&self) -> Option<&str> {
        match self {
            Self::Body(error) => error.member(),
            Self::Form(error) => error.member(),
            Self::Missing(member) | Self::Value { member, .. } => Some(member),
            Self::Unbounded(_) => None,
        }
    }
}

/// Reads what a body asks for. `path_model` is the model where the path names it, `form` what the
/// body is where it is a form.
///
/// # Errors
/// When the body cannot be checked, or asks for what cannot be bounded.
pub fn read(
    upstream: &Upstream,
    endpoint: Endpoint,
    path_model: Option<&str>,
    form: Option<&FormType>,
    body: &[u8],
) -> Result<Ask, AskError> {
    match endpoint {
        Endpoint::Moderations => media::moderations(body),
        Endpoint::ImageGenerations => media::images(body),
        Endpoint::ImageEdits => media::image_edits(form, body),
        Endpoint::Speech => media::speech(body),
        Endpoint::Transcriptions | Endpoint::Translations => media::recording(form, body),
        Endpoint::ChatCompletions => openai::chat(upstream, path_model, body),
        Endpoint::Completions => openai::completions(upstream, body),
        Endpoint::Responses => openai::responses(upstream, body),
        Endpoint::Embeddings => openai::embeddings(upstream, path_model, body),
        Endpoint::Messages => anthropic::messages(body),
        Endpoint::CountMessageTokens => anthropic::count(body),
        Endpoint::GenerateContent
        | Endpoint::StreamGenerateContent
        | Endpoint::CountTokens
        | Endpoint::EmbedContent
        | Endpoint::BatchEmbedContents => {
            google::content(endpoint, path_model.unwrap_or_default(), body)
        }
        Endpoint::ListModels | Endpoint::OneModel => Ok(without_body(path_model)),
    }
}

fn without_body(path_model: Option<&str>) -> Ask {
    Ask {
        model: path_model.unwrap_or("*").to_owned(),
        stream: false,
        wants_usage: false,
        needs: Vec::new(),
        answers: 1,
        output_cap: None,
        writes: Writes::default(),
        cap_member: None,
        price_cap: None,
        extra_output: 0,
        input: Input::default(),
        service_tier: None,
        edits: Edits::default(),
    }
}

/// What every body with a model in it asks for.
fn common(members: &Members<'_>, body: &[u8], media: Media) -> Result<Ask, AskError> {
    let model = members.text("model")?.ok_or(AskError::Missing("model"))?;
    named(&model)?;
    Ok(with_model(&model, body, media))
}

/// The same where the path may name the model (as Azure's do): then a body that names another could
/// be read in two ways.
fn common_at(
    path_model: Option<&str>,
    members: &Members<'_>,
    body: &[u8],
    media: Media,
) -> Result<Ask, AskError> {
    let Some(model) = path_model else {
        return common(members, body, media);
    };
    if members.text("model")?.is_some_and(|named| named != model) {
        return Err(AskError::Value {
            member: "model",
            reason: "is another than the path names",
        });
    }
    Ok(with_model(model, body, media))
}

/// Asks for nothing yet but this model, which must have a name that one can have.
fn named(model: &str) -> Result<Ask, AskError> {
    if model.is_empty() || model.len() > LONGEST_MODEL || model.chars().any(char::is_control) {
        return Err(AskError::Value {
            member: "model",
            reason: "is not the name of a model",
        });
    }
    Ok(without_body(Some(model)))
}

fn with_model(model: &str, body: &[u8], media: Media) -> Ask {
    let bytes = u64::try_from(body.len()).unwrap_or(u64::MAX);
    let mut needs = Vec::new();
    if media.images > 0 || media.files > 0 {
        needs.push(Capability::Vision);
    }
    if media.sounds > 0 {
        needs.push(Capability::Audio);
    }
    Ask {
        needs,
        input: Input {
            bytes: bytes.saturating_sub(media.image_bytes),
            images: media.images,
            sounds: media.sounds > 0,
            whole_window: media.files > 0 || media.sounds > 0,
            ..Input::default()
        },
        ..without_body(Some(model))
    }
}

/// The media in these members.
fn media(members: &Members<'_>, names: &[&str]) -> Media {
    let texts = names.iter().filter_map(|name| members.raw(name));
    texts.fold(Media::default(), |sum, (json, _)| {
        sum.and(crate::body::media_in(json))
    })
}

/// How many answers a member asks for.
fn answers(members: &Members<'_>, name: &'static str) -> Result<u64, AskError> {
    let asked = members.count(name)?.map_or(1, u64::from);
    if asked > MOST_ANSWERS {
        return Err(AskError::Value {
            member: name,
            reason: "asks for too many answers",
        });
    }
    Ok(asked)
}

/// Notes what is to be written beside text: `modalities` in each provider's spelling. What has no rate
/// in any price is refused.
fn modalities(ask: &mut Ask, members: &Members<'_>, name: &'static str) -> Result<(), AskError> {
    let Some((json, _)) = members.raw(name) else {
        return Ok(());
    };
    let reason = "must be a list of `text`, `image` or `audio`";
    let value = || AskError::Value {
        member: name,
        reason,
    };
    for modality in serde_json::from_str::<Vec<String>>(json).map_err(|_| value())? {
        match modality.to_ascii_lowercase().as_str() {
            "text" => {}
            "image" => ask.writes.images = true,
            "audio" => ask.writes.sounds = true,
            _ => return Err(value()),
        }
    }
    if ask.writes.images {
        ask.needs.push(Capability::Images);
    }
    if ask.writes.sounds {
        ask.needs.push(Capability::Audio);
    }
    Ok(())
}

/// Refuses members that make the provider work beyond what a limit can bound.
fn refuse_unbounded(members: &Members<'_>, names: &[&str]) -> Result<(), AskError> {
    match names.iter().find(|name| members.has(name)) {
        Some(name) => Err(AskError::Unbounded(format!("`{name}`"))),
        None => Ok(()),
    }
}

/// Whether a member holds more than an empty list, object or string.
fn holds_something(members: &Members<'_>, name: &str) -> bool {
    members.raw(name).is_some_and(|(json, _)| {
        serde_json::from_str::<&RawValue>(json).is_ok_and(|raw| {
            !matches!(
                raw.get().replace([' ', '\t', '\r', '\n'], "").as_str(),
                "[]" | "{}" | "\"\""
            )
        })
    })
}

#[cfg(test)]
#[path = "ask/tests.rs"]
mod tests;

#[cfg(test)]
#[path = "ask/writes_tests.rs"]
mod writes_tests;
