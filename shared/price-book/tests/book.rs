//! What is in the book, and by which names it is found.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use jiff::Timestamp;
use price_book::{ModelFault, PriceBook, PriceBookError, Unit};

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn model(provider: &str, name: &str) -> Option<&'static str> {
    PriceBook::embedded()
        .unwrap()
        .price(provider, name, now())
        .map(price_book::Price::model)
}

#[test]
fn every_provider_has_models_and_every_model_a_price() {
    let book = PriceBook::embedded().unwrap();
    let providers: Vec<_> = book.providers().collect();
    let all = [
        "anthropic",
        "cohere",
        "google",
        "groq",
        "mistral",
        "ollama",
        "openai",
        "openrouter",
        "sandbox",
        "together",
    ];
    assert_eq!(providers, all);
    for provider in providers {
        assert!(book.models(provider).count() > 5, "{provider}");
        for name in book.models(provider) {
            let price = book.price(provider, name, now());
            assert_eq!(
                price.map(price_book::Price::model),
                Some(name),
                "{provider}"
            );
            assert!(
                price.is_some_and(|price| !price.source().is_empty()),
                "{provider} {name}"
            );
        }
    }
    assert_eq!(book.models("nobody").count(), 0);
}

#[test]
fn models_of_today_say_how_much_they_write() {
    let book = PriceBook::embedded().unwrap();
    for (provider, name) in [
        ("openai", "gpt-6.1-sol"),
        ("anthropic", "claude-opus-5-5"),
        ("google", "gemini-3.8-flash"),
        ("groq", "openai/gpt-oss-120b"),
        ("together", "moonshotai/Kimi-K3"),
        ("mistral", "mistral-large-4"),
        ("cohere", "command-a-03-2025"),
    ] {
        let price = book.price(provider, name, now()).unwrap();
        assert!(
            price
                .max_output_tokens()
                .is_some_and(|tokens| tokens >= 8_000),
            "{name}"
        );
        let window = price.context_window().unwrap();
        assert!(
            window >= u64::from(price.max_output_tokens().unwrap()),
            "{name}"
        );
    }
}

#[test]
fn models_of_one_price_may_write_differently_much() {
    let book = PriceBook::embedded().unwrap();
    let limit = |name| {
        book.price("openai", name, now())
            .unwrap()
            .max_output_tokens()
    };
    assert_eq!(limit("gpt-5"), Some(128_000));
    assert_eq!(limit("gpt-5-chat-latest"), Some(16_384));
}

#[test]
fn a_model_without_a_price_has_none() {
    for (provider, name) in [
        ("openai", "gpt-99"),
        ("openai", ""),
        ("openai", "dall-e-3"),
        ("openai", "gpt-4o-mini-2024-07-19-turbo"),
        ("anthropic", "gpt-4o"),
        ("anthropic", "claude-opus-5-7"),
        ("anthropic", "claude-haiku-4-5-mini"),
        ("google", "gemini-3.6-flash-lite"),
        ("google", "gemini-2.5-pro-ultra"),
        ("google", "claude-opus-5-5"),
        ("mistral", "mistral-ocr-latest"),
        ("together", "openai/gpt-oss-121b"),
        ("ollama", "gpt-oss:120b-cloud"),
        ("openrouter", "gpt-4o-mini"),
        ("openrouter", "openrouter/auto"),
        ("openrouter", "openai/gpt-4o-mini:online"),
        ("openrouter", "openai/gpt-5:batch"),
        ("openrouter", "perplexity/sonar"),
        ("nobody", "gpt-4o"),
    ] {
        assert_eq!(model(provider, name), None, "{provider} {name}");
    }
}

#[test]
fn a_version_of_a_model_has_the_price_of_the_model() {
    for (provider, name, priced_as) in [
        ("openai", "gpt-4o-2024-08-06", "gpt-4o"),
        ("openai", "gpt-4o-2024-05-13", "gpt-4o-2024-05-13"),
        ("openai", "gpt-6-sol-2026-09-01", "gpt-6-sol"),
        (
            "openai",
            "ft:gpt-4o-mini-2024-07-18:acme::abc",
            "ft:gpt-4o-mini-2024-07-18",
        ),
        ("anthropic", "claude-haiku-4-5-20251001", "claude-haiku-4-5"),
        ("anthropic", "claude-opus-5-latest", "claude-opus-5"),
        ("anthropic", "claude-opus-5-20260401", "claude-opus-5"),
        ("anthropic", "claude-opus-5-5-20260901", "claude-opus-5-5"),
        ("anthropic", "claude-3-5-sonnet-latest", "claude-3-5-sonnet"),
        ("google", "gemini-2.0-flash-001", "gemini-2.0-flash"),
        (
            "google",
            "gemini-2.0-flash-lite-001",
            "gemini-2.0-flash-lite",
        ),
        ("google", "gemini-2.5-pro-preview-05-06", "gemini-2.5-pro"),
        ("google", "gemini-2.5-pro-preview-tts", "gemini-2.5-pro-tts"),
        ("google", "gemini-flash-latest", "gemini-3.8-flash"),
        ("together", "qwen/qwen3.8-flash", "Qwen/Qwen3.8-Flash"),
    ] {
        assert_eq!(model(provider, name), Some(priced_as), "{provider} {name}");
    }
}

#[test]
fn the_digest_is_of_the_file_as_it_is() {
    let text = include_str!("../prices.json");
    let mut parts = text.splitn(3, '\n');
    let stated = parts.nth(1).unwrap();
    let digest =
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, parts.next().unwrap().as_bytes());
    let hex: String = digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(stated, format!("\"digest\":\"{hex}\","));

    let version = PriceBook::embedded().unwrap().version();
    assert_eq!(version, format!("genai-prices 0.2.3 sha256:{}", &hex[..16]));
}

fn parse_with(models: &str) -> Result<PriceBook, PriceBookError> {
    PriceBook::parse(&format!(
        r#"{{"digest":"0","source":"test","source_version":"1","limits_source":"test",
        "verified":"2026-01-01","generated":"2026-01-01",
        "providers":{{"acme":{{"source":"https://acme.test","models":[{models}]}}}}}}"#
    ))
}

#[test]
fn a_book_with_a_fault_is_refused_whole() {
    let fault = |models: &str| match parse_with(models).unwrap_err() {
        PriceBookError::Model { fault, .. } => fault,
        other => panic!("{other}"),
    };
    let free = r#"[{"rates":{"input":"0"}}]"#;
    assert!(parse_with(&format!(r#"{{"id":"a","prices":{free}}}"#)).is_ok());
    assert_eq!(fault(r#"{"id":"a","prices":[]}"#), ModelFault::NoPrice);
    assert_eq!(
        fault(r#"{"id":"a","prices":[{"rates":{}}]}"#),
        ModelFault::NoPrice
    );
    assert_eq!(
        fault(r#"{"id":"a","prices":[{"rates":{"input":"-1"}}]}"#),
        ModelFault::Rates
    );
    assert_eq!(
        fault(&format!(r#"{{"id":"a","aliases":["A"],"prices":{free}}}"#)),
        ModelFault::Name
    );
    let gap = r#"{"id":"a","prices":[{"to":"2026-01-01","rates":{"input":"1"}},
        {"from":"2026-01-02","rates":{"input":"2"}}]}"#;
    assert_eq!(fault(gap), ModelFault::Periods);
}

#[test]
fn a_price_is_never_a_number_and_never_of_an_unknown_kind() {
    for rates in [
        r#"{"input":1.5}"#,
        r#"{"input":"1e3"}"#,
        r#"{"inputs":"1"}"#,
    ] {
        let book = parse_with(&format!(r#"{{"id":"a","prices":[{{"rates":{rates}}}]}}"#));
        assert!(matches!(book, Err(PriceBookError::Shape(_))), "{rates}");
    }
}

#[test]
fn a_service_tier_without_a_price_costs_what_the_dearest_does() {
    let price = PriceBook::embedded()
        .unwrap()
        .price("openai", "gpt-5", now())
        .unwrap();
    let usage = price_book::TokenUsage {
        input: 1_000,
        output: 1_000,
        ..price_book::TokenUsage::default()
    };
    let dearest = price.cost_in_any_service_tier(&usage);
    assert!(dearest > price.cost(&usage), "gpt-5 has a dearer tier");
    for tier in ["flex", "priority"] {
        assert!(
            dearest >= price.in_service_tier(tier).unwrap().cost(&usage),
            "{tier}"
        );
    }
}

#[test]
fn a_model_says_what_it_counts_where_that_is_one_thing() {
    let unit = |provider: &str, name: &str| {
        let book = PriceBook::embedded().unwrap();
        book.price(provider, name, now()).unwrap().unit()
    };
    for (provider, name, expected) in [
        ("openai", "gpt-4o", Some(Unit::Tokens)),
        ("openai", "gpt-image-2", Some(Unit::Tokens)),
        ("openai", "gpt-4o-mini-tts", Some(Unit::Tokens)),
        ("openai", "tts-1", Some(Unit::Characters)),
        ("openai", "whisper-1", Some(Unit::Seconds)),
        ("groq", "whisper-large-v3", Some(Unit::Seconds)),
        // Tokens and time.
        ("mistral", "voxtral-small-2507", None),
    ] {
        assert_eq!(unit(provider, name), expected, "{name}");
    }
}
