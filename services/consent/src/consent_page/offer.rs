//! What a person may decide at one provider: what was asked, the ceiling, the keys that can pay.

use events::{AuthorizationDetail, CustomProvider, RequestedDetail, Verification};
use jiff::Timestamp;

use super::{
    lifetime::{LENGTHS, Span},
    names::{NAMES, Names},
};
use crate::{
    grant::step_up::Wanted,
    policy::{Ceiling, Policy},
    provider_key::{KeyState, ProviderKeyRow},
};

/// One provider's part of a decision.
pub(super) struct Offer<'a> {
    /// What the grant has there already, if this gives it more.
    pub had: Option<&'a AuthorizationDetail>,
    /// What the app asked for; where this gives a grant more, together with what it has.
    pub asked: &'a RequestedDetail,
    /// What may be given at most.
    pub ceiling: Ceiling,
    /// The person's keys that can pay.
    pub keys: Vec<&'a ProviderKeyRow>,
    /// Whether the person has a key there that the provider refused.
    pub refused_key: bool,
    /// Where it is, if the organization added it.
    pub added: Option<&'a CustomProvider>,
    /// The names of the fields.
    pub names: &'static Names,
    /// The present instant.
    pub now: Timestamp,
}

/// How models are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ModelChoice {
    /// The app named them: any of these.
    AnyOf,
    /// The app asked for every model and may get that, or fewer.
    EveryOrNamed,
    /// The app asked for every model and may only get named ones.
    Named,
}

/// What may be decided about a request, provider by provider.
pub(super) fn offers<'a>(
    policy: &Policy,
    (wanted, verification): (&'a Wanted, Verification),
    (keys, added): (&'a [ProviderKeyRow], &'a [CustomProvider]),
    now: Timestamp,
) -> Vec<Offer<'a>> {
    let offer = |(asked, names): (&'a RequestedDetail, &'static Names)| {
        let (usable, refused): (Vec<_>, Vec<_>) = keys
            .iter()
            .filter(|key| key.provider == asked.provider)
            .partition(|key| key.state == KeyState::Usable);
        Offer {
            asked,
            had: wanted.had_at(&asked.provider),
            ceiling: wanted.ceiling(policy, asked, verification, now),
            keys: usable,
            refused_key: !refused.is_empty(),
            added: added.iter().find(|added| added.name == asked.provider),
            names,
            now,
        }
    };
    wanted.details.iter().zip(&NAMES).map(offer).collect()
}

impl Offer<'_> {
    /// The key that pays at first: the one that pays already, or the first that can.
    pub(super) fn first_key(&self) -> Option<&ProviderKeyRow> {
        let pays_now = self.had.map(|had| had.key_id);
        let mut keys = self.keys.iter();
        let paying = keys.find(|key| Some(key.id) == pays_now);
        paying.or(self.keys.first()).copied()
    }

    /// Whether there is something to pay with, or nothing to pay for.
    pub(super) fn can_be_paid(&self) -> bool {
        self.asked.provider.is_sandbox() || !self.keys.is_empty()
    }

    /// Whom the person gives access to.
    pub(super) fn provider(&self) -> String {
        let built_in = || self.asked.provider.display_name().to_owned();
        self.added.map_or_else(built_in, CustomProvider::with_host)
    }

    /// How models are chosen.
    pub(super) fn model_choice(&self) -> ModelChoice {
        match (self.asked.models.is_every(), self.ceiling.must_name_models) {
            (false, _) => ModelChoice::AnyOf,
            (true, false) => ModelChoice::EveryOrNamed,
            (true, true) => ModelChoice::Named,
        }
    }

    /// Until when it may last.
    pub(super) fn span(&self) -> Span {
        Span {
            lengths: &LENGTHS,
            now: self.now,
            most: self.ceiling.expires,
            as_asked: self.asked.expires == Some(self.ceiling.expires),
        }
    }
}
