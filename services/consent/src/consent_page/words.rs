//! What the page says in words.

use events::{Capability, Provider, RequestedDetail};
use money::Nanodollars;

use super::offer::Offer;

/// Where a redirect URI leads, for people.
pub(super) fn place(uri: &url::Url) -> Option<String> {
    let host = uri.host_str()?;
    // Another port of the same host is another origin.
    let host = uri
        .port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    // Only loopback addresses may be without TLS.
    if uri.scheme() == "http" {
        return Some(format!("a program on your own computer ({host})"));
    }
    Some(host)
}

/// How models of a provider are named.
pub(super) fn examples(provider: &Provider) -> &'static str {
    match provider.as_str() {
        "openai" => "gpt-4o-mini, gpt-4o*",
        "anthropic" => "claude-sonnet-4-5, claude-haiku-*",
        "google" => "gemini-2.5-flash, gemini-2.5-*",
        Provider::SANDBOX => "sandbox-echo, sandbox-*",
        _ => "",
    }
}

/// What a capability is, for people who never read an API reference.
pub(crate) const fn in_words(capability: Capability) -> &'static str {
    match capability {
        Capability::Chat => "Chat",
        Capability::Completions => "Text completion",
        Capability::Embeddings => "Embeddings (search and comparison of text)",
        Capability::Images => "Making images",
        Capability::Audio => "Speech and transcription",
        Capability::Moderation => "Judging content",
        Capability::Code => "Running code at the provider",
        Capability::Vision => "Looking at images",
    }
}

/// The app's own words, if it says the same about every provider.
pub(super) fn common_reason(details: &[RequestedDetail]) -> Option<String> {
    let first = details.first()?.reason.clone()?;
    details
        .iter()
        .all(|detail| detail.reason.as_ref() == Some(&first))
        .then_some(first)
}

/// The most that a yes can cost, in words: a yes to the highest limits that the page allows.
pub(super) fn cost(offers: &[Offer<'_>]) -> String {
    let charged: Vec<&Offer<'_>> = offers
        .iter()
        .filter(|offer| !offer.asked.provider.is_sandbox())
        .collect();
    if charged.is_empty() {
        return "This costs you nothing: the sandbox calls no AI provider.".to_owned();
    }
    let sum = |of: fn(&Offer<'_>) -> Nanodollars| {
        charged
            .iter()
            .map(|offer| of(offer))
            .try_fold(Nanodollars::ZERO, Nanodollars::checked_add)
    };
    let month = sum(|offer| offer.ceiling.limits.monthly_spend);
    let day = sum(|offer| {
        offer
            .ceiling
            .limits
            .daily_spend
            .min(offer.ceiling.limits.monthly_spend)
    });
    let (Some(month), Some(day)) = (month, day) else {
        return String::new();
    };
    let (month, day) = (month.for_people(), day.for_people());
    let together = if charged.len() > 1 {
        ", all providers together"
    } else {
        ""
    };
    format!(
        "At the very most this costs you {month} in a calendar month and {day} on any one \
         day{together}. Lower a limit and it costs less."
    )
}
