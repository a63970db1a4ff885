//! More for a grant that is in force: what was asked put together with what it has, and what of
//! that may be given. Pure.

use std::collections::BTreeSet;

use events::{
    AuthorizationDetail, Models, Provider, RequestedDetail, RequestedLimits, Verification,
};
use jiff::Timestamp;

use crate::{
    access_request::details::InvalidDetails,
    policy::{Ceiling, Policy, higher_of},
};

/// The most providers of one grant: as many as one request may name.
const MOST_PROVIDERS: usize = 8;

/// What a decision is about, provider by provider: what was asked or, where the request extends a
/// grant, what the grant would be there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// What the person may give at each provider that was asked for, or less.
    pub details: Vec<RequestedDetail>,
    /// What the grant has, all of it; empty for a fresh grant.
    pub had: Vec<AuthorizationDetail>,
}

impl Wanted {
    /// A grant of its own.
    #[must_use]
    pub fn fresh(asked: &[RequestedDetail]) -> Self {
        Self {
            details: asked.to_vec(),
            had: Vec::new(),
        }
    }

    /// More for a grant that has `had`.
    #[must_use]
    pub fn more(had: &[AuthorizationDetail], asked: &[RequestedDetail]) -> Self {
        let with = |asked: &RequestedDetail| match at(had, &asked.provider) {
            Some(had) => together(had, asked),
            None => asked.clone(),
        };
        Self {
            details: asked.iter().map(with).collect(),
            had: had.to_vec(),
        }
    }

    /// What the grant has at this provider.
    #[must_use]
    pub fn had_at(&self, provider: &Provider) -> Option<&AuthorizationDetail> {
        at(&self.had, provider)
    }

    /// The most that may be given of one of its details. What the grant has may stay, and nothing
    /// else of it lifts the policy's ceiling.
    #[must_use]
    pub fn ceiling(
        &self,
        policy: &Policy,
        wanted: &RequestedDetail,
        verification: Verification,
        now: Timestamp,
    ) -> Ceiling {
        let ceiling = policy.ceiling(wanted, verification, now);
        match self.had_at(&wanted.provider) {
            None => ceiling,
            Some(had) => Ceiling {
                limits: higher_of(&ceiling.limits, &had.limits),
                expires: ceiling.expires.max(had.expires),
                must_name_models: ceiling.must_name_models && !had.models.is_every(),
            },
        }
    }

    /// The whole grant once this is decided: what it has elsewhere stays as it is.
    #[must_use]
    pub fn after(&self, decided: Vec<AuthorizationDetail>) -> Vec<AuthorizationDetail> {
        let mut whole = self.had.clone();
        for decided in decided {
            match whole
                .iter_mut()
                .find(|old| old.provider == decided.provider)
            {
                Some(old) => *old = decided,
                None => whole.push(decided),
            }
        }
        whole
    }
}

/// What an app asks for of a grant that it names: a member that is left out stays as granted, and
/// so asks for nothing more. `named` says which members each object has.
///
/// # Errors
/// When the grant would have too many providers.
pub fn asked_of(
    had: &[AuthorizationDetail],
    asked: Vec<RequestedDetail>,
    named: &[BTreeSet<String>],
) -> Result<Vec<RequestedDetail>, InvalidDetails> {
    let others = asked
        .iter()
        .filter(|asked| at(had, &asked.provider).is_none());
    if had.len() + others.count() > MOST_PROVIDERS {
        let reason = "more providers than one grant may have";
        return Err(InvalidDetails::new("authorization_details", reason));
    }
    let filled = |(mut asked, named): (RequestedDetail, &BTreeSet<String>)| {
        if let Some(had) = at(had, &asked.provider) {
            if !named.contains("models") {
                asked.models = had.models.clone();
            }
            if !named.contains("capabilities") {
                asked.capabilities.clone_from(&had.capabilities);
            }
        }
        asked
    };
    Ok(asked.into_iter().zip(named).map(filled).collect())
}

fn at<'a>(
    details: &'a [AuthorizationDetail],
    provider: &Provider,
) -> Option<&'a AuthorizationDetail> {
    details.iter().find(|detail| detail.provider == *provider)
}

/// What is granted at a provider and what is asked for there, in one: nothing of either is lost.
fn together(had: &AuthorizationDetail, asked: &RequestedDetail) -> RequestedDetail {
    let limits = &asked.limits;
    let higher = |asked: Option<u32>, had: u32| Some(asked.map_or(had, |asked| asked.max(had)));
    let more = |asked: Option<money::Nanodollars>, had: money::Nanodollars| {
        Some(asked.map_or(had, |asked| asked.max(had)))
    };
    RequestedDetail {
        provider: asked.provider.clone(),
        models: models_together(&had.models, &asked.models),
        capabilities: had
            .capabilities
            .union(&asked.capabilities)
            .copied()
            .collect(),
        limits: RequestedLimits {
            monthly_spend: more(limits.monthly_spend, had.limits.monthly_spend),
            daily_spend: more(limits.daily_spend, had.limits.daily_spend),
            requests_per_minute: higher(limits.requests_per_minute, had.limits.requests_per_minute),
            requests_per_day: higher(limits.requests_per_day, had.limits.requests_per_day),
            tokens_per_request: higher(limits.tokens_per_request, had.limits.tokens_per_request),
        },
        expires: Some(
            asked
                .expires
                .map_or(had.expires, |asked| asked.max(had.expires)),
        ),
        reason: asked.reason.clone(),
    }
}

/// Those that are granted, and of those that are asked for what they do not cover.
fn models_together(had: &Models, asked: &Models) -> Models {
    if had.is_every() || asked.is_every() {
        return Models::default();
    }
    let new = asked
        .patterns()
        .iter()
        .filter(|new| !had.patterns().iter().any(|old| new.is_within(old)));
    Models::new(had.patterns().iter().chain(new).cloned().collect())
}

#[cfg(test)]
mod tests;
