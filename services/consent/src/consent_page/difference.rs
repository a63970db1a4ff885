//! What an app has already and what it asks for, side by side.

use std::collections::BTreeSet;

use askama::{Template, filters::HtmlSafe};
use events::{AuthorizationDetail, Capability, GrantedLimits, Models};
use jiff::Timestamp;
use pages::filters::instant_text;

use super::{limits::grouped, offer::Offer, words::in_words};
use crate::grant::{GrantRow, step_up::Wanted};

/// Two columns, provider by provider; what is more than before is marked.
#[derive(Template)]
#[template(path = "difference.html")]
pub(super) struct Difference {
    title: &'static str,
    text: &'static str,
    /// What the second column is called.
    then: &'static str,
    parts: Vec<Part>,
}

// Its template escapes what it is given.
impl HtmlSafe for Difference {}

/// One provider's rows.
pub(super) struct Part {
    provider: String,
    /// Whether nothing is asked for there.
    stays: bool,
    /// Whether the app has nothing there yet.
    new: bool,
    rows: Vec<Row>,
}

/// One thing, as it is and as it would be.
struct Row {
    what: &'static str,
    has: String,
    then: String,
    more: bool,
}

/// What the right-hand column says at one provider.
struct Side<'a> {
    models: &'a Models,
    capabilities: &'a BTreeSet<Capability>,
    limits: GrantedLimits,
    expires: Timestamp,
}

/// What is said beside a choice of something more.
pub(super) fn has_already(already: bool) -> String {
    if already { "has already" } else { "new" }.to_owned()
}

impl Difference {
    /// Of a grant that gets more: what it has, and what it would have as the form first stands.
    pub(super) fn of_step_up(wanted: &Wanted, offers: &[Offer<'_>]) -> Self {
        let asked = offers.iter().map(|offer| Part::of(offer.had, offer));
        let untouched = wanted.had.iter().filter(|had| {
            let is_asked = |offer: &&Offer<'_>| offer.asked.provider == had.provider;
            !offers.iter().any(|offer| is_asked(&offer))
        });
        Self {
            title: "What would change",
            text: "This app has access already and asks for more. What is marked is new; the token \
                   it has can do it, too.",
            then: "Would have",
            parts: asked.chain(untouched.map(Part::untouched)).collect(),
        }
    }

    /// Of an app that asks for a second grant beside the one it has.
    pub(super) fn of_second(grant: &GrantRow, offers: &[Offer<'_>]) -> Self {
        let had = |offer: &Offer<'_>| {
            let at = |had: &&AuthorizationDetail| had.provider == offer.asked.provider;
            grant.details.iter().find(at)
        };
        Self {
            title: "This app already has access",
            text: "Approving makes a second grant with a token and limits of its own, beside the \
                   one it has. What is marked is more than that one has.",
            then: "Asks for",
            parts: offers
                .iter()
                .map(|offer| Part::of(had(offer), offer))
                .collect(),
        }
    }
}

impl Part {
    fn of(had: Option<&AuthorizationDetail>, offer: &Offer<'_>) -> Self {
        let then = Side {
            models: &offer.asked.models,
            capabilities: &offer.asked.capabilities,
            limits: offer.ceiling.limits,
            expires: offer.ceiling.expires,
        };
        Self {
            provider: offer.provider(),
            stays: false,
            new: had.is_none(),
            rows: rows(had, &then),
        }
    }

    fn untouched(had: &AuthorizationDetail) -> Self {
        Self {
            provider: had.provider.display_name().to_owned(),
            stays: true,
            new: false,
            rows: Vec::new(),
        }
    }
}

fn rows(had: Option<&AuthorizationDetail>, then: &Side<'_>) -> Vec<Row> {
    let limits = had.map(|had| had.limits);
    let money = |what, of: fn(&GrantedLimits) -> money::Nanodollars| Row {
        what,
        has: nothing_or(limits.map(|limits| of(&limits).for_people())),
        then: of(&then.limits).for_people(),
        more: limits.is_none_or(|limits| of(&then.limits) > of(&limits)),
    };
    let count = |what, of: fn(&GrantedLimits) -> u32| Row {
        what,
        has: nothing_or(limits.map(|limits| grouped(of(&limits)))),
        then: grouped(of(&then.limits)),
        more: limits.is_none_or(|limits| of(&then.limits) > of(&limits)),
    };
    vec![
        Row {
            what: "Models",
            has: nothing_or(had.map(|had| models(&had.models))),
            then: models(then.models),
            more: had.is_none_or(|had| !then.models.is_within(&had.models)),
        },
        Row {
            what: "Used for",
            has: nothing_or(had.map(|had| capabilities(&had.capabilities))),
            then: capabilities(then.capabilities),
            more: had.is_none_or(|had| !then.capabilities.is_subset(&had.capabilities)),
        },
        money("A month", |limits| limits.monthly_spend),
        money("A day", |limits| limits.daily_spend),
        count("Calls a minute", |limits| limits.requests_per_minute),
        count("Calls a day", |limits| limits.requests_per_day),
        count("Tokens in one call", |limits| limits.tokens_per_request),
        Row {
            what: "Until",
            has: nothing_or(had.map(|had| instant_text(had.expires))),
            then: instant_text(then.expires),
            more: had.is_none_or(|had| then.expires > had.expires),
        },
    ]
}

fn nothing_or(text: Option<String>) -> String {
    text.unwrap_or_else(|| "nothing".to_owned())
}

fn models(models: &Models) -> String {
    if models.is_every() {
        return "every model, now and in future".to_owned();
    }
    let patterns = models.patterns().iter().map(ToString::to_string);
    patterns.collect::<Vec<_>>().join(", ")
}

fn capabilities(capabilities: &BTreeSet<Capability>) -> String {
    let words: Vec<_> = capabilities.iter().copied().map(in_words).collect();
    words.join(", ")
}
