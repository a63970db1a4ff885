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
const LONGEST_WINDOW: u64 = 1_000_000;
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
    /// As many of them as there are most likely.
    pub likely_seconds: u64,
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
        likely_seconds: 0,
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
    if !rates_all(ask, price) {
        return Err(unknown());
    }
    match price.unit() {
        Some(Unit::Characters) => {
            return beyond_tokens(ask.input.characters, 0, price).ok_or_else(unknown);
        }
        Some(Unit::Seconds) => {
            let heard = beyond_tokens(0, ask.input.audio_seconds, price);
            let untold = || match endpoint.hears() {
                true => untold_length(),
                false => unknown(),
            };
            return heard.ok_or_else(untold).map(|held| Estimate {
                likely_seconds: ask.input.likely_seconds,
                ..held
            });
        }
        Some(Unit::Tokens) | None => {}
    }
    let window = window(&ask.input, price);
    // Under one name an organization may have another model, and a reseller somebody's.
    let of_image = of_image(&ask.model).max(of_image(price.model()));
    let of_output = price.max_output_tokens().map_or(u64::MAX, u64::from);
    let input = input_bound(&ask.input, (of_image, of_output), window)?;
    // What OpenAI's models read and write must fit into their window together.
    let is_shared = provider.as_str() == "openai" && ask.answers == 1 && window == Some(input);
    let beside_output = match window.filter(|_| is_shared) {
        Some(window) if window <= u64::from(limits.tokens_per_request) => 0,
        _ => input,
    };
    let (each, cap) = output_bound(endpoint, ask, price, beside_output, limits, usual_cap)?;
    let output = u64::from(each)
        .saturating_mul(ask.answers)
        .saturating_add(ask.extra_output);
    let plain = !endpoint.is_media();
    let cost = worst_case(ask, price, (input, output), plain).ok_or_else(unknown)?;
    let cost = match provider.as_str() {
        "anthropic" => regional(cost),
        _ => cost,
    };
    Ok(Estimate {
        input,
        output,
        cap,
        cost,
        ..Estimate::FREE
    })
}

/// Whether there is a rate for all that is read and written beside text. Sounds that are read have the
/// rate of text with most models; not with those that are named by them.
fn rates_all(ask: &Ask, price: &Price) -> bool {
    let of_sounds = price.model().contains("audio");
    (!ask.writes.images || price.rates_images())
        && (!ask.writes.sounds || price.rates_sounds())
        && (!ask.input.sounds || !of_sounds || price.rates_heard())
}

fn untold_length() -> Refusal {
    let message = "how long this recording is cannot be told, and by that it is charged: send it whole, as wav, mp3, \
                   flac, m4a, or as ogg or webm with opus or vorbis";
    Refusal::of_parameter("file", message)
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

/// The most tokens a model can be made to read.
fn window(input: &Input, price: &Price) -> Option<u64> {
    let published = price.context_window()?;
    if input.longest_window {
        return Some(unrounded(published.max(LONGEST_WINDOW)));
    }
    Some(unrounded(published))
}

/// Windows are powers of two, and some are published as 1,000,000 for 1,048,576: what is less than a
/// twentieth below one is taken for it.
fn unrounded(published: u64) -> u64 {
    match published.checked_next_power_of_two() {
        Some(power) if power - published <= published / 20 => power,
        _ => published,
    }
}

/// What Anthropic charges where its owner's workspace has its work done in the United States alone, which
/// a request need not say: 1.1 times as much
/// (<https://platform.claude.com/docs/en/about-claude/pricing#data-residency-pricing>).
pub(super) fn regional(cost: Nanodollars) -> Nanodollars {
    let more = (cost.nanos() / 10).saturating_add(i64::from(cost.nanos() % 10 > 0));
    Nanodollars::from_nanos(cost.nanos().saturating_add(more))
}

/// The most tokens of an image.
fn of_image(model: &str) -> u64 {
    let (_, model) = model.rsplit_once('/').unwrap_or(("", model));
    if model.contains("-mini") {
        OF_AN_IMAGE_OF_MINI
    } else if model.contains("-nano") || model.starts_with("gpt-5") {
        OF_AN_IMAGE_IN_FULL
    } else {
        OF_AN_IMAGE
    }
}

fn input_bound(
    input: &Input,
    (of_image, of_output): (u64, u64),
    window: Option<u64>,
) -> Result<u64, Refusal> {
    if input.whole_window {
        return window.ok_or_else(|| Refusal::Request {
            message: "the call brings in content that the body does not hold, and the context \
                      window of the model, which would bound it, is not known"
                .to_owned(),
            param: None,
        });
    }
    let bound = input
        .bytes
        .saturating_add(input.images.saturating_mul(of_image))
        .saturating_add(input.earlier_outputs.saturating_mul(of_output))
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
#[path = "estimate_tests.rs"]
mod tests;
