//! Which provider, in which dialect, is asked for what: read from method and path.

use actix_web::http::Method;

use crate::provider::{Dialect, Provider, Route};

/// Where a call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target<'p> {
    pub provider: Provider,
    pub dialect: Dialect,
    pub route: Route,
    /// The model, when the path names it; still percent-encoded.
    pub model: Option<&'p str>,
}

/// Path prefixes, and who answers below them. Longer prefixes stand before their own beginnings.
const PREFIXES: [(&str, Provider, Dialect); 12] = [
    ("/openai/v1", Provider::OpenAi, Dialect::OpenAi),
    ("/v1", Provider::OpenAi, Dialect::OpenAi),
    ("/anthropic/v1", Provider::Anthropic, Dialect::Anthropic),
    ("/google/v1beta/openai", Provider::Google, Dialect::OpenAi),
    ("/google/v1beta", Provider::Google, Dialect::Google),
    ("/google/v1", Provider::Google, Dialect::Google),
    ("/groq/openai/v1", Provider::Groq, Dialect::OpenAi),
    ("/together/v1", Provider::Together, Dialect::OpenAi),
    ("/mistral/v1", Provider::Mistral, Dialect::OpenAi),
    (
        "/cohere/compatibility/v1",
        Provider::Cohere,
        Dialect::OpenAi,
    ),
    ("/ollama/v1", Provider::Ollama, Dialect::OpenAi),
    ("/openrouter/api/v1", Provider::OpenRouter, Dialect::OpenAi),
];

impl<'p> Target<'p> {
    /// Finds who is asked for what; `None` outside every provider's prefix.
    pub fn find(method: &Method, path: &'p str) -> Option<Self> {
        if let Some(deployed) = azure(method, path) {
            return Some(deployed);
        }
        let (provider, dialect, rest) =
            PREFIXES.iter().find_map(|(prefix, provider, dialect)| {
                let rest = path.strip_prefix(prefix)?.strip_prefix('/')?;
                Some((*provider, *dialect, rest))
            })?;
        // Anthropic also answers in OpenAI's dialect, on the same prefix.
        let dialect = if provider == Provider::Anthropic && rest == "chat/completions" {
            Dialect::OpenAi
        } else {
            dialect
        };
        let (route, model) = match dialect {
            Dialect::OpenAi | Dialect::Anthropic => plain_route(dialect, method, rest),
            Dialect::Google => google_route(method, rest),
        };
        Some(Self {
            provider,
            dialect,
            route,
            model,
        })
    }
}

/// A deployment of Azure's, which the path names in place of a model.
fn azure<'p>(method: &Method, path: &'p str) -> Option<Target<'p>> {
    let below = path.strip_prefix("/openai/deployments/")?;
    let (deployment, rest) = below.split_once('/')?;
    let (route, _) = plain_route(Dialect::OpenAi, method, rest);
    Some(Target {
        provider: Provider::Azure,
        dialect: Dialect::OpenAi,
        route,
        model: Some(deployment),
    })
}

fn plain_route<'p>(dialect: Dialect, method: &Method, rest: &'p str) -> (Route, Option<&'p str>) {
    let route = match (method, dialect, rest) {
        (&Method::POST, Dialect::OpenAi, "chat/completions") => Route::Chat,
        (&Method::POST, Dialect::OpenAi, "responses") => Route::Responses,
        (&Method::POST, Dialect::OpenAi, "embeddings") => Route::Embeddings,
        (&Method::POST, Dialect::OpenAi, "moderations") => Route::Moderations,
        (&Method::POST, Dialect::OpenAi, "images/generations") => Route::Images,
        (&Method::POST, Dialect::OpenAi, "images/edits") => Route::ImageEdits,
        (&Method::POST, Dialect::OpenAi, "audio/speech") => Route::Speech,
        (&Method::POST, Dialect::OpenAi, "audio/transcriptions") => Route::Transcriptions,
        (&Method::POST, Dialect::OpenAi, "audio/translations") => Route::Translations,
        (&Method::POST, Dialect::Anthropic, "messages") => Route::Messages,
        (&Method::POST, Dialect::Anthropic, "messages/count_tokens") => Route::CountTokens,
        (&Method::GET, _, "models") => Route::Models,
        (&Method::GET, _, _) => {
            return rest
                .strip_prefix("models/")
                .map_or((Route::Unknown, None), |model| (Route::Model, Some(model)));
        }
        _ => Route::Unknown,
    };
    (route, None)
}

fn google_route<'p>(method: &Method, rest: &'p str) -> (Route, Option<&'p str>) {
    if method == Method::GET && rest == "models" {
        return (Route::Models, None);
    }
    let Some(named) = rest.strip_prefix("models/") else {
        return (Route::Unknown, None);
    };
    if method == Method::GET {
        return (Route::Model, Some(named));
    }
    // A client may percent-encode the colon before the verb.
    let Some((model, verb)) = named.rsplit_once(':').or_else(|| named.rsplit_once("%3A")) else {
        return (Route::Unknown, Some(named));
    };
    let route = match verb {
        "generateContent" => Route::Generate,
        "streamGenerateContent" => Route::StreamGenerate,
        "countTokens" => Route::GoogleCountTokens,
        "embedContent" => Route::EmbedContent,
        "batchEmbedContents" => Route::BatchEmbedContents,
        _ => Route::Unknown,
    };
    (route, Some(model))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(path: &str) -> (Provider, Route, Option<&str>) {
        let target = Target::find(&Method::POST, path).unwrap();
        (target.provider, target.route, target.model)
    }

    #[test]
    fn each_provider_answers_below_its_own_prefix() {
        assert_eq!(
            post("/v1/chat/completions"),
            (Provider::OpenAi, Route::Chat, None)
        );
        assert_eq!(
            post("/groq/openai/v1/embeddings"),
            (Provider::Groq, Route::Embeddings, None)
        );
        assert_eq!(
            post("/cohere/compatibility/v1/chat/completions"),
            (Provider::Cohere, Route::Chat, None)
        );
        assert_eq!(
            post("/anthropic/v1/messages"),
            (Provider::Anthropic, Route::Messages, None)
        );
        assert_eq!(
            post("/google/v1beta/openai/chat/completions").1,
            Route::Chat
        );
    }

    #[test]
    fn azure_names_the_deployment_in_the_path() {
        assert_eq!(
            post("/openai/deployments/fast/chat/completions"),
            (Provider::Azure, Route::Chat, Some("fast"))
        );
    }

    #[test]
    fn google_names_model_and_verb_in_the_path() {
        let path = "/google/v1/models/gemini-2.5-pro:streamGenerateContent";
        assert_eq!(
            post(path),
            (
                Provider::Google,
                Route::StreamGenerate,
                Some("gemini-2.5-pro")
            )
        );
        assert_eq!(
            post("/google/v1/models/gemini-2.5-pro:tune").1,
            Route::Unknown
        );
    }

    #[test]
    fn a_path_that_a_provider_does_not_have_is_still_that_providers() {
        assert_eq!(
            post("/openai/v1/files"),
            (Provider::OpenAi, Route::Unknown, None)
        );
        assert!(Target::find(&Method::POST, "/elsewhere").is_none());
        assert!(Target::find(&Method::POST, "/v1elsewhere/chat").is_none());
    }
}
