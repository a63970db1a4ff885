//! The five limits on the wire. Numbers are read as text, so no amount passes a float.

use events::RequestedLimits;
use money::{LARGEST_LIMIT, Nanodollars};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{InvalidDetails, object, present};

/// The limits on the wire. Values stay text until they are checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireLimits<'a> {
    #[serde(borrow)]
    monthly_spend: Option<&'a RawValue>,
    #[serde(borrow)]
    daily_spend: Option<&'a RawValue>,
    #[serde(borrow)]
    requests_per_minute: Option<&'a RawValue>,
    #[serde(borrow)]
    requests_per_day: Option<&'a RawValue>,
    #[serde(borrow)]
    tokens_per_request: Option<&'a RawValue>,
}

/// Reads the limits object; a limit that is left out is nobody's wish.
///
/// # Errors
/// Names the limit that breaks a rule.
pub fn limits(raw: Option<&RawValue>, place: &str) -> Result<RequestedLimits, InvalidDetails> {
    let Some(raw) = present(raw) else {
        return Ok(RequestedLimits::default());
    };
    let place = format!("{place}.limits");
    let wire: WireLimits<'_> = object(raw.get(), &place)?;
    Ok(RequestedLimits {
        monthly_spend: money(wire.monthly_spend, &place, "monthly_spend")?,
        daily_spend: money(wire.daily_spend, &place, "daily_spend")?,
        requests_per_minute: count(
            wire.requests_per_minute,
            &place,
            "requests_per_minute",
            1_000_000,
        )?,
        requests_per_day: count(
            wire.requests_per_day,
            &place,
            "requests_per_day",
            100_000_000,
        )?,
        tokens_per_request: count(
            wire.tokens_per_request,
            &place,
            "tokens_per_request",
            100_000_000,
        )?,
    })
}

fn money(
    raw: Option<&RawValue>,
    place: &str,
    name: &str,
) -> Result<Option<Nanodollars>, InvalidDetails> {
    let Some(raw) = present(raw) else {
        return Ok(None);
    };
    let place = format!("{place}.{name}");
    let refused = |reason: String| InvalidDetails::new(&place, reason);
    if !raw
        .get()
        .starts_with(|c: char| c.is_ascii_digit() || c == '-')
    {
        return Err(refused("a number of USD is needed".to_owned()));
    }
    let amount = Nanodollars::from_json_number(raw.get()).map_err(|e| refused(e.to_string()))?;
    if amount <= Nanodollars::ZERO {
        return Err(refused("must be above 0".to_owned()));
    }
    if amount > LARGEST_LIMIT {
        return Err(refused(format!("must be at most {LARGEST_LIMIT}")));
    }
    Ok(Some(amount))
}

fn count(
    raw: Option<&RawValue>,
    place: &str,
    name: &str,
    most: u32,
) -> Result<Option<u32>, InvalidDetails> {
    let Some(raw) = present(raw) else {
        return Ok(None);
    };
    let refused = || {
        InvalidDetails::new(
            format!("{place}.{name}"),
            format!("a whole number from 1 to {most} is needed"),
        )
    };
    let value: u32 = raw.get().parse().map_err(|_| refused())?;
    if (1..=most).contains(&value) {
        Ok(Some(value))
    } else {
        Err(refused())
    }
}
