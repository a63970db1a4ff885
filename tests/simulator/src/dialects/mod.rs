//! The providers' ways of answering, one file per dialect.

mod anthropic;
mod google;
mod google_embeddings;
mod openai;

use actix_web::http::{StatusCode, header::HeaderName};
use serde_json::Value;

use crate::{
    answer::{Answer, Form, Plan},
    provider::{Dialect, Route},
};

/// Why a provider does not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// No key was sent.
    NoKey,
    /// The key, which is told as the provider tells it, is not valid.
    InvalidKey { key: String, bearer: bool },
    /// The provider has no such path.
    NoSuchPath { method: String, path: String },
    /// The body or a member of it is not as it must be.
    Malformed {
        message: String,
        member: Option<&'static str>,
    },
    /// A member that the provider, strict about its bodies, does not know.
    Extra {
        /// Where it stands, name by name.
        place: &'static [&'static str],
        input: Value,
    },
    /// The script wants it.
    Scripted { status: u16, echo: Option<String> },
}

/// Writes the answer to a plan.
pub fn write(plan: &Plan, created: i64) -> Answer {
    match plan.route {
        Route::Chat => openai::chat::write(plan, created),
        Route::Responses => openai::responses::write(plan, created),
        Route::Embeddings => openai::embeddings::write(plan),
        Route::Moderations => openai::media::moderation(plan),
        Route::Images | Route::ImageEdits => openai::media::images(plan, created),
        Route::Speech => openai::media::speech(plan),
        Route::Transcriptions | Route::Translations => openai::media::transcription(plan),
        Route::Messages => anthropic::messages(plan),
        Route::CountTokens => anthropic::count_tokens(plan),
        Route::Generate | Route::StreamGenerate => google::generate(plan),
        Route::GoogleCountTokens => google::count_tokens(plan),
        Route::EmbedContent => google_embeddings::embed_content(plan),
        Route::BatchEmbedContents => google_embeddings::batch_embed_contents(plan),
        Route::Models | Route::Model | Route::Unknown => match plan.dialect {
            Dialect::OpenAi => openai::models::write(plan),
            Dialect::Anthropic => anthropic::models(plan),
            Dialect::Google => google::models(plan),
        },
    }
}

/// Writes a refusal as the provider does: its status and its body.
pub fn refuse(dialect: Dialect, refusal: &Refusal, request_id: &str) -> (StatusCode, String) {
    let (status, body) = match dialect {
        Dialect::OpenAi => openai::errors::write(refusal),
        Dialect::Anthropic => anthropic::error(refusal, request_id),
        Dialect::Google => google::error(refusal),
    };
    (
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        body,
    )
}

/// What must be in a call before it is answered; the member that is missing, else.
pub fn missing_member(
    route: Route,
    has_model: bool,
    has_prompt: bool,
    has_cap: bool,
) -> Option<&'static str> {
    match route {
        Route::Models | Route::Model | Route::Unknown => None,
        _ if !has_model => Some("model"),
        Route::Messages if !has_cap => Some("max_tokens"),
        Route::Chat | Route::Messages | Route::CountTokens if !has_prompt => Some("messages"),
        Route::Embeddings | Route::Moderations | Route::Speech if !has_prompt => Some("input"),
        Route::Images | Route::ImageEdits if !has_prompt => Some("prompt"),
        Route::Generate | Route::StreamGenerate if !has_prompt => Some("contents"),
        _ => None,
    }
}

/// The content type of an answer.
pub const fn content_type(dialect: Dialect, form: Form) -> &'static str {
    match (form, dialect) {
        (Form::Sound, _) => "audio/mpeg",
        (Form::Text, _) => "text/plain; charset=utf-8",
        (Form::Events, Dialect::Google) => "text/event-stream",
        (Form::Events, _) => "text/event-stream; charset=utf-8",
        (_, Dialect::Google) => "application/json; charset=UTF-8",
        _ => "application/json",
    }
}

/// The header in which the provider tells the id of a call.
pub const fn request_id_header(dialect: Dialect) -> HeaderName {
    match dialect {
        Dialect::Anthropic => HeaderName::from_static("request-id"),
        _ => HeaderName::from_static("x-request-id"),
    }
}

/// The other headers that the provider sends with every answer.
pub fn headers(dialect: Dialect) -> &'static [(HeaderName, &'static str)] {
    static OPENAI: [(HeaderName, &str); 9] = [
        (HeaderName::from_static("openai-version"), "2020-10-01"),
        (
            HeaderName::from_static("openai-organization"),
            "org-simulator",
        ),
        (HeaderName::from_static("openai-processing-ms"), "1"),
        (
            HeaderName::from_static("x-ratelimit-limit-requests"),
            "10000",
        ),
        (
            HeaderName::from_static("x-ratelimit-remaining-requests"),
            "9999",
        ),
        (
            HeaderName::from_static("x-ratelimit-limit-tokens"),
            "30000000",
        ),
        (
            HeaderName::from_static("x-ratelimit-remaining-tokens"),
            "29999900",
        ),
        (HeaderName::from_static("x-ratelimit-reset-requests"), "6ms"),
        (HeaderName::from_static("x-ratelimit-reset-tokens"), "0s"),
    ];
    static ANTHROPIC: [(HeaderName, &str); 5] = [
        (
            HeaderName::from_static("anthropic-organization-id"),
            "org-simulator",
        ),
        (
            HeaderName::from_static("anthropic-ratelimit-requests-limit"),
            "4000",
        ),
        (
            HeaderName::from_static("anthropic-ratelimit-requests-remaining"),
            "3999",
        ),
        (
            HeaderName::from_static("anthropic-ratelimit-tokens-limit"),
            "400000",
        ),
        (
            HeaderName::from_static("anthropic-ratelimit-tokens-remaining"),
            "399000",
        ),
    ];
    static GOOGLE: [(HeaderName, &str); 2] = [
        (HeaderName::from_static("server-timing"), "gfet4t7; dur=1"),
        (HeaderName::from_static("x-content-type-options"), "nosniff"),
    ];
    match dialect {
        Dialect::OpenAi => &OPENAI,
        Dialect::Anthropic => &ANTHROPIC,
        Dialect::Google => &GOOGLE,
    }
}
