//! Providers that organizations added: their routes, and how each is asked.
//!
//! Whether there is one of a name is known when the grant is: a path alone can only have the shape of
//! a route of one.

use std::sync::Arc;

use actix_web::http::Method;
use events::{CustomProvider, Provider, ProviderKind};

use crate::{
    body::Name,
    provider::{
        endpoint::{Dialect, Endpoint},
        path::{is_model, plain},
        prices::Prices,
        upstream::{KeyHeader, Place, StreamUsage, Upstream},
    },
};

/// What is asked of providers that organizations added.
pub(super) const ENDPOINTS: &[Endpoint] = &[
    Endpoint::ChatCompletions,
    Endpoint::Responses,
    Endpoint::Embeddings,
    Endpoint::ListModels,
    Endpoint::OneModel,
];

/// And of Azure's deployments, where the path names them.
pub(super) const OF_DEPLOYMENTS: &[Endpoint] = &[Endpoint::ChatCompletions, Endpoint::Embeddings];

/// Members by which gateways in OpenAI's dialect reach a model or a bill that was not checked.
const CLOSED: &[Name] = &[
    &["models"],
    &["fallbacks"],
    &["route"],
    &["preset"],
    &["plugins"],
    &["provider"],
    // Azure's, which brings in content that the body does not hold.
    &["data_sources"],
];

/// A path that has the shape of a route of a provider that an organization may have added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedRoute {
    /// The name in it.
    pub name: Provider,
    /// What is asked.
    pub endpoint: Endpoint,
    /// The model, where the path names it behind what is asked.
    pub model: Option<String>,
    form: Form,
}

/// How the path goes on behind the name.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    /// At once, or behind `v1/`: SDKs differ in whether the version belongs to the base.
    Plain,
    /// Behind `openai/v1/`, as at Azure.
    Azure,
    /// Behind `openai/deployments/{deployment}/`, as at Azure before.
    Deployment(String),
}

impl AddedRoute {
    /// The route that a raw path could be, if it could be one.
    #[must_use]
    pub fn find(method: &Method, path: &str) -> Option<Self> {
        let (name, rest) = path.strip_prefix("/v1/")?.split_once('/')?;
        let name: Provider = name.parse().ok()?;
        if !name.is_free() {
            return None;
        }
        let (form, rest) = Form::of(rest)?;
        let (endpoint, _, model) = plain(method, rest)?;
        let by_deployment = matches!(form, Form::Deployment(_));
        let of_deployment = OF_DEPLOYMENTS.contains(&endpoint);
        let offered = ENDPOINTS.contains(&endpoint) && (!by_deployment || of_deployment);
        offered.then(|| Self {
            name,
            endpoint,
            model: model.map(str::to_owned),
            form,
        })
    }

    /// What the name leads to until that is known: nowhere.
    #[must_use]
    pub fn nowhere(&self) -> Arc<Upstream> {
        Arc::new(Upstream {
            name: self.name.clone(),
            place: Place::Network,
            dialect: Dialect::OpenAi,
            key_header: KeyHeader::Bearer,
            base: String::new(),
            origin: Some("".into()),
            endpoints: ENDPOINTS,
            output_cap: "max_tokens",
            stream_usage: StreamUsage::OnRequest,
            closed: CLOSED,
            prices: Prices::Said(None),
            resells: false,
            added_with_tools: 0,
            fixed: Vec::new(),
        })
    }

    /// The provider as this route asks it; `None` if it has no such route.
    #[must_use]
    pub fn at(&self, added: &CustomProvider) -> Option<Arc<Upstream>> {
        let below = match (added.kind, &self.form) {
            (_, Form::Plain) => return Some(asked_plainly(added)),
            (ProviderKind::Azure, Form::Azure) => "/openai/v1".to_owned(),
            (ProviderKind::Azure, Form::Deployment(name)) => format!("/openai/deployments/{name}"),
            (ProviderKind::OpenaiCompatible, _) => return None,
        };
        Some(upstream(added, &below))
    }

    /// The deployment, where the path names it in place of a model.
    #[must_use]
    pub fn deployment(&self) -> Option<&str> {
        match &self.form {
            Form::Deployment(name) => Some(name),
            Form::Plain | Form::Azure => None,
        }
    }
}

impl Form {
    fn of(rest: &str) -> Option<(Self, &str)> {
        if let Some(rest) = rest.strip_prefix("openai/v1/") {
            return Some((Self::Azure, rest));
        }
        if let Some(rest) = rest.strip_prefix("openai/deployments/") {
            let (deployment, rest) = rest.split_once('/')?;
            let named = is_model(deployment, b"._-");
            return named.then(|| (Self::Deployment(deployment.to_owned()), rest));
        }
        Some((Self::Plain, rest.strip_prefix("v1/").unwrap_or(rest)))
    }
}

/// A provider that an organization added, as it is asked in OpenAI's dialect.
#[must_use]
pub fn asked_plainly(added: &CustomProvider) -> Arc<Upstream> {
    match added.kind {
        ProviderKind::OpenaiCompatible => upstream(added, ""),
        ProviderKind::Azure => upstream(added, "/openai/v1"),
    }
}

/// Whether a version of Azure's interface is named as such: a day, or a word of its newer one.
#[must_use]
pub fn is_api_version(text: &str) -> bool {
    let (day, rest) = text.split_at_checked(10).unwrap_or((text, ""));
    let shape: String = day
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    let is_day = shape == "0000-00-00" && matches!(rest, "" | "-preview");
    is_day || matches!(text, "v1" | "preview" | "latest")
}

fn upstream(added: &CustomProvider, below: &str) -> Arc<Upstream> {
    let (key_header, output_cap) = match added.kind {
        ProviderKind::OpenaiCompatible => (KeyHeader::Bearer, "max_tokens"),
        ProviderKind::Azure => (KeyHeader::ApiKey, "max_completion_tokens"),
    };
    Arc::new(Upstream {
        name: added.name.clone(),
        place: Place::Network,
        dialect: Dialect::OpenAi,
        key_header,
        base: format!("{}{below}", added.base_url),
        origin: Some(added.origin().into()),
        endpoints: ENDPOINTS,
        output_cap,
        stream_usage: StreamUsage::OnRequest,
        closed: CLOSED,
        prices: Prices::of_added(added),
        resells: false,
        added_with_tools: 0,
        fixed: Vec::new(),
    })
}

#[cfg(test)]
#[path = "added_tests.rs"]
mod tests;
