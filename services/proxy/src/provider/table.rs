//! The providers that Latchkey knows without being told.

use std::{collections::BTreeMap, sync::Arc};

use events::{Provider, ProviderError};

use crate::{
    body::Name,
    provider::{
        endpoint::{Dialect, Endpoint},
        overrides::ProviderUrl,
        prices::Prices,
        upstream::{KeyHeader, Place, StreamUsage, Upstream},
    },
};

const OPENAI: &[Endpoint] = &[
    Endpoint::ChatCompletions,
    Endpoint::Responses,
    Endpoint::Completions,
    Endpoint::Embeddings,
    Endpoint::Moderations,
    Endpoint::ImageGenerations,
    Endpoint::ImageEdits,
    Endpoint::Speech,
    Endpoint::Transcriptions,
    Endpoint::Translations,
    Endpoint::ListModels,
    Endpoint::OneModel,
];
const SANDBOX: &[Endpoint] = &[
    Endpoint::ChatCompletions,
    Endpoint::Responses,
    Endpoint::Completions,
    Endpoint::Embeddings,
    Endpoint::ListModels,
    Endpoint::OneModel,
];
const GROQ: &[Endpoint] = &[
    Endpoint::ChatCompletions,
    Endpoint::Responses,
    Endpoint::Embeddings,
    Endpoint::Speech,
    Endpoint::Transcriptions,
    Endpoint::Translations,
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
    closed: &'static [Name],
    resells: bool,
    added_with_tools: u64,
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
        closed: &[],
        resells: false,
        added_with_tools: 0,
    }
}

const ROWS: [Row; 10] = [
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
    Row {
        endpoints: GROQ,
        ..compatible(
            "groq",
            "https://api.groq.com/openai/v1",
            "max_completion_tokens",
        )
    },
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
    Row {
        resells: true,
        closed: OPENROUTER_CLOSED,
        ..compatible("openrouter", "https://openrouter.ai/api/v1", "max_tokens")
    },
    // A name that no resolver finds (RFC 6761 section 6.4): nothing is ever sent to it.
    Row {
        endpoints: SANDBOX,
        ..compatible(
            Provider::SANDBOX,
            "https://sandbox.invalid/v1",
            "max_completion_tokens",
        )
    },
];

/// What reaches a model that was not checked (`models`, `route`, `preset`), is billed besides
/// (`plugins`), or has another price (`service_tier`).
const OPENROUTER_CLOSED: &[Name] = &[
    &["models"],
    &["route"],
    &["preset"],
    &["plugins"],
    &["service_tier"],
];

/// Anthropic, asked in OpenAI's dialect.
const ANTHROPIC_COMPATIBLE: Row = Row {
    endpoints: &[Endpoint::ChatCompletions],
    closed: &[
        &["mcp_servers"],
        &["container"],
        &["speed"],
        &["inference_geo"],
    ],
    // Well above the figures it publishes (346 to 804 tokens).
    added_with_tools: 1_024,
    ..compatible("anthropic", "", "max_tokens")
};
/// Google, asked in OpenAI's dialect. Its own members could bring in content that the body does not
/// hold (`cached_content`) or have it search.
const GOOGLE_COMPATIBLE: Row = Row {
    endpoints: &[Endpoint::ChatCompletions, Endpoint::Embeddings],
    closed: &[&["extra_body"], &["google"], &["cached_content"]],
    ..compatible("google", "", "max_tokens")
};

/// Names in a path right below `/v1` that are not a provider's, and never can be.
pub(crate) const TAKEN: [&str; 10] = [
    "chat",
    "completions",
    "embeddings",
    "responses",
    "models",
    "grant",
    "images",
    "audio",
    "moderations",
    "rerank",
];

/// Every provider that calls may go to.
#[derive(Debug, Clone)]
pub struct Providers {
    by_name: BTreeMap<Provider, Arc<Upstream>>,
    /// Each as it is asked in OpenAI's dialect, by which one endpoint stands for all of them.
    compatible: BTreeMap<Provider, Arc<Upstream>>,
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
        let all: Vec<(Provider, Arc<Upstream>)> = upstreams.collect::<Result<_, _>>()?;
        Ok(all.into_iter().collect())
    }

    /// The provider of this name as it is asked in OpenAI's dialect: the same provider, the same key
    /// and the same prices.
    #[must_use]
    pub fn compatible(&self, name: &Provider) -> Option<&Arc<Upstream>> {
        self.compatible.get(name)
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

impl FromIterator<(Provider, Arc<Upstream>)> for Providers {
    fn from_iter<I: IntoIterator<Item = (Provider, Arc<Upstream>)>>(all: I) -> Self {
        let free = |(name, _): &(Provider, _)| !TAKEN.contains(&Provider::as_str(name));
        let by_name: BTreeMap<_, _> = all.into_iter().filter(free).collect();
        let compatible = (by_name.iter())
            .map(|(name, own)| (name.clone(), in_openais_dialect(own)))
            .collect();
        Self {
            by_name,
            compatible,
        }
    }
}

/// A provider as it is asked in OpenAI's dialect, below the address at which it is asked in its own.
fn in_openais_dialect(own: &Arc<Upstream>) -> Arc<Upstream> {
    let (row, base) = match own.dialect {
        Dialect::OpenAi => return Arc::clone(own),
        Dialect::Anthropic => (&ANTHROPIC_COMPATIBLE, own.base.clone()),
        Dialect::Google => (&GOOGLE_COMPATIBLE, format!("{}/v1beta/openai", own.base)),
    };
    Arc::new(upstream(row, own.name.clone(), base))
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
        origin: None,
        endpoints: row.endpoints,
        output_cap: row.output_cap,
        stream_usage: row.stream_usage,
        closed: row.closed,
        prices: Prices::Book,
        resells: row.resells,
        added_with_tools: row.added_with_tools,
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
#[path = "table_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "routes_tests.rs"]
mod routes_tests;
