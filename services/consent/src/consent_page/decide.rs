//! From what stands in the form to what is granted: narrower than asked, or nothing.

use std::collections::BTreeSet;

use events::{
    AuthorizationDetail, Capability, ModelPattern, Models, RequestedDetail, RequestedLimits,
};
use ids::ProviderKeyId;

use super::{
    input::{EVERY, Input, NAMED},
    limits,
    offer::{ModelChoice, Offer},
};
use crate::access_request::decision::{Choice, granted};

/// The most models that a person writes down.
const MOST_MODELS: usize = 64;

/// What is wrong with one provider's part of the form, field by field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Faults {
    pub models: Option<String>,
    pub capabilities: Option<String>,
    pub limits: limits::Faults,
    pub lifetime: Option<String>,
    pub key: Option<String>,
}

/// What is granted at one provider.
///
/// # Errors
/// What is wrong, beside each field it is wrong in.
pub(super) fn decide(offer: &Offer<'_>, input: &Input) -> Result<AuthorizationDetail, Box<Faults>> {
    let models = models(offer, input);
    let capabilities = capabilities(offer, input);
    let limits = limits::read(&input.limits, &offer.ceiling.limits);
    let lifetime = offer
        .span()
        .read(&input.lifetime)
        .ok_or_else(|| "Choose how long.".to_owned());
    let key = key(offer, input);
    let (models, capabilities, limits, expires, key) =
        match (models, capabilities, limits, lifetime, key) {
            (Ok(models), Ok(capabilities), Ok(limits), Ok(expires), Ok(key)) => {
                (models, capabilities, limits, expires, key)
            }
            (models, capabilities, limits, lifetime, key) => {
                return Err(Box::new(Faults {
                    models: models.err(),
                    capabilities: capabilities.err(),
                    limits: limits.err().unwrap_or_default(),
                    lifetime: lifetime.err(),
                    key: key.err(),
                }));
            }
        };
    let narrowed = RequestedDetail {
        provider: offer.asked.provider.clone(),
        models,
        capabilities,
        limits: RequestedLimits {
            monthly_spend: Some(limits.monthly_spend),
            daily_spend: Some(limits.daily_spend),
            requests_per_minute: Some(limits.requests_per_minute),
            requests_per_day: Some(limits.requests_per_day),
            tokens_per_request: Some(limits.tokens_per_request),
        },
        expires: Some(expires),
        reason: None,
    };
    let choice = Choice {
        narrowed: Some(narrowed),
        key: Some(key),
    };
    granted(&offer.ceiling, offer.asked, choice).map_err(|invalid| {
        Box::new(Faults {
            key: Some(invalid.reason),
            ..Faults::default()
        })
    })
}

fn models(offer: &Offer<'_>, input: &Input) -> Result<Models, String> {
    match (offer.model_choice(), input.scope.as_str()) {
        (ModelChoice::AnyOf, _) => ticked(offer, input),
        (ModelChoice::EveryOrNamed, EVERY) if input.named.is_empty() => Ok(Models::default()),
        (ModelChoice::EveryOrNamed, EVERY) => {
            Err("You named models; choose “Only these”, or clear this field.".to_owned())
        }
        (ModelChoice::EveryOrNamed, NAMED) | (ModelChoice::Named, _) => written(&input.named),
        (ModelChoice::EveryOrNamed, _) => Err("Choose which models.".to_owned()),
    }
}

/// None ticked is none chosen: an empty list would mean every model.
fn ticked(offer: &Offer<'_>, input: &Input) -> Result<Models, String> {
    let asked = offer.asked.models.patterns();
    let chosen: Vec<ModelPattern> = asked
        .iter()
        .filter(|pattern| input.models.iter().any(|ticked| ticked == pattern.as_str()))
        .cloned()
        .collect();
    let strange = input
        .models
        .iter()
        .any(|ticked| !asked.iter().any(|p| p.as_str() == ticked));
    match (strange, chosen.is_empty()) {
        (true, _) => Err("The app did not ask for one of these models.".to_owned()),
        (false, true) => Err("Choose at least one model, or deny the request.".to_owned()),
        (false, false) => Ok(Models::new(chosen)),
    }
}

/// Models as a person writes them down, apart by commas or spaces.
pub(crate) fn written(text: &str) -> Result<Models, String> {
    let mut patterns = Vec::new();
    for name in text
        .split([',', ' ', '\n', '\r', '\t', ';'])
        .filter(|name| !name.is_empty())
    {
        let pattern: ModelPattern = name
            .parse()
            .map_err(|error| format!("{}: {error}.", pages::filters::foreign_text(name, 40)))?;
        patterns.push(pattern);
    }
    match patterns.len() {
        0 => Err("Name at least one model.".to_owned()),
        1..=MOST_MODELS => Ok(Models::new(patterns)),
        _ => Err(format!("At most {MOST_MODELS} models.")),
    }
}

fn capabilities(offer: &Offer<'_>, input: &Input) -> Result<BTreeSet<Capability>, String> {
    let chosen: Result<BTreeSet<Capability>, ()> =
        input.capabilities.iter().map(|name| name.parse()).collect();
    match chosen {
        Ok(chosen) if chosen.is_empty() => {
            Err("Choose at least one, or deny the request.".to_owned())
        }
        Ok(chosen) if chosen.is_subset(&offer.asked.capabilities) => Ok(chosen),
        _ => Err("The app did not ask for one of these.".to_owned()),
    }
}

fn key(offer: &Offer<'_>, input: &Input) -> Result<ProviderKeyId, String> {
    if offer.asked.provider.is_sandbox() {
        return Ok(ProviderKeyId::NONE);
    }
    let chosen = offer
        .keys
        .iter()
        .find(|key| key.id.to_string() == input.key);
    chosen
        .map(|key| key.id)
        .ok_or_else(|| "Choose one of your keys.".to_owned())
}
