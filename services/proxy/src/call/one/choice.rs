//! Which provider a model's name means, among those that a grant covers.

use std::sync::Arc;

use events::{AliasCandidate, AuthorizationDetail, ModelAlias, ModelPattern, Models, Provider};
use grant_access::GrantAccess;
use jiff::Timestamp;

use crate::{
    call::{authorize, gate::Gate},
    error::{Refusal, list_in_words},
    provider::{Endpoint, Upstream, asked_plainly},
};

/// A provider, and the model as it is named there.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    /// As it is asked in OpenAI's dialect.
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) model: String,
}

/// A choice, and the name that a weight is given to.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) choice: Choice,
}

/// What a grant covers, seen from one endpoint.
pub(super) struct Covered<'a> {
    access: &'a GrantAccess,
    gate: &'a Gate,
    /// `None` where any will do.
    endpoint: Option<Endpoint>,
    now: Timestamp,
}

impl<'a> Covered<'a> {
    pub(super) const fn of(
        access: &'a GrantAccess,
        gate: &'a Gate,
        endpoint: Option<Endpoint>,
        now: Timestamp,
    ) -> Self {
        Self {
            access,
            gate,
            endpoint,
            now,
        }
    }

    /// The provider that a name means. `provider/model` says it itself; a model alone means the one
    /// granted provider that has it.
    ///
    /// # Errors
    /// When that is not granted, or several providers may be meant.
    pub(super) fn choice(&self, named: &str) -> Result<Choice, Refusal> {
        let explicit = named.split_once('/').and_then(|(provider, model)| {
            let provider: Provider = provider.parse().ok()?;
            Some((self.upstream(&provider)?, model))
        });
        match explicit {
            Some((upstream, model)) => self.at(&upstream, model, named),
            None => self.anywhere(named),
        }
    }

    /// The organization's model alias of this name.
    pub(super) fn alias(&self, named: &str) -> Option<&'a ModelAlias> {
        self.access.model_alias(named)
    }

    /// Of what an alias stands for, that which is granted, can do this, and is there still.
    ///
    /// # Errors
    /// When that is nothing.
    pub(super) fn granted_of(&self, alias: &ModelAlias) -> Result<Vec<Named>, Refusal> {
        let named = |candidate: &AliasCandidate| {
            let name = candidate.name();
            let upstream = self.upstream(&candidate.provider)?;
            let choice = self.at(&upstream, &candidate.model, &name).ok()?;
            Some(Named { name, choice })
        };
        let granted: Vec<Named> = alias.candidates.iter().filter_map(named).collect();
        if granted.is_empty() {
            return Err(self.nowhere("model alias", alias.name.as_str()));
        }
        Ok(granted)
    }

    fn nowhere(&self, what: &'static str, named: &str) -> Refusal {
        Refusal::NowhereGranted {
            what,
            named: named.to_owned(),
            granted: in_words(&self.access.details),
        }
    }

    fn at(&self, upstream: &Arc<Upstream>, model: &str, named: &str) -> Result<Choice, Refusal> {
        let provider = upstream.name();
        let detail = authorize::detail_at(self.access, provider)?;
        if !self.offered(upstream) {
            let message = format!("{provider} does not offer this, so `{named}` cannot be asked");
            return Err(Refusal::of_parameter("model", message));
        }
        if !detail.models.covers(model) {
            return Err(Refusal::ModelNotGranted {
                model: model.to_owned(),
                granted: in_words([detail]),
                at: authorize::granted_at(self.access, provider),
            });
        }
        self.expect_capability(detail)?;
        Ok(Choice {
            upstream: Arc::clone(upstream),
            model: model.to_owned(),
        })
    }

    /// Of those that cover the model, the ones whose capability, and then whose prices, fit it.
    fn anywhere(&self, model: &str) -> Result<Choice, Refusal> {
        let details = self.access.details.iter();
        let all = details.filter_map(|detail| {
            let upstream = self.upstream(&detail.provider)?;
            let fits = self.offered(&upstream) && detail.models.covers(model);
            fits.then_some((detail, upstream))
        });
        let able = |(detail, _): &Fitting<'_>| self.expect_capability(detail).is_ok();
        let priced = |(_, upstream): &Fitting<'_>| {
            (upstream.price(self.gate.prices, model, self.now)).is_some()
        };
        let all = narrowed(narrowed(all.collect(), able), priced);
        match all.as_slice() {
            [(detail, upstream)] => {
                self.expect_capability(detail)?;
                Ok(Choice {
                    upstream: Arc::clone(upstream),
                    model: model.to_owned(),
                })
            }
            [] => Err(self.nowhere("model", model)),
            several => Err(ambiguous(model, several)),
        }
    }

    /// A provider as it is asked in OpenAI's dialect: a built-in one, or one that the organization
    /// added and that is granted.
    fn upstream(&self, name: &Provider) -> Option<Arc<Upstream>> {
        let built_in = self.gate.providers.compatible(name).map(Arc::clone);
        built_in.or_else(|| self.access.custom_provider(name).map(asked_plainly))
    }

    fn offered(&self, upstream: &Upstream) -> bool {
        self.endpoint
            .is_none_or(|endpoint| upstream.offers(endpoint))
    }

    fn expect_capability(&self, detail: &AuthorizationDetail) -> Result<(), Refusal> {
        if self.now >= detail.expires {
            return Err(Refusal::TokenExpired);
        }
        match self.endpoint.and_then(Endpoint::capability) {
            Some(needed) if !detail.capabilities.contains(&needed) => {
                Err(Refusal::CapabilityNotGranted {
                    needed,
                    granted: list_in_words(&detail.capabilities),
                    at: authorize::granted_at(self.access, &detail.provider),
                })
            }
            _ => Ok(()),
        }
    }
}

type Fitting<'a> = (&'a AuthorizationDetail, Arc<Upstream>);

/// Only those that fit, where there are several and some do.
fn narrowed<'a>(all: Vec<Fitting<'a>>, fits: impl Fn(&Fitting<'a>) -> bool) -> Vec<Fitting<'a>> {
    if all.len() > 1 && all.iter().any(&fits) {
        return all.into_iter().filter(fits).collect();
    }
    all
}

fn ambiguous(model: &str, several: &[Fitting<'_>]) -> Refusal {
    let names = several
        .iter()
        .map(|(detail, _)| format!("`{}/{model}`", detail.provider));
    let message = format!(
        "several providers of this grant may have `{model}`; name one of {}",
        list_in_words(names)
    );
    Refusal::of_parameter("model", message)
}

/// What is granted, as it is named here.
fn in_words<'d>(details: impl IntoIterator<Item = &'d AuthorizationDetail>) -> String {
    let of = |detail: &AuthorizationDetail| {
        let AuthorizationDetail {
            provider, models, ..
        } = detail;
        patterns(models)
            .into_iter()
            .map(|pattern| format!("{provider}/{pattern}"))
            .collect::<Vec<_>>()
    };
    list_in_words(details.into_iter().flat_map(of))
}

fn patterns(models: &Models) -> Vec<&str> {
    if models.is_every() {
        return vec!["*"];
    }
    let patterns = models.patterns().iter();
    patterns.map(ModelPattern::as_str).collect()
}
