//! A ceiling as fields of a form, and back: the same for a connect ticket and an approval rule.

use events::{Capability, Ceiling, Models, Provider};
use money::LARGEST_LIMIT;
use pages::{Choice, Field};

use crate::{
    address::WireCeiling,
    consent_page::{amount, count, in_words, written},
    policy::LARGEST_LIMITS,
    provider_key::{KeyState, ProviderKeyRow},
};

/// The longest that a ceiling lets a grant last, in days.
const MOST_DAYS: u16 = 365;

/// What stands in the fields.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Texts<'a> {
    pub providers: &'a [String],
    pub models: &'a str,
    pub capabilities: &'a [String],
    pub monthly_spend: &'a str,
    /// Calls in a minute, calls in a day, tokens in one call; empty for the vault's default.
    pub counts: [&'a str; 3],
    pub days: &'a str,
}

/// What is wrong with them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    pub providers: Option<String>,
    pub models: Option<String>,
    pub monthly_spend: Option<String>,
    pub counts: [Option<String>; 3],
    pub days: Option<String>,
}

/// The fields as a page shows them.
pub(crate) struct CeilingFields {
    pub providers: Field,
    pub models: Field,
    pub capabilities: Field,
    pub monthly_spend: Field,
    pub counts: [Field; 3],
    pub days: Field,
}

/// The names of the counts, in the order of the contract.
const COUNTS: [&str; 3] = [
    "requests_per_minute",
    "requests_per_day",
    "tokens_per_request",
];

impl Texts<'_> {
    /// The ceiling, with at least one provider ticked.
    ///
    /// # Errors
    /// What is wrong, beside each field it is wrong in.
    pub(crate) fn read(&self) -> Result<Ceiling, Box<Faults>> {
        let models = match self.models.trim() {
            "" => Ok(Models::default()),
            text => written(text),
        };
        let monthly_spend = amount(self.monthly_spend.trim(), LARGEST_LIMIT);
        let [minute, day, tokens] = self.counts;
        let counts = [
            (minute, LARGEST_LIMITS.requests_per_minute),
            (day, LARGEST_LIMITS.requests_per_day),
            (tokens, LARGEST_LIMITS.tokens_per_request),
        ];
        let counts = counts.map(|(text, most)| match text.trim() {
            "" => Ok(None),
            text => count(text, most).map(Some),
        });
        let days = self.days.trim().parse::<u16>().ok();
        let days = days.filter(|days| (1..=MOST_DAYS).contains(days));
        let days = days.ok_or_else(|| format!("A number of days from 1 to {MOST_DAYS}."));
        match (models, monthly_spend, counts, days) {
            (
                Ok(models),
                Ok(monthly_spend),
                [
                    Ok(requests_per_minute),
                    Ok(requests_per_day),
                    Ok(tokens_per_request),
                ],
                Ok(days),
            ) => {
                let wire = WireCeiling {
                    providers: self.providers.to_vec(),
                    models: models.patterns().iter().map(ToString::to_string).collect(),
                    capabilities: self.capabilities.to_vec(),
                    monthly_spend: monthly_spend.to_string(),
                    requests_per_minute,
                    requests_per_day,
                    tokens_per_request,
                    days,
                };
                let refused = |why: &str| {
                    Box::new(Faults {
                        providers: Some(format!("{why}.")),
                        ..Faults::default()
                    })
                };
                Ceiling::try_from(wire).map_err(refused)
            }
            (models, monthly_spend, counts, days) => Err(Box::new(Faults {
                providers: None,
                models: models.err(),
                monthly_spend: monthly_spend.err(),
                counts: counts.map(Result::err),
                days: days.err(),
            })),
        }
    }

    /// The fields; providers that a key of the person pays for come first.
    pub(crate) fn fields(&self, faults: &Faults, keys: &[ProviderKeyRow]) -> CeilingFields {
        let days = if self.days.is_empty() {
            "30"
        } else {
            self.days
        };
        let [minute, day, tokens] = COUNTS;
        let [minute_text, day_text, tokens_text] = self.counts;
        let [minute_fault, day_fault, tokens_fault] = &faults.counts;
        let filled = |field: Field, text: &str, fault: &Option<String>| {
            field
                .value(text)
                .hint("Left empty: the usual.")
                .maybe_error(fault.clone())
        };
        let minute = Field::count(minute, "Calls a minute", "calls").placeholder("60");
        let day = Field::count(day, "Calls a day", "calls").placeholder("5000");
        let tokens = Field::count(tokens, "Tokens in one call", "tokens").placeholder("400000");
        CeilingFields {
            providers: Field::checks("providers", "Providers", self.provider_choices(keys))
                .maybe_error(faults.providers.clone()),
            models: Field::text("models", "Models")
                .value(self.models)
                .placeholder("gpt-4o-mini, gpt-4o*")
                .hint("Apart by commas. Left empty: every model of these providers.")
                .maybe_error(faults.models.clone()),
            capabilities: Field::checks("capabilities", "May be used for", self.kinds_of_work())
                .hint("None ticked: chat alone."),
            monthly_spend: Field::money("monthly_spend", "At most a month")
                .value(self.monthly_spend)
                .placeholder("10.00")
                .hint("Needed for a ceiling. It counts at each provider.")
                .maybe_error(faults.monthly_spend.clone()),
            counts: [
                filled(minute, minute_text, minute_fault),
                filled(day, day_text, day_fault),
                filled(tokens, tokens_text, tokens_fault),
            ],
            days: Field::count("days", "How long", "days")
                .value(days)
                .maybe_error(faults.days.clone()),
        }
    }

    fn provider_choices(&self, keys: &[ProviderKeyRow]) -> Vec<Choice> {
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
                .chosen(self.providers.iter().any(|ticked| ticked == name))
        };
        let with = with.into_iter().map(|name| choice(name, ""));
        let without = without.into_iter().map(|name| match name {
            Provider::SANDBOX => {
                choice(name, "for trying out: costs nothing, calls no AI provider")
            }
            name => choice(name, "no key yet"),
        });
        with.chain(without).collect()
    }

    fn kinds_of_work(&self) -> Vec<Choice> {
        let kind_of_work = |kind: Capability| {
            let ticked = self.capabilities.iter().any(|name| name == kind.name());
            let none = self.capabilities.is_empty() && kind == Capability::Chat;
            Choice::new(kind.name(), in_words(kind)).chosen(ticked || none)
        };
        Capability::ALL.into_iter().map(kind_of_work).collect()
    }
}

/// What a ceiling grants at once, in a sentence.
pub(crate) fn ceiling_in_words(ceiling: &Ceiling) -> String {
    let providers: Vec<_> = ceiling
        .providers
        .iter()
        .map(Provider::display_name)
        .collect();
    let models: Vec<_> = ceiling
        .models
        .patterns()
        .iter()
        .map(ToString::to_string)
        .collect();
    let models = if models.is_empty() {
        "every model".to_owned()
    } else {
        models.join(", ")
    };
    let work: Vec<_> = ceiling.capabilities.iter().map(|c| c.name()).collect();
    let counts = [
        (ceiling.requests_per_minute, "calls a minute"),
        (ceiling.requests_per_day, "calls a day"),
        (ceiling.tokens_per_request, "tokens a call"),
    ];
    let counts: String = counts
        .into_iter()
        .filter_map(|(count, of)| {
            count.map(|count| format!(", {} {of}", crate::consent_page::grouped(count)))
        })
        .collect();
    format!(
        "{} ({models}) for {}, up to {} a month{counts}, for {} day{}",
        providers.join(", "),
        work.join(", "),
        ceiling.monthly_spend.for_people(),
        ceiling.days,
        if ceiling.days == 1 { "" } else { "s" }
    )
}
