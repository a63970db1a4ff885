//! What a yes to the form comes to as it stands: the most it can cost, and what the app does not get.

use askama::{Template, filters::HtmlSafe};
use events::GrantedLimits;
use money::Nanodollars;
use pages::filters::instant_text;

use super::{
    input::{Input, NAMED},
    limits::{amount, count, grouped},
    offer::{ModelChoice, Offer},
    words::in_words,
};

/// What a yes comes to, in words.
#[derive(Template)]
#[template(path = "outcome.html")]
pub(super) struct Outcome {
    cost: String,
    parts: Vec<Part>,
}

// Its template escapes what it is given.
impl HtmlSafe for Outcome {}

/// What is less than asked at one provider.
struct Part {
    /// Named where there are several.
    provider: Option<String>,
    less: Vec<String>,
}

impl Outcome {
    /// Of a yes to a form that is filled in so. A field that cannot be read counts as it was asked:
    /// nothing above that is ever granted.
    pub(super) fn of<'a>(
        offers: &[Offer<'_>],
        inputs: impl Iterator<Item = &'a Input> + Clone,
    ) -> Self {
        let parts = offers.iter().zip(inputs.clone());
        let parts = parts.map(|(offer, input)| Part {
            provider: (offers.len() > 1).then(|| offer.asked.provider.display_name().to_owned()),
            less: less(offer, input),
        });
        Self {
            parts: parts.filter(|part| !part.less.is_empty()).collect(),
            cost: cost(offers, inputs),
        }
    }
}

/// The most that a yes can cost.
fn cost<'a>(offers: &[Offer<'_>], inputs: impl Iterator<Item = &'a Input>) -> String {
    let charged: Vec<_> = offers
        .iter()
        .zip(inputs)
        .filter(|(offer, _)| !offer.asked.provider.is_sandbox())
        .map(|(offer, input)| (offer.ceiling.limits, written(offer, input)))
        .collect();
    if charged.is_empty() {
        return "This costs you nothing: the sandbox calls no AI provider.".to_owned();
    }
    let most = |limits: fn(&(GrantedLimits, GrantedLimits)) -> &GrantedLimits| {
        let sum = |of: fn(&GrantedLimits) -> Nanodollars| {
            let mut amounts = charged.iter().map(|both| of(limits(both)));
            amounts.try_fold(Nanodollars::ZERO, Nanodollars::checked_add)
        };
        let month = sum(|limits| limits.monthly_spend)?;
        let day = sum(|limits| limits.daily_spend.min(limits.monthly_spend))?;
        Some((month.for_people(), day.for_people()))
    };
    let (Some(asked), Some(now)) = (most(|(asked, _)| asked), most(|(_, now)| now)) else {
        return String::new();
    };
    let together = if charged.len() > 1 {
        ", all providers together"
    } else {
        ""
    };
    let (month, day) = &now;
    let most = format!(
        "At the very most this costs you {month} in a calendar month and {day} on any one \
         day{together}."
    );
    if asked == now {
        return format!("{most} Lower a limit and it costs less.");
    }
    let (month, day) = asked;
    format!("{most} Before you lowered it, that was {month} and {day}.")
}

/// The limits in the form, each as it was asked where it cannot be read.
fn written(offer: &Offer<'_>, input: &Input) -> GrantedLimits {
    let most = &offer.ceiling.limits;
    let [month, day, minute, requests, tokens] = &input.limits;
    GrantedLimits {
        monthly_spend: amount(month, most.monthly_spend).unwrap_or(most.monthly_spend),
        daily_spend: amount(day, most.daily_spend).unwrap_or(most.daily_spend),
        requests_per_minute: count(minute, most.requests_per_minute)
            .unwrap_or(most.requests_per_minute),
        requests_per_day: count(requests, most.requests_per_day).unwrap_or(most.requests_per_day),
        tokens_per_request: count(tokens, most.tokens_per_request)
            .unwrap_or(most.tokens_per_request),
    }
}

/// What the app does not get of what it might.
fn less(offer: &Offer<'_>, input: &Input) -> Vec<String> {
    let asked = Input::as_asked(offer);
    let mut less = Vec::new();
    less.extend(fewer_models(offer, input));
    less.extend(fewer_capabilities(offer, input));
    less.extend(lower_limits(offer, input));
    if input.lifetime != asked.lifetime
        && let (Some(now), Some(then)) = (
            offer.span().read(&input.lifetime),
            offer.span().read(&asked.lifetime),
        )
    {
        let (now, then) = (instant_text(now), instant_text(then));
        less.push(format!("Its access ends on {now}, not on {then}."));
    }
    less
}

fn fewer_models(offer: &Offer<'_>, input: &Input) -> Option<String> {
    if offer.model_choice() != ModelChoice::AnyOf {
        let only = input.named.trim();
        let named = offer.model_choice() == ModelChoice::Named || input.scope == NAMED;
        let had = offer.had.is_some_and(|had| !had.models.is_every());
        return (named && !had && !only.is_empty())
            .then(|| format!("Only these models can be called, not every one: {only}."));
    }
    let patterns = offer.asked.models.patterns().iter();
    let out = patterns
        .map(ToString::to_string)
        .filter(|pattern| !input.models.contains(pattern));
    refused("Calls of these models are refused", out)
}

fn fewer_capabilities(offer: &Offer<'_>, input: &Input) -> Option<String> {
    let asked = offer.asked.capabilities.iter();
    let out = asked.filter(|capability| {
        let mut chosen = input.capabilities.iter();
        !chosen.any(|name| name == capability.name())
    });
    let out = out.map(|capability| in_words(*capability).to_owned());
    refused("Calls for these purposes are refused", out)
}

fn refused(what: &str, out: impl Iterator<Item = String>) -> Option<String> {
    let out: Vec<String> = out.collect();
    (!out.is_empty()).then(|| format!("{what}: {}.", out.join(", ")))
}

fn lower_limits(offer: &Offer<'_>, input: &Input) -> Vec<String> {
    let (asked, now) = (&offer.ceiling.limits, &written(offer, input));
    let mut lower = Vec::new();
    for (period, of) in [
        (
            "a calendar month",
            (|limits| limits.monthly_spend) as fn(&GrantedLimits) -> Nanodollars,
        ),
        ("a day", |limits| limits.daily_spend),
    ] {
        if of(now) < of(asked) {
            let (now, asked) = (of(now).for_people(), of(asked).for_people());
            lower.push(format!(
                "Calls are refused once they cost {now} in {period}, not {asked}."
            ));
        }
    }
    for (unit, of) in [
        (
            "calls a minute",
            (|limits| limits.requests_per_minute) as fn(&GrantedLimits) -> u32,
        ),
        ("calls a day", |limits| limits.requests_per_day),
        ("tokens in one call", |limits| limits.tokens_per_request),
    ] {
        if of(now) < of(asked) {
            let (now, asked) = (grouped(of(now)), grouped(of(asked)));
            lower.push(format!("At most {now} {unit}, not {asked}."));
        }
    }
    lower
}
