//! The form of a connect ticket.

use events::Ceiling;
use pages::Field;
use serde::Deserialize;

use super::ceiling_form::{CeilingFields, Faults as CeilingFaults, Texts};
use crate::provider_key::{ProviderKeyRow, http::checked_name};

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
    pub requests_per_minute: String,
    #[serde(default)]
    pub requests_per_day: String,
    #[serde(default)]
    pub tokens_per_request: String,
    #[serde(default)]
    pub days: String,
    #[serde(skip)]
    pub(super) faults: Faults,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Faults {
    label: Option<String>,
    ceiling: CeilingFaults,
}

/// The form as the page shows it.
pub(super) struct TicketForm {
    pub label: Field,
    pub ceiling: CeilingFields,
    /// Whether the ceiling is unfolded.
    pub open: bool,
}

impl NewTicket {
    fn texts(&self) -> Texts<'_> {
        Texts {
            providers: &self.providers,
            models: &self.models,
            capabilities: &self.capabilities,
            monthly_spend: &self.monthly_spend,
            counts: [
                &self.requests_per_minute,
                &self.requests_per_day,
                &self.tokens_per_request,
            ],
            days: &self.days,
        }
    }

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
                self.faults.ceiling = ceiling.err().map(|faults| *faults).unwrap_or_default();
                self.faults.label = label.err();
                Err(Box::new(self))
            }
        }
    }

    fn ceiling(&self) -> Result<Option<Ceiling>, Box<CeilingFaults>> {
        let texts = self.texts();
        if !self.providers.is_empty() {
            return texts.read().map(Some);
        }
        let set = [texts.models, texts.monthly_spend]
            .into_iter()
            .chain(texts.counts)
            .any(|text| !text.trim().is_empty());
        let fault = "Tick a provider to set a ceiling, or clear the other fields of it.";
        if set {
            Err(Box::new(CeilingFaults {
                providers: Some(fault.to_owned()),
                ..CeilingFaults::default()
            }))
        } else {
            Ok(None)
        }
    }
}

impl TicketForm {
    /// The form; providers that a key of the person pays for come first.
    pub(super) fn new(filled: &NewTicket, keys: &[ProviderKeyRow]) -> Self {
        let faults = &filled.faults;
        Self {
            label: Field::text("label", "Your name for it")
                .required()
                .value(filled.label.as_str())
                .placeholder("Paper Digest on my laptop")
                .hint("Such as the app you will give it to.")
                .maybe_error(faults.label.clone()),
            ceiling: filled.texts().fields(&faults.ceiling, keys),
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
        assert!(half.faults.ceiling.providers.is_some());
    }

    #[test]
    fn what_is_wrong_stands_beside_its_field() {
        let faults = |form: NewTicket| form.checked().unwrap_err().faults.ceiling;
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
        assert!(unnamed.checked().unwrap_err().faults.label.is_some());
        let counted = |minute: &str, tokens: &str| NewTicket {
            requests_per_minute: minute.to_owned(),
            tokens_per_request: tokens.to_owned(),
            ..filled(&["openai"], "", "10", "30")
        };
        let ceiling = counted("7", "").checked().unwrap().1.unwrap();
        assert_eq!(
            (ceiling.requests_per_minute, ceiling.tokens_per_request),
            (Some(7), None)
        );
        for wrong in ["0", "-1", "1.5", "many", "1000001"] {
            let faults = faults(counted(wrong, "0"));
            assert!(
                faults.counts[0].is_some()
                    && faults.counts[1].is_none()
                    && faults.counts[2].is_some(),
                "{wrong}"
            );
        }
    }
}
