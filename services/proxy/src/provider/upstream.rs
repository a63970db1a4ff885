//! One provider: where it is and how it is asked.

use std::sync::Arc;

use events::Provider;
use http::{Uri, uri::InvalidUri};
use jiff::Timestamp;
use price_book::PriceBook;

use crate::{
    body::Name,
    provider::{
        endpoint::{Dialect, Endpoint},
        prices::{Priced, Prices},
    },
    wire::NamedBy,
};

/// In which header a provider wants its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyHeader {
    /// `Authorization: Bearer`.
    Bearer,
    /// `x-api-key`.
    XApiKey,
    /// `x-goog-api-key`.
    XGoogApiKey,
    /// `api-key`, as at Azure.
    ApiKey,
}

/// How a provider in OpenAI's dialect is brought to tell the usage of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamUsage {
    /// By `stream_options.include_usage`; it then sends one chunk more.
    OnRequest,
    /// It tells without being asked, and refuses members it does not know.
    Always,
}

/// Where a provider is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// At its address.
    Network,
    /// In this process: the sandbox, which has no key and no cost.
    Sandbox,
}

/// One provider.
#[derive(Debug, Clone)]
pub struct Upstream {
    pub(crate) name: Provider,
    pub(crate) place: Place,
    pub(crate) dialect: Dialect,
    pub(crate) key_header: KeyHeader,
    /// Without a trailing slash.
    pub(crate) base: String,
    /// Scheme, host and port, where an organization said where it is: its keys are bound to that, and
    /// it must not lead inside.
    pub(crate) origin: Option<Arc<str>>,
    pub(crate) endpoints: &'static [Endpoint],
    /// The member of a chat request that caps the output.
    pub(crate) output_cap: &'static str,
    pub(crate) stream_usage: StreamUsage,
    /// Members of a body that make it do what no limit bounds.
    pub(crate) closed: &'static [Name],
    /// Where the prices of its models stand.
    pub(crate) prices: Prices,
    /// It sells the models of others, caps their price when told to, and tells what a call cost.
    pub(crate) resells: bool,
    /// Tokens of instructions that it adds to a chat with tools.
    pub(crate) added_with_tools: u64,
    /// The addresses that hold no model, ready made.
    pub(crate) fixed: Vec<(Endpoint, Uri)>,
}

impl Upstream {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &Provider {
        &self.name
    }

    /// Its dialect.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The price of a model of it; `None` where nobody knows it.
    pub(crate) fn price(
        &self,
        book: &'static PriceBook,
        model: &str,
        at: Timestamp,
    ) -> Option<Priced> {
        self.prices.of(book, (&self.name, model), at)
    }

    /// Whether it offers this.
    #[must_use]
    pub fn offers(&self, endpoint: Endpoint) -> bool {
        self.endpoints.contains(&endpoint)
    }

    /// Who said where it is.
    pub(crate) fn named_by(&self) -> NamedBy {
        if self.origin.is_some() {
            NamedBy::Organization
        } else {
            NamedBy::Vault
        }
    }

    /// Whether it is Google, which refuses a bad key with 400 in whichever dialect it is asked.
    pub(crate) fn is_google(&self) -> bool {
        self.name.as_str() == "google"
    }

    /// The address that tells for nothing whether a key is good; `None` where there is none. It is the
    /// list of models, asked for one where it can be; that of a reseller is everybody's, so it is asked
    /// about the key itself (<https://openrouter.ai/docs/api-reference/limits>).
    ///
    /// # Errors
    /// When the parts make no address, which their checked alphabet rules out.
    pub(crate) fn key_check(&self) -> Result<Option<Uri>, InvalidUri> {
        let list = |version, query| self.url(Endpoint::ListModels, version, None, query);
        match (self.place, self.dialect) {
            (Place::Sandbox, _) => return Ok(None),
            (Place::Network, _) if self.resells => Uri::try_from(format!("{}/key", self.base)),
            (Place::Network, Dialect::OpenAi) => list("", ""),
            (Place::Network, Dialect::Anthropic) => list("", "limit=1"),
            (Place::Network, Dialect::Google) => list("v1beta", "pageSize=1"),
        }
        .map(Some)
    }

    /// The address of an endpoint. `version` is the path segment that Google's callers choose.
    ///
    /// # Errors
    /// When the parts make no address, which their checked alphabet rules out.
    pub(crate) fn url(
        &self,
        endpoint: Endpoint,
        version: &str,
        model: Option<&str>,
        query: &str,
    ) -> Result<Uri, InvalidUri> {
        if model.is_none() && version.is_empty() && query.is_empty() {
            let ready = self.fixed.iter().find(|(known, _)| *known == endpoint);
            if let Some((_, url)) = ready {
                return Ok(url.clone());
            }
        }
        let (before, model, after) = match endpoint.template().split_once("{model}") {
            Some((before, after)) => (before, model.unwrap_or_default(), after),
            None => (endpoint.template(), "", ""),
        };
        let slash = if version.is_empty() { "" } else { "/" };
        let mark = if query.is_empty() { "" } else { "?" };
        Uri::try_from(format!(
            "{}{slash}{version}{before}{model}{after}{mark}{query}",
            self.base
        ))
    }
}
