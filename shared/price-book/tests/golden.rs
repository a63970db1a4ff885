//! Costs worked out by hand, the sum written beside each.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use jiff::Timestamp;
use money::Nanodollars;
use price_book::{Ceiling, Price, PriceBook, TokenUsage, UNBOUNDED};

fn price(provider: &str, model: &str, at: &str) -> &'static Price {
    let at: Timestamp = at.parse().unwrap();
    PriceBook::embedded()
        .unwrap()
        .price(provider, model, at)
        .unwrap()
}

fn usd(text: &str) -> Nanodollars {
    text.parse().unwrap()
}

const NOW: &str = "2026-11-22T12:00:00Z";

#[test]
fn above_a_tier_the_whole_request_is_dearer() {
    let sonnet = price("anthropic", "claude-sonnet-4-5", NOW);
    let long = TokenUsage {
        input: 250_000,
        cached_input: 50_000,
        cache_write: 1_000,
        output: 100,
        ..TokenUsage::default()
    };
    // 199k × 6 + 50k × 0.60 + 1k × 7.50 + 100 × 22.50 per million
    assert_eq!(sonnet.cost(&long), usd("1.23375"));

    let read = |input| {
        sonnet.cost(&TokenUsage {
            input,
            ..TokenUsage::default()
        })
    };
    assert_eq!(read(200_000), usd("0.6"));
    assert_eq!(read(200_001), usd("1.200006"));
}

#[test]
fn a_price_changes_at_midnight_utc() {
    let usage = TokenUsage {
        input: 300_000,
        ..TokenUsage::default()
    };
    let opus = |at| price("anthropic", "claude-opus-4-6", at).cost(&usage);
    assert_eq!(opus("2026-03-12T23:59:59.999Z"), usd("3"));
    assert_eq!(opus("2026-03-13T00:00:00Z"), usd("1.5"));

    let usage = TokenUsage {
        input: 1_000_000,
        ..TokenUsage::default()
    };
    let flash = |at| price("google", "gemini-3.8-flash", at).cost(&usage);
    assert_eq!(flash("2026-12-31T23:59:59Z"), usd("0.75"));
    assert_eq!(flash("2027-01-01T00:00:00Z"), usd("1.5"));
}

#[test]
fn cache_writes_are_charged_by_how_long_they_keep() {
    let usage = TokenUsage {
        input: 10_000,
        cached_input: 2_000,
        cache_write: 4_000,
        cache_write_1h: 1_000,
        output: 500,
        reasoning: 400,
        ..TokenUsage::default()
    };
    // 4000 × 1 + 2000 × 0.10 + 3000 × 1.25 + 1000 × 2 + 500 × 5 per million
    assert_eq!(
        price("anthropic", "claude-haiku-4-5-20251001", NOW).cost(&usage),
        usd("0.01245")
    );
}

#[test]
fn audio_is_dearer_than_text_cached_or_not() {
    let usage = TokenUsage {
        input: 1_000,
        cached_input: 300,
        audio_input: 400,
        cached_audio_input: 100,
        output: 50,
        ..TokenUsage::default()
    };
    // 400 × 0.30 + 200 × 0.03 + 300 × 1 + 100 × 0.10 + 50 × 2.50 per million
    assert_eq!(
        price("google", "gemini-2.5-flash", NOW).cost(&usage),
        usd("0.000561")
    );
}

#[test]
fn images_are_charged_as_images() {
    let usage = TokenUsage {
        input: 300,
        image_input: 200,
        output: 1_000,
        ..TokenUsage::default()
    };
    // 100 × 5 + 200 × 10 + 1000 × 40 per million
    assert_eq!(
        price("openai", "gpt-image-1", NOW).cost(&usage),
        usd("0.0425")
    );
}

#[test]
fn a_fraction_of_a_nanodollar_is_rounded_up_once() {
    let command = price("cohere", "command-r7b-12-2024", NOW);
    let read = |input| {
        command.cost(&TokenUsage {
            input,
            ..TokenUsage::default()
        })
    };
    // 37.5 nano-dollars a token
    assert_eq!(read(1), Nanodollars::from_nanos(38));
    assert_eq!(read(2), Nanodollars::from_nanos(75));
}

#[test]
fn searches_are_charged_by_the_thousand() {
    let usage = TokenUsage {
        input: 1_000,
        web_searches: 3,
        ..TokenUsage::default()
    };
    // 1000 × 2 per million + 3 × 10 per thousand
    assert_eq!(price("openai", "gpt-4.1", NOW).cost(&usage), usd("0.032"));
}

#[test]
fn a_service_tier_has_its_own_price() {
    let usage = TokenUsage {
        input: 1_000,
        output: 100,
        ..TokenUsage::default()
    };
    let o3 = price("openai", "o3", NOW);
    let tier = |name| o3.in_service_tier(name).map(|price| price.cost(&usage));
    assert_eq!(tier("default"), Some(usd("0.0028")));
    assert_eq!(tier("flex"), Some(usd("0.0014")));
    assert_eq!(tier("priority"), Some(usd("0.0049")));
    assert_eq!(tier("scale"), None);
    // 1000 × 3.50 + 100 × 14 per million: the dearest, priority
    let ceiling = Ceiling {
        input: 1_000,
        output: 100,
        ..Ceiling::default()
    };
    assert_eq!(o3.worst_case_in_any_service_tier(&ceiling), usd("0.0049"));
}

#[test]
fn speech_is_charged_by_time_or_characters_and_never_by_tokens_alone() {
    let whisper = price("groq", "whisper-large-v3", NOW);
    let heard = |audio_seconds| {
        whisper.cost(&TokenUsage {
            audio_seconds,
            ..TokenUsage::default()
        })
    };
    // at least ten seconds: 10 × 0.111 / 3600
    assert_eq!(heard(3), Nanodollars::from_nanos(308_334));
    assert_eq!(heard(3_600), usd("0.111"));
    assert_eq!(heard(0), Nanodollars::ZERO);

    let speech = price("openai", "tts-1", NOW);
    let spoken = TokenUsage {
        characters: 1_000,
        ..TokenUsage::default()
    };
    assert_eq!(speech.cost(&spoken), usd("0.015"));
    for price in [whisper, speech] {
        assert_eq!(price.worst_case(1_000, 1_000), UNBOUNDED);
    }
}

#[test]
fn the_worst_case_is_the_dearest_kind_of_token() {
    // 1k at the one-hour cache write and 1k of output
    let haiku = price("anthropic", "claude-haiku-4-5", NOW);
    assert_eq!(haiku.worst_case(1_000, 1_000), usd("0.007"));
    // above 200k: 12 per million to write for an hour, 22.50 to answer
    let sonnet = price("anthropic", "claude-sonnet-4-5", NOW);
    assert_eq!(sonnet.worst_case(200_001, 1_000), usd("2.422512"));
    // audio in, unless there is none
    let flash = price("google", "gemini-2.5-flash", NOW);
    assert_eq!(flash.worst_case(1_000, 0), usd("0.001"));
    let text = Ceiling {
        input: 1_000,
        text_only: true,
        ..Ceiling::default()
    };
    assert_eq!(flash.worst_case_of(&text), usd("0.0003"));
}

#[test]
fn what_is_free_costs_nothing_and_says_so() {
    let usage = TokenUsage {
        input: 5_000,
        output: 5_000,
        ..TokenUsage::default()
    };
    for (provider, model) in [
        ("ollama", "my-own-model:7b"),
        ("openai", "omni-moderation-latest"),
        ("google", "gemma-3-27b-it"),
    ] {
        assert_eq!(
            price(provider, model, NOW).cost(&usage),
            Nanodollars::ZERO,
            "{model}"
        );
    }
}

#[test]
fn an_absurd_count_costs_the_largest_amount() {
    let usage = TokenUsage {
        input: u64::MAX,
        output: u64::MAX,
        ..TokenUsage::default()
    };
    let pro = price("openai", "o1-pro", NOW);
    assert_eq!(pro.cost(&usage), UNBOUNDED);
    assert_eq!(pro.worst_case(u64::MAX, u64::MAX), UNBOUNDED);
}

#[test]
fn parts_above_their_total_are_charged_nevertheless() {
    let usage = TokenUsage {
        input: 10,
        cached_input: 1_000_000,
        ..TokenUsage::default()
    };
    assert_eq!(price("openai", "gpt-4.1", NOW).cost(&usage), usd("0.5"));
}
