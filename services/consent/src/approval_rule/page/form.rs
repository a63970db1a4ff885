//! The form in which a person writes a rule.

use events::{Ceiling, RuleTerms};
use money::LARGEST_LIMIT;
use pages::{Choice, Field};
use serde::Deserialize;

use crate::{
    address::page::ceiling_form::{CeilingFields, Faults as CeilingFaults, Texts},
    app_key,
    approval_rule::{NamedApp, NewRule, http::MOST_LIVE_GRANTS},
    consent_page::{amount, count},
    provider_key::ProviderKeyRow,
    registered_app::AppRow,
};

/// What stands in the form, and what is wrong with it.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleForm {
    #[serde(default)]
    client_id: String,
    #[serde(default)]
    domain: String,
    #[serde(default)]
    providers: Vec<String>,
    #[serde(default)]
    models: String,
    #[serde(default)]
    capabilities: Vec<String>,
    #[serde(default)]
    monthly_spend: String,
    #[serde(default)]
    requests_per_minute: String,
    #[serde(default)]
    requests_per_day: String,
    #[serde(default)]
    tokens_per_request: String,
    #[serde(default)]
    days: String,
    #[serde(default)]
    live_grants: String,
    #[serde(default)]
    monthly_total: String,
    #[serde(skip)]
    faults: Faults,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Faults {
    app: Option<String>,
    domain: Option<String>,
    ceiling: CeilingFaults,
    live_grants: Option<String>,
    monthly_total: Option<String>,
}

/// The form as the page shows it.
pub(super) struct RuleFields {
    /// The registered apps to choose from; `None` where there is none.
    pub client_id: Option<Field>,
    pub domain: Field,
    pub ceiling: CeilingFields,
    pub live_grants: Field,
    pub monthly_total: Field,
}

impl RuleForm {
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

    /// The form, and the rule that it says.
    ///
    /// # Errors
    /// The form itself, with what is wrong beside each field.
    pub(super) fn checked(mut self) -> Result<(Self, NewRule), Box<Self>> {
        let ceiling = self.ceiling();
        let live = count(self.live_grants.trim(), u32::from(MOST_LIVE_GRANTS));
        let live = live.and_then(|live| u16::try_from(live).map_err(|e| e.to_string()));
        let total = amount(self.monthly_total.trim(), LARGEST_LIMIT);
        match (self.app(), ceiling, live, total) {
            (Ok(app), Ok(ceiling), Ok(live_grants), Ok(monthly_total)) => {
                let terms = RuleTerms {
                    ceiling,
                    live_grants,
                    monthly_total,
                };
                Ok((self, NewRule { app, terms }))
            }
            (app, ceiling, live_grants, monthly_total) => {
                let (app, domain) = app.err().unwrap_or_default();
                self.faults = Faults {
                    app,
                    domain,
                    ceiling: ceiling.err().map(|faults| *faults).unwrap_or_default(),
                    live_grants: live_grants.err(),
                    monthly_total: monthly_total.err(),
                };
                Err(Box::new(self))
            }
        }
    }

    /// Which app, or what is wrong with the choice and with the domain.
    fn app(&self) -> Result<NamedApp, (Option<String>, Option<String>)> {
        match (self.client_id.as_str(), self.domain.trim()) {
            ("", "") => {
                let fault = "Write down a domain, or choose a registered app.";
                Err((None, Some(fault.to_owned())))
            }
            ("", text) => app_key::written_domain(text)
                .map(NamedApp::Domain)
                .ok_or_else(|| {
                    (
                        None,
                        Some("Write a host name, such as app.example.".to_owned()),
                    )
                }),
            (id, "") => id
                .parse()
                .map(NamedApp::Client)
                .map_err(|_| (Some("Choose one of these.".to_owned()), None)),
            _ => {
                let fault = "Either a registered app or a domain, not both.";
                Err((None, Some(fault.to_owned())))
            }
        }
    }

    fn ceiling(&self) -> Result<Ceiling, Box<CeilingFaults>> {
        if self.providers.is_empty() {
            let mut faults = self.texts().read().err().unwrap_or_default();
            faults.providers = Some("Tick at least one provider.".to_owned());
            return Err(faults);
        }
        self.texts().read()
    }

    /// The fields of the form.
    pub(super) fn fields(&self, apps: &[AppRow], keys: &[ProviderKeyRow]) -> RuleFields {
        let choice = |app: &AppRow| {
            let id = app.id.to_string();
            let chosen = id == self.client_id;
            let name = pages::filters::foreign_text(&app.name, 80);
            Choice::new(id, name).chosen(chosen)
        };
        let none = Choice::new("", "None: by its domain").chosen(self.client_id.is_empty());
        let choices = || {
            std::iter::once(none)
                .chain(apps.iter().map(choice))
                .collect()
        };
        let live = if self.live_grants.is_empty() {
            "1"
        } else {
            &self.live_grants
        };
        let faults = &self.faults;
        let by_domain = if apps.is_empty() {
            "An app by its domain"
        } else {
            "Or an app by its domain"
        };
        RuleFields {
            client_id: (!apps.is_empty()).then(|| {
                Field::select("client_id", "A registered app", choices())
                    .maybe_error(faults.app.clone())
            }),
            domain: Field::text("domain", by_domain)
                .value(self.domain.as_str())
                .placeholder("app.example")
                .hint("Whoever shows to control it. A name alone is nobody: anyone can type it.")
                .maybe_error(faults.domain.clone()),
            ceiling: self.texts().fields(&faults.ceiling, keys),
            live_grants: Field::count("live_grants", "At most at a time", "live grants")
                .required()
                .value(live)
                .maybe_error(faults.live_grants.clone()),
            monthly_total: Field::money("monthly_total", "All of them together a month")
                .required()
                .value(self.monthly_total.as_str())
                .placeholder("20.00")
                .maybe_error(faults.monthly_total.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled() -> RuleForm {
        RuleForm {
            domain: "app.test".to_owned(),
            providers: vec!["openai".to_owned()],
            monthly_spend: "10".to_owned(),
            days: "30".to_owned(),
            live_grants: "2".to_owned(),
            monthly_total: "15".to_owned(),
            ..RuleForm::default()
        }
    }

    #[test]
    fn a_form_says_one_rule() {
        let (_, rule) = filled().checked().unwrap();
        assert!(matches!(rule.app, NamedApp::Domain(domain) if domain == "app.test"));
        assert_eq!(rule.terms.live_grants, 2);
        assert_eq!(
            rule.terms.monthly_total,
            money::Nanodollars::from_dollars(15)
        );
    }

    #[test]
    fn what_is_wrong_stands_beside_its_field() {
        let faults = |change: fn(&mut RuleForm)| {
            let mut form = filled();
            change(&mut form);
            form.checked().unwrap_err().faults
        };
        assert!(faults(|form| form.domain.clear()).domain.is_some());
        assert!(
            faults(|form| form.domain = "localhost".to_owned())
                .domain
                .is_some()
        );
        assert!(
            faults(|form| form.client_id = "app_x".to_owned())
                .domain
                .is_some()
        );
        let named = faults(|form| {
            form.domain.clear();
            form.client_id = "Paper Digest".to_owned();
        });
        assert!(named.app.is_some());
        assert!(
            faults(|form| form.providers.clear())
                .ceiling
                .providers
                .is_some()
        );
        assert!(
            faults(|form| form.live_grants = "0".to_owned())
                .live_grants
                .is_some()
        );
        assert!(
            faults(|form| form.live_grants = "101".to_owned())
                .live_grants
                .is_some()
        );
        assert!(
            faults(|form| form.monthly_total.clear())
                .monthly_total
                .is_some()
        );
    }
}
