//! Events of the providers that an organization adds.

use std::collections::BTreeMap;

use money::Nanodollars;
use serde::{Deserialize, Serialize};

use crate::{authorization::Provider, payload::EventPayload};

/// In which way a provider is asked that an organization added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderKind {
    /// As OpenAI is, under `Authorization: Bearer`.
    OpenaiCompatible,
    /// As a resource of Azure OpenAI is, under `api-key`.
    Azure,
}

/// What a million tokens cost, in USD.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenPrice {
    /// Of those that are read.
    pub input: Nanodollars,
    /// Of those that are written.
    pub output: Nanodollars,
}

/// A provider that an organization added. Where it is never changes: another address is another
/// provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomProvider {
    /// Its name within the organization.
    pub name: Provider,
    /// In which way it is asked.
    pub kind: ProviderKind,
    /// Where it is asked: `https`, a host, perhaps a port and a path; no trailing slash.
    pub base_url: String,
    /// What every model of it costs, where its administrator said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<TokenPrice>,
    /// Which of OpenAI's models stands behind each deployment, for the price.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<String, String>,
}

impl CustomProvider {
    /// Scheme, host and port of its address (RFC 6454 section 4): what its keys are bound to.
    #[must_use]
    pub fn origin(&self) -> &str {
        let after_scheme = self.base_url.find("://").map_or(0, |at| at + 3);
        let path = self
            .base_url
            .get(after_scheme..)
            .and_then(|rest| rest.find('/'));
        let end = path.map_or(self.base_url.len(), |at| after_scheme + at);
        self.base_url.get(..end).unwrap_or(&self.base_url)
    }

    /// Its host, with the port if it is not the usual one: as people are told where it is.
    #[must_use]
    pub fn host(&self) -> &str {
        let origin = self.origin();
        origin.split_once("://").map_or(origin, |(_, host)| host)
    }
}

impl CustomProvider {
    /// Its name and its host, as people are told whom they give access to.
    #[must_use]
    pub fn with_host(&self) -> String {
        format!("{} at {}", self.name, self.host())
    }
}

/// The life of a provider that an organization added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "payload")]
pub enum CustomProviderEvent {
    /// An administrator added it.
    #[serde(rename = "custom_provider.added")]
    Added {
        /// All of it.
        provider: CustomProvider,
    },
    /// An administrator removed it; its keys were destroyed.
    #[serde(rename = "custom_provider.removed")]
    Removed {},
}

impl EventPayload for CustomProviderEvent {
    const STREAM: &'static str = "custom_provider";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_bound_to_scheme_host_and_port() {
        for (base_url, origin, host) in [
            (
                "https://llm.acme.example/v1",
                "https://llm.acme.example",
                "llm.acme.example",
            ),
            (
                "https://llm.acme.example",
                "https://llm.acme.example",
                "llm.acme.example",
            ),
            (
                "http://127.0.0.1:8080/a/b",
                "http://127.0.0.1:8080",
                "127.0.0.1:8080",
            ),
        ] {
            let provider = CustomProvider {
                name: "acme".parse().unwrap(),
                kind: ProviderKind::OpenaiCompatible,
                base_url: base_url.to_owned(),
                price: None,
                models: BTreeMap::new(),
            };
            assert_eq!((provider.origin(), provider.host()), (origin, host));
        }
    }
}
