//! What stands in one provider's part of the form.

use events::Models;

use super::{
    answers::Answers,
    limits::{self, Texts},
    names::{NAMES, Names},
    offer::Offer,
};

/// The value that stands for every model, where that may be given.
pub(super) const EVERY: &str = "every";
/// The value that stands for the models written down.
pub(super) const NAMED: &str = "named";

/// What stands in the form, unchecked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Input {
    pub scope: String,
    pub models: Vec<String>,
    pub named: String,
    pub capabilities: Vec<String>,
    pub limits: Texts,
    pub lifetime: String,
    pub key: String,
}

impl Input {
    /// As the app asked, within the ceiling: what the page shows first.
    pub(super) fn as_asked(offer: &Offer<'_>) -> Self {
        Self {
            // Who has named models keeps them, unless the person says every model.
            scope: if offer.had.is_some_and(|had| !had.models.is_every()) {
                NAMED.to_owned()
            } else {
                EVERY.to_owned()
            },
            models: offer
                .asked
                .models
                .patterns()
                .iter()
                .map(ToString::to_string)
                .collect(),
            named: offer.had.map(|had| listed(&had.models)).unwrap_or_default(),
            capabilities: offer
                .asked
                .capabilities
                .iter()
                .map(ToString::to_string)
                .collect(),
            limits: limits::texts(&offer.ceiling.limits),
            lifetime: offer.span().longest().to_owned(),
            key: offer
                .first_key()
                .map(|key| key.id.to_string())
                .unwrap_or_default(),
        }
    }

    /// As the person left it.
    pub(super) fn of(offer: &Offer<'_>, answers: &Answers) -> Self {
        let names = offer.names;
        let one = |name| answers.one(name).to_owned();
        Self {
            scope: one(names.scope),
            models: answers.all(names.models).to_vec(),
            named: one(names.named),
            capabilities: answers.all(names.capabilities).to_vec(),
            limits: names.limits.map(one),
            lifetime: one(names.lifetime),
            key: one(names.key),
        }
    }
}

/// Models as a person would write them down.
fn listed(models: &Models) -> String {
    let patterns = models.patterns().iter().map(ToString::to_string);
    patterns.collect::<Vec<_>>().join(", ")
}

/// Refuses a form with fields that the page of `providers` providers does not have.
///
/// # Errors
/// 400 naming the field.
pub(super) fn expect(answers: &Answers, providers: usize) -> Result<(), server::Problem> {
    let names = || NAMES.iter().take(providers);
    let once: Vec<&str> = names().flat_map(Names::once).chain(["shown"]).collect();
    let lists: Vec<&str> = names().flat_map(Names::lists).collect();
    answers.expect(&once, &lists)
}
