//! Where a call goes, as far as its path tells: the provider may be one that an organization added,
//! and is then found beside the grant.

use std::{borrow::Cow, sync::Arc};

use events::ProviderKind;
use grant_access::GrantAccess;
use http::{Uri, uri::InvalidUri};

use crate::{
    error::Refusal,
    provider::{AddedRoute, Endpoint, Matched, Upstream, is_api_version},
};

/// Where a call goes.
#[derive(Debug, Clone)]
pub struct Route {
    /// The provider.
    pub upstream: Arc<Upstream>,
    /// What is asked of it.
    pub endpoint: Endpoint,
    /// The version in the path, where the caller chooses one.
    pub version: &'static str,
    /// The model, where the path names it.
    pub model: Option<String>,
    /// The query to send, made of checked parameters.
    pub query: String,
    /// What is known of the route while its provider is not: an organization may have added it.
    pub added: Option<Box<Added>>,
}

/// A route whose provider is found beside the grant.
#[derive(Debug, Clone)]
pub struct Added {
    route: AddedRoute,
    /// The version of Azure's interface that the query names.
    api_version: Option<String>,
}

impl Route {
    /// The address that is asked.
    ///
    /// # Errors
    /// When its parts make none, which their checked alphabet rules out.
    pub(crate) fn url(&self) -> Result<Uri, InvalidUri> {
        let model = self.model.as_deref();
        (self.upstream).url(self.endpoint, self.version, model, &self.query)
    }

    /// Finds the provider beside the grant, where the path alone did not tell it.
    ///
    /// # Errors
    /// When the organization has no such provider, or that has no such route.
    pub(crate) fn resolve(&mut self, access: &GrantAccess) -> Result<(), Refusal> {
        let Some(Added { route, api_version }) = self.added.take().map(|added| *added) else {
            return Ok(());
        };
        let added = access
            .custom_provider(&route.name)
            .ok_or(Refusal::NoRoute)?;
        self.upstream = route.at(added).ok_or(Refusal::NoRoute)?;
        let refused = |message: &str| Refusal::of_parameter("api-version", message.to_owned());
        match (added.kind, route.deployment(), api_version) {
            (ProviderKind::OpenaiCompatible, _, Some(_)) => {
                return Err(refused("the parameter `api-version` is not taken here"));
            }
            (_, Some(_), None) => {
                return Err(refused("a deployment is asked with an `api-version`"));
            }
            (_, _, Some(version)) => self.query = format!("api-version={version}"),
            (_, None, None) => {}
        }
        if let Some(deployment) = route.deployment() {
            self.model = Some(deployment.to_owned());
        }
        Ok(())
    }
}

/// A route, or what has the shape of one.
pub(super) struct Found {
    pub(super) upstream: Arc<Upstream>,
    pub(super) endpoint: Endpoint,
    version: &'static str,
    model: Option<String>,
    added: Option<AddedRoute>,
}

impl From<Matched<'_, '_>> for Found {
    fn from(matched: Matched<'_, '_>) -> Self {
        Self {
            upstream: Arc::clone(matched.upstream),
            endpoint: matched.endpoint,
            version: matched.version,
            model: matched.model.map(str::to_owned),
            added: None,
        }
    }
}

impl From<AddedRoute> for Found {
    fn from(route: AddedRoute) -> Self {
        Self {
            upstream: route.nowhere(),
            endpoint: route.endpoint,
            version: "",
            model: route.model.clone(),
            added: Some(route),
        }
    }
}

impl Found {
    /// The route, with what goes on in the query.
    pub(super) fn route(&self, query: String, added: Option<Box<Added>>) -> Route {
        Route {
            upstream: Arc::clone(&self.upstream),
            endpoint: self.endpoint,
            version: self.version,
            model: self.model.clone(),
            query,
            added,
        }
    }

    /// The query without the version of Azure's interface, which counts where Azure is asked.
    pub(super) fn query<'q>(
        &self,
        query: &'q str,
    ) -> (Cow<'q, str>, Result<Option<Box<Added>>, Refusal>) {
        let Some(route) = &self.added else {
            return (query.into(), Ok(None));
        };
        let is_version = |pair: &&str| pair.starts_with("api-version=");
        let mut versions = query.split('&').filter(is_version);
        let version = versions.next().and_then(|pair| pair.split_once('='));
        let rest: Vec<&str> = query.split('&').filter(|pair| !is_version(pair)).collect();
        let good = version.is_none_or(|(_, version)| is_api_version(version));
        let added = if versions.next().is_some() || !good {
            let message = "`api-version` must be one day, such as 2024-10-21";
            Err(Refusal::of_parameter("api-version", message.to_owned()))
        } else {
            Ok(Some(Box::new(Added {
                route: route.clone(),
                api_version: version.map(|(_, version)| version.to_owned()),
            })))
        };
        (rest.join("&").into(), added)
    }
}
