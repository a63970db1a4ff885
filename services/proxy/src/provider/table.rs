//! The providers that Latchkey knows without being told.

use std::{collections::BTreeMap, sync::Arc};

use events::{Provider, ProviderError};

use crate::provider::{
    endpoint::{Dialect, Endpoint},
    overrides::ProviderUrl,
    upstream::{KeyHeader, Place, StreamUsage, Upstream},
};

const OPENAI: &[Endpoint] = &[
    Endpoint::ChatCompletions,
    Endpoint::Responses,
    Endpoint::Completions,
    Endpoint::Embeddings,
    Endpoint::ListModels,
    Endpoint::OneModel,
];
const COMPATIBLE: &[Endpoint] = &[
    Endpoint::ChatCompletions,
    Endpoint::Embeddings,
    Endpoint::ListModels,
    Endpoint::OneModel,
];
const ANTHROPIC: &[Endpoint] = &[
    Endpoint::Messages,
    Endpoint::CountMessageTokens,
    Endpoint::ListModels,
    Endpoint::OneModel,
];
const GOOGLE: &[Endpoint] = &[
    Endpoint::GenerateContent,
    Endpoint::StreamGenerateContent,
    Endpoint::CountTokens,
    Endpoint::EmbedContent,
    Endpoint::BatchEmbedContents,
    Endpoint::ListModels,
    Endpoint::OneModel,
];

struct Row {
    name: &'static str,
    base: &'static str,
    dialect: Dialect,
    endpoints: &'static [Endpoint],
    output_cap: &'static str,
    stream_usage: StreamUsage,
}

/// A provider in OpenAI's dialect.
const fn compatible(name: &'static str, base: &'static str, output_cap: &'static str) -> Row {
    Row {
        name,
        base,
        dialect: Dialect::OpenAi,
        endpoints: COMPATIBLE,
        output_cap,
        stream_usage: StreamUsage::OnRequest,
    }
}

const ROWS: [Row; 9] = [
    Row {
        endpoints: OPENAI,
        ..compatible(
            "openai",
            "https://api.openai.com/v1",
            "max_completion_tokens",
        )
    },
    Row {
        dialect: Dialect::Anthropic,
        endpoints: ANTHROPIC,
        ..compatible("anthropic", "https://api.anthropic.com/v1", "max_tokens")
    },
    Row {
        dialect: Dialect::Google,
        endpoints: GOOGLE,
        ..compatible(
            "google",
            "https://generativelanguage.googleapis.com",
            "maxOutputTokens",
        )
    },
    compatible(
        "groq",
        "https://api.groq.com/openai/v1",
        "max_completion_tokens",
    ),
    compatible("together", "https://api.together.xyz/v1", "max_tokens"),
    Row {
        stream_usage: StreamUsage::Always,
        ..compatible("mistral", "https://api.mistral.ai/v1", "max_tokens")
    },
    compatible(
        "cohere",
        "https://api.cohere.ai/compatibility/v1",
        "max_tokens",
    ),
    compatible("ollama", "https://ollama.com/v1", "max_tokens"),
    // A name that no resolver finds (RFC 6761 section 6.4): nothing is ever sent to it.
    Row {
        endpoints: OPENAI,
        ..compatible(
            Provider::SANDBOX,
            "https://sandbox.invalid/v1",
            "max_completion_tokens",
        )
    },
];

/// Every provider that calls may go to.
#[derive(Debug, Clone)]
pub struct Providers {
    by_name: BTreeMap<Provider, Arc<Upstream>>,
}

impl Providers {
    /// The built-in providers, at the addresses given instead of their own where there are any.
    ///
    /// # Errors
    /// Never for the table as it stands: its names are providers' names.
    pub fn built_in(instead: &[ProviderUrl]) -> Result<Self, ProviderError> {
        let upstreams = ROWS.iter().map(|row| {
            let name: Provider = row.name.parse()?;
            let other = instead.iter().find(|other| other.provider == name);
            let base = other.map_or_else(|| row.base.to_owned(), |other| based(row, &other.url));
            Ok((name.clone(), Arc::new(upstream(row, name, base))))
        });
        Ok(Self {
            by_name: upstreams.collect::<Result<_, ProviderError>>()?,
        })
    }

    /// The provider of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Arc<Upstream>> {
        self.by_name
            .iter()
            .find(|(known, _)| known.as_str() == name)
            .map(|(_, upstream)| upstream)
    }
}

/// The base address that another URL stands for. SDKs differ in whether the version belongs to
/// the base, so both spellings are taken where the version is known.
fn based(row: &Row, url: &str) -> String {
    let url = url.trim_end_matches('/');
    match row.dialect {
        Dialect::OpenAi => url.to_owned(),
        Dialect::Anthropic => format!("{}/v1", url.strip_suffix("/v1").unwrap_or(url)),
        Dialect::Google => {
            let bare = url
                .strip_suffix("/v1beta")
                .or_else(|| url.strip_suffix("/v1"));
            bare.unwrap_or(url).to_owned()
        }
    }
}

fn upstream(row: &Row, name: Provider, base: String) -> Upstream {
    let key_header = match row.dialect {
        Dialect::OpenAi => KeyHeader::Bearer,
        Dialect::Anthropic => KeyHeader::XApiKey,
        Dialect::Google => KeyHeader::XGoogApiKey,
    };
    let place = if name.is_sandbox() {
        Place::Sandbox
    } else {
        Place::Network
    };
    let mut upstream = Upstream {
        name,
        place,
        dialect: row.dialect,
        key_header,
        base,
        endpoints: row.endpoints,
        output_cap: row.output_cap,
        stream_usage: row.stream_usage,
        fixed: Vec::new(),
    };
    // Google's addresses hold a version that the caller chooses.
    if row.dialect != Dialect::Google {
        let fixed = row
            .endpoints
            .iter()
            .filter(|endpoint| !endpoint.template().contains('{'));
        upstream.fixed = fixed
            .filter_map(|endpoint| Some((*endpoint, upstream.url(*endpoint, "", None, "").ok()?)))
            .collect();
    }
    upstream
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_provider_is_in_the_table() {
        let providers = Providers::built_in(&[]).unwrap();
        for name in Provider::BUILT_IN {
            assert!(providers.find(name).is_some(), "{name}");
        }
        assert_eq!(ROWS.len(), Provider::BUILT_IN.len());
    }

    #[test]
    fn a_stand_in_may_be_named_with_or_without_the_version() {
        let at = |provider: &str, url: &str| {
            let instead = [format!("{provider}={url}").parse().unwrap()];
            Providers::built_in(&instead)
                .unwrap()
                .find(provider)
                .unwrap()
                .base
                .clone()
        };
        assert_eq!(
            at("openai", "http://127.0.0.1:9/v1/"),
            "http://127.0.0.1:9/v1"
        );
        assert_eq!(
            at("anthropic", "http://127.0.0.1:9/anthropic"),
            "http://127.0.0.1:9/anthropic/v1"
        );
        assert_eq!(
            at("anthropic", "http://127.0.0.1:9/v1"),
            "http://127.0.0.1:9/v1"
        );
        assert_eq!(
            at("google", "http://127.0.0.1:9/google/v1beta"),
            "http://127.0.0.1:9/google"
        );
        assert_eq!(at("google", "http://127.0.0.1:9"), "http://127.0.0.1:9");
    }

    #[test]
    fn an_address_is_made_of_checked_parts_only() {
        let providers = Providers::built_in(&[]).unwrap();
        let google = providers.find("google").unwrap();
        let url = google
            .url(
                Endpoint::StreamGenerateContent,
                "v1beta",
                Some("gemini-2.5-pro"),
                "alt=sse",
            )
            .unwrap();
        let expected = "https://generativelanguage.googleapis.com/v1beta/models/\
                        gemini-2.5-pro:streamGenerateContent?alt=sse";
        assert_eq!(url.to_string(), expected);
        let openai = providers.find("openai").unwrap();
        let url = openai.url(Endpoint::ChatCompletions, "", None, "").unwrap();
        assert_eq!(
            url.to_string(),
            "https://api.openai.com/v1/chat/completions"
        );
    }
}
