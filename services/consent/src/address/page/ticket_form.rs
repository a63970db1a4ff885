//! The form that makes a connect ticket, with or without a ceiling.

use events::{Capability, Provider};
use money::LARGEST_LIMIT;
use pages::{Choice, Field};
use serde::Deserialize;

use crate::{
    address::{Ceiling, WireCeiling},
    consent_page::{amount, in_words, written},
    provider_key::{KeyState, ProviderKeyRow, http::checked_name},
};

/// The longest that a grant of a ticket lasts, in days.
const MOST_DAYS: u16 = 365;

/// What stands in the form, and what is wrong with it. A ceiling is set by ticking a provider.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTicket {
    #[serde(default)]
    pub label: String,
    #[serde(default)]
    pub providers: Vec<String>,
    #[serde(default)]
    pub models: String,
    #[serde(default)]
    pub capabilities: Vec<String>,
    #[serde(default)]
    pub monthly_spend: String,
    #[serde(default)]
    pub days: String,
    #[serde(skip)]
    pub(super) faults: Faults,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Faults {
    label: Option<String>,
    providers: Option<String>,
    models: Option<String>,
    monthly_spend: Option<String>,
    days: Option<String>,
}

/// The form as the page shows it.
pub(super) struct TicketForm {
    pub label: Field,
    pub providers: Field,
    pub models: Field,
    pub capabilities: Field,
    pub monthly_spend: Field,
    pub days: Field,
    /// Whether the ceiling is unfolded.
    pub open: bool,
}

impl NewTicket {
    /// The label and the ceiling.
    ///
    /// # Errors
    /// The form itself, with what is wrong beside each field.
    pub(super) fn checked(mut self) -> Result<(String, Option<Ceiling>), Box<Self>> {
        let label = checked_name(&self.label).map_err(|problem| problem.detail().to_owned());
        let ceiling = self.ceiling();
        match (label, ceiling) {
            (Ok(label), Ok(ceiling)) => Ok((label, ceiling)),
            (label, ceiling) => {
                self.faults = ceiling.err().unwrap_or_default();
                self.faults.label = label.err();
                Err(Box::new(self))
            }
        }
    }

    fn ceiling(&self) -> Result<Option<Ceiling>, Faults> {
        if self.providers.is_empty() {
            let set = !self.models.trim().is_empty() || !self.monthly_spend.trim().is_empty();
            let fault = "Tick a provider to set a ceiling, or clear the other fields of it.";
            return if set {
                Err(Faults {
                    providers: Some(fault.to_owned()),
                    ..Faults::default()
                })
            } else {
                Ok(None)
            };
        }
        let models = match self.models.trim() {
            "" => Ok(events::Models::default()),
            text => written(text),
        };
        let monthly_spend = amount(self.monthly_spend.trim(), LARGEST_LIMIT);
        let days = self
            .days
            .trim()
            .parse::<u16>()
            .ok()
            .filter(|days| (1..=MOST_DAYS).contains(days));
        let days = days.ok_or_else(|| format!("A number of days from 1 to {MOST_DAYS}."));
        match (models, monthly_spend, days) {
            (Ok(models), Ok(monthly_spend), Ok(days)) => {
                let wire = WireCeiling {
                    providers: self.providers.clone(),
                    models: models.patterns().iter().map(ToString::to_string).collect(),
                    capabilities: self.capabilities.clone(),
                    monthly_spend: monthly_spend.to_string(),
                    requests_per_minute: None,
                    requests_per_day: None,
                    tokens_per_request: None,
                    days,
                };
                let refused = |why: &str| Faults {
                    providers: Some(format!("{why}.")),
                    ..Faults::default()
                };
                Ceiling::try_from(wire).map(Some).map_err(refused)
            }
            (models, monthly_spend, days) => Err(Faults {
                models: models.err(),
                monthly_spend: monthly_spend.err(),
                days: days.err(),
                ..Faults::default()
            }),
        }
    }
}

impl TicketForm {
    /// The form; providers that a key of the person pays for come first.
    pub(super) fn new(filled: &NewTicket, keys: &[ProviderKeyRow]) -> Self {
        let pays = |name: &str| {
            keys.iter()
                .any(|key| key.provider.as_str() == name && key.state == KeyState::Usable)
        };
        let (with, without): (Vec<&str>, Vec<&str>) =
            Provider::BUILT_IN.into_iter().partition(|name| pays(name));
        let choice = |name: &str, note: &str| {
            let label = name
                .parse::<Provider>()
                .map_or_else(|_| name.to_owned(), |p| p.display_name().to_owned());
            Choice::new(name, label)
                .note(note)
                .chosen(filled.providers.iter().any(|ticked| ticked == name))
        };
        let providers = with.into_iter().map(|name| choice(name, ""));
        let without = without.into_iter().map(|name| match name {
            Provider::SANDBOX => {
                choice(name, "for trying out: costs nothing, calls no AI provider")
            }
            name => choice(name, "no key yet"),
        });
        let providers = providers.chain(without);
        let kind_of_work = |kind: Capability| {
            let ticked = filled.capabilities.iter().any(|name| name == kind.name());
            let none = filled.capabilities.is_empty() && kind == Capability::Chat;
            Choice::new(kind.name(), in_words(kind)).chosen(ticked || none)
        };
        let days = if filled.days.is_empty() {
            "30"
        } else {
            filled.days.as_str()
        };
        let faults = &filled.faults;
        Self {
            label: Field::text("label", "Your name for it")
                .required()
                .value(filled.label.as_str())
                .placeholder("Paper Digest on my laptop")
                .hint("Such as the app you will give it to.")
                .maybe_error(faults.label.clone()),
            providers: Field::checks("providers", "Providers", providers.collect())
                .maybe_error(faults.providers.clone()),
            models: Field::text("models", "Models")
                .value(filled.models.as_str())
                .placeholder("gpt-4o-mini, gpt-4o*")
                .hint("Apart by commas. Left empty: every model of these providers.")
                .maybe_error(faults.models.clone()),
            capabilities: Field::checks(
                "capabilities",
                "May be used for",
                Capability::ALL.into_iter().map(kind_of_work).collect(),
            )
            .hint("None ticked: chat alone."),
            monthly_spend: Field::money("monthly_spend", "At most a month")
                .value(filled.monthly_spend.as_str())
                .placeholder("10.00")
                .hint("Needed for a ceiling.")
                .maybe_error(faults.monthly_spend.clone()),
            days: Field::count("days", "How long", "days")
                .value(days)
                .maybe_error(faults.days.clone()),
            open: !filled.providers.is_empty() || *faults != Faults::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use money::Nanodollars;

    use super::*;

    fn filled(providers: &[&str], models: &str, monthly: &str, days: &str) -> NewTicket {
        NewTicket {
            label: "App".to_owned(),
            providers: providers.iter().map(|name| (*name).to_owned()).collect(),
            models: models.to_owned(),
            monthly_spend: monthly.to_owned(),
            days: days.to_owned(),
            ..NewTicket::default()
        }
    }

    #[test]
    fn a_ceiling_is_set_by_ticking_a_provider() {
        assert_eq!(filled(&[], "", "", "30").checked().unwrap().1, None);
        let ceiling = filled(&["openai"], "gpt-4o*, o1", "10.50", "7")
            .checked()
            .unwrap()
            .1
            .unwrap();
        assert_eq!(
            ceiling.monthly_spend,
            Nanodollars::from_nanos(10_500_000_000)
        );
        assert_eq!((ceiling.models.patterns().len(), ceiling.days), (2, 7));
        let half = filled(&[], "", "10", "30").checked().unwrap_err();
        assert!(half.faults.providers.is_some());
    }

    #[test]
    fn what_is_wrong_stands_beside_its_field() {
        let faults = |form: NewTicket| form.checked().unwrap_err().faults;
        assert!(
            faults(filled(&["openai"], "*", "10", "30"))
                .models
                .is_some()
        );
        for monthly in ["", "0", "-1", "ten", "5000000"] {
            assert!(
                faults(filled(&["openai"], "", monthly, "30"))
                    .monthly_spend
                    .is_some(),
                "{monthly}"
            );
        }
        for days in ["", "0", "366", "-1", "1.5"] {
            assert!(
                faults(filled(&["openai"], "", "10", days)).days.is_some(),
                "{days}"
            );
        }
        assert!(
            faults(filled(&["acme"], "", "10", "30"))
                .providers
                .is_some()
        );
        let unnamed = NewTicket {
            label: " \u{200b}".to_owned(),
            ..NewTicket::default()
        };
        assert!(faults(unnamed).label.is_some());
    }
}
