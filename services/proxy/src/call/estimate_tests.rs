use jiff::Timestamp;
use price_book::PriceBook;
use serde_json::{Value, json};

use super::*;
use crate::{ask, provider::Providers};

fn limits(tokens_per_request: u32) -> GrantedLimits {
    GrantedLimits {
        monthly_spend: Nanodollars::from_dollars(10),
        daily_spend: Nanodollars::from_dollars(10),
        requests_per_minute: 60,
        requests_per_day: 1_000,
        tokens_per_request,
    }
}

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

fn of(body: &Value, tokens_per_request: u32) -> Result<Estimate, Refusal> {
    at(
        "openai",
        Endpoint::ChatCompletions,
        body,
        tokens_per_request,
    )
}

fn at(provider: &str, endpoint: Endpoint, body: &Value, most: u32) -> Result<Estimate, Refusal> {
    let providers = Providers::built_in(&[]).unwrap();
    let upstream = providers.find(provider).unwrap();
    let asked = ask::read(upstream, endpoint, None, None, body.to_string().as_bytes()).unwrap();
    let price = PriceBook::embedded()
        .unwrap()
        .price(provider, &asked.model, now());
    estimate(
        upstream.name(),
        endpoint,
        &asked,
        price,
        &limits(most),
        4_096,
    )
}

#[test]
fn a_call_is_bounded_by_its_bytes_and_its_cap() {
    let body = json!({"model": "gpt-4o", "messages": [], "max_tokens": 100});
    let estimate = of(&body, 100_000).unwrap();
    let bytes = u64::try_from(body.to_string().len()).unwrap();
    assert_eq!(
        (estimate.input, estimate.output, estimate.cap),
        (bytes + 64, 100, None)
    );
    assert!(estimate.cost > Nanodollars::ZERO);
    let three = of(
        &json!({"model": "gpt-4o", "max_tokens": 100, "n": 3}),
        100_000,
    )
    .unwrap();
    assert_eq!(three.output, 300);
}

#[test]
fn a_missing_cap_is_the_usual_one_or_what_still_fits() {
    let body = json!({"model": "gpt-4o", "messages": []});
    assert_eq!(of(&body, 100_000).unwrap().cap, Some(4_096));
    let fitted = of(&body, 1_000).unwrap();
    assert_eq!(fitted.input + fitted.output, 1_000);
    let refused = of(&body, 100).unwrap_err();
    assert_eq!(refused.param(), Some("tokens_per_request"));
}

#[test]
fn an_apps_own_cap_is_not_changed_but_refused_where_it_does_not_fit() {
    let body = json!({"model": "gpt-4o", "max_tokens": 1_000});
    assert!(of(&body, 1_200).is_ok());
    assert_eq!(
        of(&body, 1_050).unwrap_err().param(),
        Some("tokens_per_request")
    );
    let many = json!({"model": "gpt-4o", "max_tokens": 1_000, "n": 2});
    assert!(of(&many, 1_200).is_err());
}

#[test]
fn without_a_price_there_is_no_call() {
    let refused = of(&json!({"model": "no-such-model-9"}), 100_000).unwrap_err();
    assert_eq!(refused.kind(), "price_unknown");
    let tier = json!({"model": "gpt-4o", "service_tier": "no-such-tier"});
    assert_eq!(of(&tier, 100_000).unwrap_err().kind(), "price_unknown");
}

#[test]
fn a_chosen_service_tier_never_makes_the_bound_too_low() {
    let usual = of(&json!({"model": "gpt-4o"}), 100_000).unwrap().cost;
    let auto = of(&json!({"model": "gpt-4o", "service_tier": "auto"}), 100_000)
        .unwrap()
        .cost;
    assert!(auto >= usual);
}

#[test]
fn what_fills_the_window_is_held_at_the_longest_window_there_is() {
    let long = "a".repeat(1_040_000);
    let of = |provider, endpoint, model| {
        let body = json!({"model": model, "max_tokens": 16, "messages": [{"role": "user", "content": long}]});
        at(provider, endpoint, &body, 2_000_000).unwrap().input
    };
    // Published as 1,000,000, and longer than that.
    assert!(of("openai", Endpoint::ChatCompletions, "gpt-4.1") > 1_040_000);
    // Of 200,000.
    assert_eq!(
        of("anthropic", Endpoint::Messages, "claude-sonnet-4-5"),
        200_000
    );
}

#[test]
fn a_document_is_held_at_the_usual_window_unless_the_app_asks_for_the_longest() {
    let body = json!({
        "model": "claude-sonnet-4-5", "max_tokens": 16,
        "messages": [{"role": "user", "content": [{"type": "document", "source": {}}]}]
    });
    let providers = Providers::built_in(&[]).unwrap();
    let upstream = providers.find("anthropic").unwrap();
    let price = PriceBook::embedded().unwrap();
    let price = price.price("anthropic", "claude-sonnet-4-5", now());
    let of = |longest_window| {
        let endpoint = Endpoint::Messages;
        let body = body.to_string();
        let mut asked = ask::read(upstream, endpoint, None, None, body.as_bytes()).unwrap();
        asked.input.longest_window = longest_window;
        estimate(
            upstream.name(),
            endpoint,
            &asked,
            price,
            &limits(2_000_000),
            4_096,
        )
        .unwrap()
    };
    let (usual, longest) = (of(false), of(true));
    assert_eq!((usual.input, longest.input), (200_000, 1_048_576));
    assert!(longest.cost > usual.cost);
}

#[test]
fn a_window_that_is_published_rounded_is_taken_as_what_it_is() {
    for (published, window) in [
        (128_000, 131_072),
        (131_072, 131_072),
        (200_000, 200_000),
        (400_000, 400_000),
        (1_000_000, 1_048_576),
        (1_050_000, 1_050_000),
    ] {
        assert_eq!(unrounded(published), window);
    }
}

#[test]
fn a_model_that_writes_images_is_held_at_the_price_of_images() {
    let providers = Providers::built_in(&[]).unwrap();
    let google = providers.find("google").unwrap();
    let body = json!({"contents": [], "generationConfig": {"maxOutputTokens": 1_000}}).to_string();
    let endpoint = Endpoint::GenerateContent;
    let asked = ask::read(
        google,
        endpoint,
        Some("gemini-2.5-flash-image"),
        None,
        body.as_bytes(),
    );
    let asked = asked.unwrap();
    let price = PriceBook::embedded().unwrap();
    let price = price.price("google", &asked.model, now()).unwrap();
    let images = price_book::TokenUsage {
        output: 1_000,
        image_output: 1_000,
        ..price_book::TokenUsage::default()
    };
    let asked = Ask {
        needs: Vec::new(),
        ..asked
    };
    let held = estimate(
        google.name(),
        endpoint,
        &asked,
        Some(price),
        &limits(100_000),
        4_096,
    );
    assert!(held.unwrap().cost >= price.cost(&images));
}

fn with_an_image(model: &str) -> Value {
    let part = json!({"type": "image_url", "image_url": {"url": "https://a"}});
    json!({"model": model, "max_tokens": 16, "messages": [{"role": "user", "content": [part]}]})
}

#[test]
fn an_image_is_held_at_what_the_model_behind_the_name_makes_of_it() {
    let book = PriceBook::embedded().unwrap();
    let providers = Providers::built_in(&[]).unwrap();
    let upstream = providers.find("openai").unwrap();
    let endpoint = Endpoint::ChatCompletions;
    let body = with_an_image("fast").to_string();
    let asked = ask::read(upstream, endpoint, None, None, body.as_bytes()).unwrap();
    let price = book.price("openai", "gpt-4o-mini", now());
    let held = estimate(
        upstream.name(),
        endpoint,
        &asked,
        price,
        &limits(200_000),
        4_096,
    );
    assert!(held.unwrap().input >= 48_169);
    let resold = at(
        "openrouter",
        endpoint,
        &with_an_image("openai/gpt-5.4"),
        200_000,
    );
    assert!(resold.unwrap().input >= OF_AN_IMAGE_IN_FULL);
}

#[test]
fn thoughts_that_are_only_named_are_held_and_fit_the_usual_limit() {
    let thought = json!({"type": "reasoning", "id": "rs_1", "summary": []});
    let held = |thoughts: usize| {
        let body =
            json!({"model": "gpt-5", "max_output_tokens": 16, "input": vec![&thought; thoughts]});
        at("openai", Endpoint::Responses, &body, 400_000).map(|held| held.input)
    };
    // Each at most what the model writes, and all no more than its window, into which the answer fits, too.
    assert!((128_000..129_000).contains(&held(1).unwrap()));
    assert_eq!(held(9).unwrap(), 400_000);
}

#[test]
fn what_has_no_rate_is_neither_written_nor_heard() {
    let spoken = |model: &str| json!({"model": model, "modalities": ["text", "audio"], "audio": {"voice": "alloy"}});
    let heard = |model: &str| {
        let part = json!({"type": "input_audio", "input_audio": {"data": "", "format": "wav"}});
        json!({"model": model, "max_tokens": 16, "messages": [{"role": "user", "content": [part]}]})
    };
    for body in [
        spoken("gpt-4o-audio-preview"),
        spoken("gpt-4o"),
        heard("gpt-4o-audio-preview"),
    ] {
        let refused = of(&body, 200_000).unwrap_err();
        assert_eq!(refused.kind(), "price_unknown", "{body}");
    }
    for body in [spoken("gpt-audio"), heard("gpt-audio")] {
        of(&body, 200_000).unwrap();
    }
}

#[test]
fn anthropic_is_held_at_what_one_region_costs() {
    for (cost, regional_cost) in [(0, 0), (1, 2), (10, 11), (11, 13), (100, 110)] {
        assert_eq!(
            regional(Nanodollars::from_nanos(cost)),
            Nanodollars::from_nanos(regional_cost)
        );
    }
    let body = json!({"model": "claude-sonnet-4-5", "max_tokens": 100, "messages": []});
    let held = at("anthropic", Endpoint::Messages, &body, 100_000).unwrap();
    let price = PriceBook::embedded().unwrap();
    let price = price
        .price("anthropic", "claude-sonnet-4-5", now())
        .unwrap();
    let ceiling = Ceiling {
        input: held.input,
        output: held.output,
        text_only: true,
        ..Ceiling::default()
    };
    assert_eq!(held.cost, regional(price.worst_case_of(&ceiling)));
}

#[test]
fn embeddings_write_nothing() {
    let body = json!({"model": "text-embedding-3-small", "input": "hello"});
    let estimate = at("openai", Endpoint::Embeddings, &body, 1_000).unwrap();
    assert_eq!((estimate.output, estimate.cap), (0, None));
    assert!(at("openai", Endpoint::Embeddings, &body, 50).is_err());
}

#[test]
fn an_image_costs_at_most_what_its_size_and_quality_do() {
    let body = json!({"model": "gpt-image-2", "prompt": "a", "n": 2, "size": "1024x1024"});
    let estimate = at("openai", Endpoint::ImageGenerations, &body, 100_000).unwrap();
    assert_eq!((estimate.output, estimate.cap), (2 * (8_192 + 1_024), None));
    // 30 USD for a million tokens of an image.
    assert!(estimate.cost >= Nanodollars::from_nanos(2 * 9_216 * 30_000));
    assert!(at("openai", Endpoint::ImageGenerations, &body, 10_000).is_err());
    let unknown = json!({"model": "dall-e-3", "prompt": "a"});
    let refused = at("openai", Endpoint::ImageGenerations, &unknown, 100_000).unwrap_err();
    assert_eq!(refused.kind(), "price_unknown");
}

#[test]
fn an_edited_image_is_held_at_what_it_reads_as_well() {
    let form = "--B\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\ngpt-image-2\r\n\
                --B\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\na hat\r\n\
                --B\r\nContent-Disposition: form-data; name=\"size\"\r\n\r\n1024x1024\r\n\
                --B\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a\"\r\n\r\nx\r\n--B--";
    let kind = crate::body::FormType::parse("multipart/form-data; boundary=B").unwrap();
    let providers = Providers::built_in(&[]).unwrap();
    let upstream = providers.find("openai").unwrap();
    let endpoint = Endpoint::ImageEdits;
    let asked = ask::read(upstream, endpoint, None, Some(&kind), form.as_bytes()).unwrap();
    let book = PriceBook::embedded().unwrap();
    let price = book.price("openai", &asked.model, now()).unwrap();
    let limits = limits(100_000);
    let held = estimate(
        upstream.name(),
        endpoint,
        &asked,
        Some(price),
        &limits,
        4_096,
    )
    .unwrap();
    assert_eq!((held.input, held.output), (5 + 14_000 + 64, 8_192 + 1_024));
    // What is read of an image is dearer than text: 8 USD for a million tokens.
    let most = price_book::TokenUsage {
        input: held.input,
        image_input: held.input,
        output: held.output,
        image_output: held.output,
        ..price_book::TokenUsage::default()
    };
    assert!(held.cost >= price.cost(&most));
}

#[test]
fn speech_is_charged_by_characters_or_by_tokens() {
    let body = json!({"model": "tts-1", "voice": "alloy", "input": "hello"});
    let estimate = at("openai", Endpoint::Speech, &body, 1).unwrap();
    // 15 USD for a million characters.
    assert_eq!(
        (estimate.characters, estimate.cost),
        (5, Nanodollars::from_nanos(75_000))
    );
    let body = json!({"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "hello"});
    let estimate = at("openai", Endpoint::Speech, &body, 1_000).unwrap();
    assert_eq!((estimate.characters, estimate.output), (0, 128 + 20));
    assert!(estimate.cost > Nanodollars::ZERO);
}

#[test]
fn a_model_that_counts_what_the_call_has_not_is_not_asked() {
    for (endpoint, body) in [
        (
            Endpoint::Speech,
            json!({"model": "whisper-1", "input": "a"}),
        ),
        (
            Endpoint::ChatCompletions,
            json!({"model": "whisper-1", "messages": []}),
        ),
        (
            Endpoint::ChatCompletions,
            json!({"model": "tts-1", "messages": []}),
        ),
        (
            Endpoint::ImageGenerations,
            json!({"model": "tts-1", "prompt": "a"}),
        ),
    ] {
        let refused = at("openai", endpoint, &body, 100_000).unwrap_err();
        assert_eq!(refused.kind(), "price_unknown", "{body}");
    }
}

#[test]
fn counting_is_free() {
    let body = json!({"model": "anything", "messages": []});
    let free = at("anthropic", Endpoint::CountMessageTokens, &body, 1).unwrap();
    assert_eq!(free, Estimate::FREE);
}
