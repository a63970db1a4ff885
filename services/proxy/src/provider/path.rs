//! Finds the route that a raw path names. Nothing is decoded, folded or cleaned up on the way:
//! a path that is not exactly one of the table is no route.

use std::sync::Arc;

use actix_web::http::Method;

use crate::provider::{
    endpoint::{Dialect, Endpoint},
    table::Providers,
    upstream::Upstream,
};

/// A route, found.
#[derive(Debug, Clone, Copy)]
pub struct Matched<'t, 'p> {
    /// The provider.
    pub upstream: &'t Arc<Upstream>,
    /// What is asked of it.
    pub endpoint: Endpoint,
    /// The version that the path names, where the caller chooses one.
    pub version: &'static str,
    /// The model, where the path names it.
    pub model: Option<&'p str>,
}

/// There is no such route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRoute {
    /// In which shape to tell it.
    pub dialect: Dialect,
    /// What the provider offers there and this gate does not, in words.
    pub closed: Option<&'static str>,
}

/// What providers offer below these names and this gate does not: it would go on, or be kept at
/// the provider, beyond the call that was checked.
const CLOSED: [(&str, &str); 20] = [
    ("files", "files"),
    ("uploads", "uploads of files"),
    ("upload", "uploads of files"),
    ("batches", "batches"),
    ("batch", "batches"),
    ("fine_tuning", "fine-tuning"),
    ("tunedModels", "fine-tuning"),
    ("realtime", "realtime sessions"),
    ("ws", "realtime sessions"),
    ("assistants", "assistants"),
    ("threads", "assistants"),
    ("vector_stores", "vector stores"),
    ("containers", "containers"),
    ("conversations", "conversations kept at the provider"),
    ("cachedContents", "caches kept at the provider"),
    ("images", "this work on images"),
    ("videos", "videos"),
    ("audio", "this work on audio"),
    ("moderations", "moderation"),
    ("organization", "the administration of an organization"),
];

impl NoRoute {
    /// Nothing stands at `rest`, the path below the provider's name.
    fn at(dialect: Dialect, rest: &str) -> Self {
        let mut names = rest
            .split('/')
            .filter(|name| !matches!(*name, "v1" | "v1beta" | "messages" | "openai"));
        let first = names.next().unwrap_or_default();
        let closed = CLOSED.iter().find(|(name, _)| *name == first);
        // Google's are verbs of a model.
        let batch = ["batchGenerateContent", "asyncBatchEmbedContent"];
        let batch = batch.iter().any(|verb| rest.ends_with(verb));
        Self {
            dialect,
            closed: closed
                .map(|(_, words)| *words)
                .or(batch.then_some("batches")),
        }
    }

    /// No provider of the table stands at `below`, the path below `/v1/`: it may mean all of them, or one
    /// that an organization added.
    fn without_provider(below: &str) -> Self {
        let of_all = Self::at(Dialect::OpenAi, below);
        match below.split_once('/') {
            Some((_, rest)) if of_all.closed.is_none() => Self::at(Dialect::OpenAi, rest),
            _ => of_all,
        }
    }
}

/// A model's name in a path is at most this long.
const LONGEST_MODEL: usize = 128;

impl Providers {
    /// The route that `method` and the raw path (as it stood in the request line) name.
    ///
    /// # Errors
    /// When there is none.
    pub fn route<'p>(&self, method: &Method, path: &'p str) -> Result<Matched<'_, 'p>, NoRoute> {
        let nowhere = NoRoute {
            dialect: Dialect::OpenAi,
            closed: None,
        };
        let below = path.strip_prefix("/v1/").ok_or(nowhere)?;
        let split = below.split_once('/');
        let found = split.and_then(|(name, rest)| Some((self.find(name)?, rest)));
        let (upstream, rest) = found.ok_or_else(|| NoRoute::without_provider(below))?;
        let nothing = || NoRoute::at(upstream.dialect, rest);
        let found = match upstream.dialect {
            Dialect::OpenAi => plain(method, rest),
            // Both `/v1/anthropic/v1/messages` and `/v1/anthropic/messages`: SDKs differ in
            // whether the version belongs to the base.
            Dialect::Anthropic => plain(method, rest.strip_prefix("v1/").unwrap_or(rest)),
            Dialect::Google => google(method, rest),
        };
        let Some((endpoint, version, model)) = found else {
            return Err(nothing());
        };
        if !upstream.endpoints.contains(&endpoint) {
            return Err(nothing());
        }
        Ok(Matched {
            upstream,
            endpoint,
            version,
            model,
        })
    }
}

pub(super) type Found<'p> = Option<(Endpoint, &'static str, Option<&'p str>)>;

pub(super) fn plain<'p>(method: &Method, rest: &'p str) -> Found<'p> {
    let endpoint = match (method, rest) {
        (&Method::POST, "chat/completions") => Endpoint::ChatCompletions,
        (&Method::POST, "responses") => Endpoint::Responses,
        (&Method::POST, "completions") => Endpoint::Completions,
        (&Method::POST, "embeddings") => Endpoint::Embeddings,
        (&Method::POST, "moderations") => Endpoint::Moderations,
        (&Method::POST, "images/generations") => Endpoint::ImageGenerations,
        (&Method::POST, "images/edits") => Endpoint::ImageEdits,
        (&Method::POST, "audio/speech") => Endpoint::Speech,
        (&Method::POST, "audio/transcriptions") => Endpoint::Transcriptions,
        (&Method::POST, "audio/translations") => Endpoint::Translations,
        (&Method::POST, "messages") => Endpoint::Messages,
        (&Method::POST, "messages/count_tokens") => Endpoint::CountMessageTokens,
        (&Method::GET, "models") => Endpoint::ListModels,
        (&Method::GET, _) => {
            let model = rest
                .strip_prefix("models/")
                .filter(|model| is_model(model, b"./:_@-"))?;
            return Some((Endpoint::OneModel, "", Some(model)));
        }
        _ => return None,
    };
    Some((endpoint, "", None))
}

fn google<'p>(method: &Method, rest: &'p str) -> Found<'p> {
    let (version, rest) = rest.split_once('/')?;
    let version = ["v1", "v1beta"]
        .into_iter()
        .find(|known| *known == version)?;
    if *method == Method::GET && rest == "models" {
        return Some((Endpoint::ListModels, version, None));
    }
    let named = rest.strip_prefix("models/")?;
    if *method == Method::GET {
        return is_model(named, b"._-").then_some((Endpoint::OneModel, version, Some(named)));
    }
    // Some clients percent-encode the colon before the verb (RFC 3986 section 3.3 needs it not).
    let split = named.split_once(':').or_else(|| named.split_once("%3A"));
    let (model, verb) = split.or_else(|| named.split_once("%3a"))?;
    let endpoint = match (method, verb) {
        (&Method::POST, "generateContent") => Endpoint::GenerateContent,
        (&Method::POST, "streamGenerateContent") => Endpoint::StreamGenerateContent,
        (&Method::POST, "countTokens") => Endpoint::CountTokens,
        (&Method::POST, "embedContent") => Endpoint::EmbedContent,
        (&Method::POST, "batchEmbedContents") => Endpoint::BatchEmbedContents,
        _ => return None,
    };
    is_model(model, b"._-").then_some((endpoint, version, Some(model)))
}

/// Whether this can be a model's name: letters, digits and these marks, beginning and ending with
/// no mark, and no way up or down in a path.
pub(crate) fn is_model(text: &str, marks: &[u8]) -> bool {
    let bytes = text.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    bytes.len() <= LONGEST_MODEL
        && ends
            .iter()
            .all(|end| end.is_some_and(u8::is_ascii_alphanumeric))
        && bytes
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || marks.contains(b))
        && !text.contains("..")
        && !text.contains("//")
        && !text.contains("/.")
        && !text.contains("./")
}

#[cfg(test)]
#[path = "path_tests.rs"]
mod tests;
