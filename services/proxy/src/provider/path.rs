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
const CLOSED: [(&str, &str); 18] = [
    ("files", "files"),
    ("uploads", "uploads of files"),
    ("batches", "batches"),
    ("batch", "batches"),
    ("fine_tuning", "fine-tuning"),
    ("tunedModels", "fine-tuning"),
    ("realtime", "realtime sessions"),
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
            .filter(|name| !matches!(*name, "v1" | "v1beta" | "messages"));
        let first = names.next().unwrap_or_default();
        let closed = CLOSED.iter().find(|(name, _)| *name == first);
        Self {
            dialect,
            closed: closed.map(|(_, words)| *words),
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
        let (name, rest) = below.split_once('/').ok_or(nowhere)?;
        let upstream = self.find(name).ok_or(nowhere)?;
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
mod tests {
    use super::*;

    fn providers() -> Providers {
        Providers::built_in(&[]).unwrap()
    }

    fn post(path: &str) -> Option<(String, Endpoint, String, Option<String>)> {
        let providers = providers();
        let found = providers.route(&Method::POST, path).ok()?;
        Some((
            found.upstream.name.to_string(),
            found.endpoint,
            found.version.to_owned(),
            found.model.map(str::to_owned),
        ))
    }

    #[test]
    fn the_paths_that_sdks_ask_are_routes() {
        for (path, endpoint) in [
            ("/v1/openai/chat/completions", Endpoint::ChatCompletions),
            ("/v1/openai/responses", Endpoint::Responses),
            ("/v1/openai/embeddings", Endpoint::Embeddings),
            ("/v1/openai/moderations", Endpoint::Moderations),
            ("/v1/openai/images/generations", Endpoint::ImageGenerations),
            ("/v1/openai/images/edits", Endpoint::ImageEdits),
            ("/v1/openai/audio/speech", Endpoint::Speech),
            ("/v1/openai/audio/transcriptions", Endpoint::Transcriptions),
            ("/v1/openai/audio/translations", Endpoint::Translations),
            ("/v1/groq/audio/transcriptions", Endpoint::Transcriptions),
            ("/v1/groq/chat/completions", Endpoint::ChatCompletions),
            ("/v1/openrouter/chat/completions", Endpoint::ChatCompletions),
            ("/v1/anthropic/v1/messages", Endpoint::Messages),
            ("/v1/anthropic/messages", Endpoint::Messages),
            (
                "/v1/anthropic/v1/messages/count_tokens",
                Endpoint::CountMessageTokens,
            ),
            (
                "/v1/google/v1/models/gemini-2.5-pro:generateContent",
                Endpoint::GenerateContent,
            ),
            (
                "/v1/google/v1beta/models/g:streamGenerateContent",
                Endpoint::StreamGenerateContent,
            ),
            (
                "/v1/google/v1/models/g%3AcountTokens",
                Endpoint::CountTokens,
            ),
            (
                "/v1/google/v1/models/g:batchEmbedContents",
                Endpoint::BatchEmbedContents,
            ),
        ] {
            assert_eq!(post(path).map(|found| found.1), Some(endpoint), "{path}");
        }
        let providers = providers();
        for path in [
            "/v1/openai/models",
            "/v1/anthropic/v1/models",
            "/v1/google/v1beta/models",
        ] {
            let found = providers.route(&Method::GET, path).unwrap();
            assert_eq!(found.endpoint, Endpoint::ListModels, "{path}");
        }
        let one = providers
            .route(&Method::GET, "/v1/together/models/meta-llama/Llama-3")
            .unwrap();
        assert_eq!(
            (one.endpoint, one.model),
            (Endpoint::OneModel, Some("meta-llama/Llama-3"))
        );
    }

    #[test]
    fn the_path_tells_version_and_model_to_google() {
        let (_, _, version, model) =
            post("/v1/google/v1beta/models/gemini-2.5-pro:generateContent").unwrap();
        assert_eq!(
            (version.as_str(), model.as_deref()),
            ("v1beta", Some("gemini-2.5-pro"))
        );
    }

    /// Ways to say another path than the one that is checked.
    const TRICKS: [&str; 46] = [
        "/v1/openai/../anthropic/v1/messages",
        "/v1/openai/./chat/completions",
        "/v1/openai//chat/completions",
        "/v1//openai/chat/completions",
        "/v1/openai/chat/completions/",
        "/v1/openai/chat//completions",
        "/v1/openai/chat%2fcompletions",
        "/v1/openai/chat%2Fcompletions",
        "/v1/openai/%63hat/completions",
        "/v1/openai%2fchat/completions",
        "/v1/openai/chat/completions;x=1",
        "/v1/openai;x/chat/completions",
        "/v1/openai/chat/completions%00",
        "/v1/openai/chat/completions%20",
        "/v1/openai/chat/completions%0a",
        "/v1/openai/chat\\completions",
        "/v1/OpenAI/chat/completions",
        "/v1/OPENAI/chat/completions",
        "/v1/openai/Chat/Completions",
        "/v1/openai/CHAT/COMPLETIONS",
        "/V1/openai/chat/completions",
        "/v1/openai/v1/chat/completions",
        "/v1/openai/files",
        "/v1/openai/fine_tuning/jobs",
        "/v1/openai/batches",
        "/v1/openai/organization/admin_api_keys",
        "/v1/openai/chat/completions/../../models",
        "/v1/openai",
        "/v1/openai/",
        "/v1/nobody/chat/completions",
        "/v1/anthropic/v1/v1/messages",
        "/v1/anthropic/v1/messages/batches",
        "/v1/anthropic/chat/completions",
        "/v1/groq/responses",
        "/v1/google/models/g:generateContent",
        "/v1/google/v2/models/g:generateContent",
        "/v1/google/v1/models/../models/g:generateContent",
        "/v1/google/v1/models/..:generateContent",
        "/v1/google/v1/models/g/h:generateContent",
        "/v1/google/v1/models/g%2fh:generateContent",
        "/v1/google/v1/models/:generateContent",
        "/v1/google/v1/models/g:generateContent:countTokens",
        "/v1/google/v1/models/g:tunedModels",
        "/v1/google/v1/models/g:GenerateContent",
        "/v1/google/v1/tunedModels/g:generateContent",
        "/v1/google/v1/models/g#:generateContent",
    ];

    #[test]
    fn a_path_that_is_not_exactly_in_the_table_is_no_route() {
        for path in TRICKS {
            assert_eq!(post(path), None, "{path}");
        }
        let providers = providers();
        for path in [
            "/v1/openai/models/..",
            "/v1/openai/models/a/../b",
            "/v1/openai/models/%2e%2e",
            "/v1/openai/models/a//b",
        ] {
            assert!(providers.route(&Method::GET, path).is_err(), "{path}");
        }
        for method in [
            Method::GET,
            Method::PUT,
            Method::DELETE,
            Method::HEAD,
            Method::OPTIONS,
        ] {
            assert!(
                providers
                    .route(&method, "/v1/openai/chat/completions")
                    .is_err(),
                "{method}"
            );
        }
    }

    #[test]
    fn a_missing_route_is_told_in_the_providers_shape() {
        let providers = providers();
        let shape = |path| {
            providers
                .route(&Method::POST, path)
                .map(|_| ())
                .unwrap_err()
        };
        let told = |dialect, closed| NoRoute { dialect, closed };
        for (path, expected) in [
            (
                "/v1/anthropic/v1/files",
                told(Dialect::Anthropic, Some("files")),
            ),
            (
                "/v1/anthropic/v1/messages/batches",
                told(Dialect::Anthropic, Some("batches")),
            ),
            ("/v1/google/v1/files", told(Dialect::Google, Some("files"))),
            ("/v1/openai/files", told(Dialect::OpenAi, Some("files"))),
            (
                "/v1/openai/fine_tuning/jobs",
                told(Dialect::OpenAi, Some("fine-tuning")),
            ),
            (
                "/v1/openai/images/variations",
                told(Dialect::OpenAi, Some("this work on images")),
            ),
            (
                "/v1/together/moderations",
                told(Dialect::OpenAi, Some("moderation")),
            ),
            ("/v1/openai/nothing", told(Dialect::OpenAi, None)),
            ("/v1/nobody/files", told(Dialect::OpenAi, None)),
        ] {
            assert_eq!(shape(path), expected, "{path}");
        }
    }
}
