//! The most a call can cost, known before it is sent.

use events::{GrantedLimits, Provider};
use money::Nanodollars;
use price_book::{Ceiling, Price, TokenUsage, UNBOUNDED, Unit};

use crate::{
    ask::{Ask, Input},
    error::Refusal,
    provider::Endpoint,
};

/// Tokens that any provider may add to a prompt by itself.
const ADDED_TO_ANY: u64 = 64;
/// The most tokens of one image, well above what providers publish for their usual models.
const OF_AN_IMAGE: u64 = 6_000;
/// The most tokens of one image for models that count them many times over.
const OF_AN_IMAGE_OF_MINI: u64 = 50_000;
/// And for models that read an image at its full size.
const OF_AN_IMAGE_IN_FULL: u64 = 25_000;
/// Anthropic's longest context window, which an app may ask for where the usual one is shorter.
const LONGEST_WINDOW_OF_ANTHROPIC: u64 = 1_000_000;
/// A cap below this is no use to anybody; some providers refuse it.
const SMALLEST_CAP: u32 = 16;

/// The most that a call can use and cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// Input tokens.
    pub input: u64,
    /// Output tokens of all answers together.
    pub output: u64,
    /// Characters to be spoken, where they are charged.
    pub characters: u64,
    /// Seconds of audio, where they are charged.
    pub audio_seconds: u64,
    /// The output cap to put into the body, where the app named none.
    pub cap: Option<u32>,
    /// What that costs.
    pub cost: Nanodollars,
}

impl Estimate {
    /// Of a call that is free.
    pub const FREE: Self = Self {
        input: 0,
        output: 0,
        characters: 0,
        audio_seconds: 0,
        cap: None,
        cost: Nanodollars::ZERO,
    };

    /// As usage.
    #[must_use]
    pub fn usage(&self) -> TokenUsage {
        TokenUsage {
            input: self.input,
            output: self.output,
            characters: self.characters,
            audio_seconds: self.audio_seconds,
            ..TokenUsage::default()
        }
    }
}

/// Computes the most a call can use and cost.
///
/// # Errors
/// When it has no bound, no known price, or does not fit into `tokens_per_request`.
pub fn estimate(
    provider: &Provider,
    endpoint: Endpoint,
    ask: &Ask,
    price: Option<&Price>,
    limits: &GrantedLimits,
    usual_cap: u32,
) -> Result<Estimate, Refusal> {
    if !endpoint.is_charged() {
        return Ok(Estimate::FREE);
    }
    let unknown = || Refusal::PriceUnknown {
        provider: provider.clone(),
        model: ask.model.clone(),
    };
    let price = price.ok_or_else(unknown)?;
    match price.unit() {
        Some(Unit::Characters) => {
            return beyond_tokens(ask.input.characters, 0, price).ok_or_else(unknown);
        }
        Some(Unit::Seconds) => {
            return beyond_tokens(0, ask.input.audio_seconds, price).ok_or_else(unknown);
        }
        Some(Unit::Tokens) | None => {}
    }
    let window = window(provider, price);
    let input = input_bound(&ask.input, &ask.model, window)?;
    let (each, cap) = output_bound(endpoint, ask, price, input, limits, usual_cap)?;
    let output = u64::from(each)
        .saturating_mul(ask.answers)
        .saturating_add(ask.extra_output);
    let plain = !endpoint.is_media();
    let cost = worst_case(ask, price, (input, output), plain).ok_or_else(unknown)?;
    Ok(Estimate {
        input,
        output,
        cap,
        cost,
        ..Estimate::FREE
    })
}

/// Of a model that counts characters or seconds; `None` for a call that holds none of them.
fn beyond_tokens(characters: u64, audio_seconds: u64, price: &Price) -> Option<Estimate> {
    let ceiling = Ceiling {
        characters,
        audio_seconds,
        ..Ceiling::default()
    };
    (characters > 0 || audio_seconds > 0).then(|| Estimate {
        characters,
        audio_seconds,
        cost: price.worst_case_of(&ceiling),
        ..Estimate::FREE
    })
}

/// The most tokens a model can be made to read. What is published is rounded (1,000,000 for
/// 1,047,576), so the next power of two bounds it.
fn window(provider: &Provider, price: &Price) -> Option<u64> {
    let published = price.context_window()?;
    let longest = if provider.as_str() == "anthropic" {
        published.max(LONGEST_WINDOW_OF_ANTHROPIC)
    } else {
        published
    };
    longest.checked_next_power_of_two()
}

fn input_bound(input: &Input, model: &str, window: Option<u64>) -> Result<u64, Refusal> {
    if input.whole_window {
        return window.ok_or_else(|| Refusal::Request {
            message: "the call brings in content that the body does not hold, and the context \
                      window of the model, which would bound it, is not known"
                .to_owned(),
            param: None,
        });
    }
    let of_image = if model.contains("-mini") {
        OF_AN_IMAGE_OF_MINI
    } else if model.contains("-nano") || model.starts_with("gpt-5") {
        OF_AN_IMAGE_IN_FULL
    } else {
        OF_AN_IMAGE
    };
    let bound = input
        .bytes
        .saturating_add(input.images.saturating_mul(of_image))
        .saturating_add(input.added)
        .saturating_add(ADDED_TO_ANY);
    Ok(window.map_or(bound, |window| bound.min(window)))
}

/// The cap of each answer, and whether it has to be put in.
fn output_bound(
    endpoint: Endpoint,
    ask: &Ask,
    price: &Price,
    input: u64,
    limits: &GrantedLimits,
    usual_cap: u32,
) -> Result<(u32, Option<u32>), Refusal> {
    let limit = u64::from(limits.tokens_per_request);
    let left = limit.saturating_sub(input.saturating_add(ask.extra_output));
    let left_each = u32::try_from(left / ask.answers.max(1)).unwrap_or(u32::MAX);
    let too_much = |output: u64| {
        let message = format!(
            "tokens_per_request is {limit}, and this call may use {input} input and {output} \
             output tokens (input is counted at its upper bound, a token for each byte)"
        );
        Refusal::of_parameter("tokens_per_request", message)
    };
    if !endpoint.generates() {
        return if input > limit {
            Err(too_much(0))
        } else {
            Ok((0, None))
        };
    }
    if let Some(own) = ask.output_cap {
        let output = u64::from(own).saturating_mul(ask.answers);
        return if own > left_each {
            Err(too_much(output))
        } else {
            Ok((own, None))
        };
    }
    let cap = usual_cap
        .min(price.max_output_tokens().unwrap_or(u32::MAX))
        .min(left_each);
    if cap < SMALLEST_CAP.min(usual_cap) {
        return Err(too_much(u64::from(SMALLEST_CAP)));
    }
    Ok((cap, Some(cap)))
}

/// The dearest way this can come out, `plain` unless sounds or images are what it is about; `None`
/// where the price does not bound it.
fn worst_case(
    ask: &Ask,
    price: &Price,
    (input, output): (u64, u64),
    plain: bool,
) -> Option<Nanodollars> {
    if price.worst_case(input, output) == UNBOUNDED {
        return None;
    }
    // Some models write images or sound without being asked to.
    let text_only = plain
        && ask.input.images == 0
        && !ask.input.whole_window
        && ask.needs.is_empty()
        && !price.writes_media();
    let ceiling = Ceiling {
        input,
        output,
        text_only,
        ..Ceiling::default()
    };
    match ask.service_tier.as_deref() {
        None => Some(price.worst_case_of(&ceiling)),
        Some("auto") => Some(price.worst_case_in_any_service_tier(&ceiling)),
        Some(tier) => Some(price.in_service_tier(tier)?.worst_case_of(&ceiling)),
    }
}

#[cfg(test)]
mod tests {
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

    fn at(
        provider: &str,
        endpoint: Endpoint,
        body: &Value,
        most: u32,
    ) -> Result<Estimate, Refusal> {
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
        // Of 200,000, unless the app asks for the longer one.
        assert!(of("anthropic", Endpoint::Messages, "claude-sonnet-4-5") > 1_000_000);
    }

    #[test]
    fn a_model_that_writes_images_is_held_at_the_price_of_images() {
        let providers = Providers::built_in(&[]).unwrap();
        let google = providers.find("google").unwrap();
        let body =
            json!({"contents": [], "generationConfig": {"maxOutputTokens": 1_000}}).to_string();
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
}
