//! The costs that the source's own calculator gives, of every price in the book.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::collections::BTreeSet;

use jiff::Timestamp;
use money::Nanodollars;
use price_book::{PriceBook, TokenUsage};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    provider: String,
    model: String,
    at: Timestamp,
    service_tier: Option<String>,
    usage: TokenUsage,
    nanodollars: i64,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("oracle.json")).unwrap()
}

#[test]
fn every_cost_is_what_the_source_says() {
    let book = PriceBook::embedded().unwrap();
    for case in cases() {
        let Case {
            provider,
            model,
            at,
            ..
        } = &case;
        let tier = case.service_tier.as_deref().unwrap_or("default");
        let price = book
            .price(provider, model, *at)
            .and_then(|price| price.in_service_tier(tier));
        let cost = price.map(|price| price.cost(&case.usage));
        let told = Some(Nanodollars::from_nanos(case.nanodollars));
        assert_eq!(
            cost, told,
            "{provider} {model} {at} {tier} {:?}",
            case.usage
        );
    }
}

#[test]
fn the_source_was_asked_about_every_model() {
    let book = PriceBook::embedded().unwrap();
    let cases = cases();
    assert!(cases.len() >= 200, "{} cases", cases.len());
    let asked: BTreeSet<(&str, &str)> = cases
        .iter()
        .filter_map(|case| {
            let price = book.price(&case.provider, &case.model, case.at)?;
            Some((case.provider.as_str(), price.model()))
        })
        .collect();
    for provider in book
        .providers()
        .filter(|provider| !matches!(*provider, "ollama" | "sandbox"))
    {
        for model in book.models(provider) {
            assert!(asked.contains(&(provider, model)), "{provider} {model}");
        }
    }
}
