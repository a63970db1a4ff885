//! No call costs more than its worst case, whatever it uses, for every price in the book.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use jiff::Timestamp;
use price_book::{Ceiling, Price, PriceBook, TokenUsage};
use proptest::prelude::*;

/// Every price of every model on days around the changes of prices, in every service tier.
fn every_price() -> Vec<&'static Price> {
    let book = PriceBook::embedded().unwrap();
    let days = [
        "2025-01-01",
        "2026-03-01",
        "2026-08-01",
        "2026-10-13",
        "2026-11-22",
        "2027-01-01",
    ];
    let times = days.map(|day| format!("{day}T00:00:00Z").parse::<Timestamp>().unwrap());
    let tiers = ["default", "batch", "flex", "priority", "fast"];
    let mut prices = Vec::new();
    for provider in book.providers() {
        for model in book.models(provider) {
            for at in times {
                let price = book.price(provider, model, at);
                prices.extend(tiers.iter().filter_map(|tier| price?.in_service_tier(tier)));
            }
        }
    }
    prices
}

/// Near a tier's edge as often as anywhere.
fn input() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..3_000_u64,
        0..2_000_000_u64,
        99_998..100_003_u64,
        199_998..200_003_u64,
        271_998..272_003_u64,
    ]
}

/// Splits `total` so that the parts never exceed it; `shares` are in thousandths of what is left.
fn split<const N: usize>(total: u64, shares: [u64; N]) -> [u64; N] {
    let mut left = total;
    shares.map(|share| {
        let part = left * share / 1_000;
        left -= part;
        part
    })
}

prop_compose! {
    fn usage()(
        input in input(),
        output in 0..200_000_u64,
        of_input in prop::array::uniform5(0..=1_000_u64),
        of_cached in prop::array::uniform2(0..=1_000_u64),
        of_write in 0..=1_000_u64,
        of_output in prop::array::uniform4(0..=1_000_u64),
        tools in prop::array::uniform2(0..20_u64),
        speech in prop::array::uniform2(0..10_000_u64),
    ) -> TokenUsage {
        let [cached_input, cache_write, audio, image, video_input] = split(input, of_input);
        let [cached_audio_input, cached_image_input] = split(cached_input, of_cached);
        let [reasoning, audio_output, image_output, video_output] = split(output, of_output);
        TokenUsage {
            input,
            cached_input,
            cache_write,
            cache_write_1h: cache_write * of_write / 1_000,
            audio_input: audio + cached_audio_input,
            cached_audio_input,
            image_input: image + cached_image_input,
            cached_image_input,
            video_input,
            output,
            reasoning,
            audio_output,
            image_output,
            video_output,
            web_searches: tools[0],
            storage_searches: tools[1],
            audio_seconds: speech[0],
            characters: speech[1],
        }
    }
}

fn ceiling_of(usage: &TokenUsage, more: u64) -> Ceiling {
    Ceiling {
        input: usage.input + more,
        output: usage.output + more,
        text_only: false,
        web_searches: usage.web_searches,
        storage_searches: usage.storage_searches,
        audio_seconds: usage.audio_seconds,
        characters: usage.characters,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_call_costs_more_than_its_worst_case(usage in usage(), more in 0..300_000_u64) {
        let tokens = TokenUsage { web_searches: 0, storage_searches: 0, ..usage };
        let ceiling = ceiling_of(&usage, more);
        for price in every_price() {
            let bound = price.worst_case(ceiling.input, ceiling.output);
            prop_assert!(price.cost(&tokens) <= bound, "{} {tokens:?}", price.model());
            let bound = price.worst_case_of(&ceiling);
            prop_assert!(price.cost(&usage) <= bound, "{} {usage:?}", price.model());
            prop_assert!(bound <= price.worst_case_in_any_service_tier(&ceiling));
        }
    }

    #[test]
    fn no_call_of_text_costs_more_than_its_worst_case(usage in usage(), more in 0..300_000_u64) {
        let text = TokenUsage {
            audio_input: 0,
            cached_audio_input: 0,
            image_input: 0,
            cached_image_input: 0,
            video_input: 0,
            audio_output: 0,
            image_output: 0,
            video_output: 0,
            ..usage
        };
        let ceiling = Ceiling { text_only: true, ..ceiling_of(&text, more) };
        for price in every_price() {
            let bound = price.worst_case_of(&ceiling);
            prop_assert!(price.cost(&text) <= bound, "{} {text:?}", price.model());
        }
    }

    #[test]
    fn the_worst_case_never_falls(
        input in input(), output in 0..200_000_u64, more in 0..300_000_u64,
    ) {
        for price in every_price() {
            let less = price.worst_case(input, output);
            prop_assert!(less <= price.worst_case(input + more, output), "{}", price.model());
            prop_assert!(less <= price.worst_case(input, output + more), "{}", price.model());
        }
    }

    #[test]
    fn no_count_makes_it_panic(counts in prop::array::uniform18(any::<u64>())) {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r] = counts;
        let usage = TokenUsage {
            input: a,
            cached_input: b,
            cache_write: c,
            cache_write_1h: d,
            audio_input: e,
            cached_audio_input: f,
            image_input: g,
            cached_image_input: h,
            video_input: i,
            output: j,
            reasoning: k,
            audio_output: l,
            image_output: m,
            video_output: n,
            web_searches: o,
            storage_searches: p,
            audio_seconds: q,
            characters: r,
        };
        for price in every_price() {
            prop_assert!(price.cost(&usage).nanos() >= 0);
            prop_assert!(price.worst_case(a, j).nanos() >= 0);
        }
    }
}

#[test]
fn what_is_not_told_apart_is_charged_as_the_dearest() {
    let book = PriceBook::embedded().unwrap();
    let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
    let usage = TokenUsage {
        input: 1_000,
        cached_input: 400,
        output: 100,
        reasoning: 10,
        ..TokenUsage::default()
    };
    let draws = book.price("google", "gemini-2.5-flash-image", now).unwrap();
    let drawn = TokenUsage {
        image_output: 90,
        ..usage
    };
    assert!(draws.cost(&drawn) > draws.cost(&usage));
    assert_eq!(
        draws.cost_of_dearest_kinds(&usage, (false, true)),
        draws.cost(&drawn)
    );
    assert_eq!(
        draws.cost_of_dearest_kinds(&usage, (false, false)),
        draws.cost(&usage)
    );
    let hears = book.price("google", "gemini-2.5-flash", now).unwrap();
    assert!(hears.reads_apart(true, false, false) && hears.reads_apart(false, false, true));
    assert!(
        !hears.reads_apart(false, true, false),
        "an image costs what text does"
    );
    let heard = TokenUsage {
        audio_input: 1_000,
        cached_audio_input: 400,
        ..usage
    };
    assert!(hears.cost(&heard) > hears.cost(&usage));
    assert_eq!(
        hears.cost_of_dearest_kinds(&usage, (true, false)),
        hears.cost(&heard)
    );
}
