//! Parsing `authorization_details` of type `ai_model_access` (RFC 9396 sections 2 and 5).
//!
//! Strict by construction: unknown members, duplicate members, wrong types and values outside the
//! rules are refused by name and place. Numbers are read as text, so no amount passes a float.

mod limits;

use std::collections::BTreeSet;

use events::{Capability, Models, Provider, RequestedDetail, TYPE};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::Deserialize;
use serde_json::value::RawValue;

pub(crate) use self::limits::limits;

/// The most objects in one request.
const MOST_DETAILS: usize = 8;
/// The most entries in one list.
const MOST_ENTRIES: usize = 64;
/// The most characters of an app's own words.
const LONGEST_REASON: usize = 500;

/// Why authorization details are refused, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct InvalidDetails {
    /// Where, such as `authorization_details[0].limits.monthly_spend`.
    pub place: String,
    /// What is wrong with it.
    pub reason: String,
}

impl InvalidDetails {
    pub(crate) fn new(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            reason: reason.into(),
        }
    }
}

/// One object on the wire, members still to be checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireDetail<'a> {
    #[serde(rename = "type")]
    kind: String,
    provider: String,
    #[serde(borrow)]
    models: Option<&'a RawValue>,
    #[serde(borrow)]
    capabilities: Option<&'a RawValue>,
    #[serde(borrow)]
    limits: Option<&'a RawValue>,
    expires: Option<String>,
    reason: Option<String>,
}

/// Members of one request for one provider, as the flat form and the array form share them.
pub struct Members<'a> {
    /// The provider's name.
    pub provider: &'a str,
    /// The list of models, raw.
    pub models: Option<&'a RawValue>,
    /// The list of capabilities, raw.
    pub capabilities: Option<&'a RawValue>,
    /// The limits object, raw.
    pub limits: Option<&'a RawValue>,
    /// The expiry, as text.
    pub expires: Option<&'a str>,
    /// The app's own words.
    pub reason: Option<&'a str>,
}

/// Parses the JSON array of `authorization_details`.
///
/// # Errors
/// Names the member that breaks a rule.
pub fn parse(json: &str, now: Timestamp) -> Result<Vec<RequestedDetail>, InvalidDetails> {
    let place = "authorization_details";
    let raw: Vec<&RawValue> = serde_json::from_str(json)
        .map_err(|_| InvalidDetails::new(place, "a JSON array of objects is needed"))?;
    if raw.is_empty() {
        return Err(InvalidDetails::new(place, "at least one object is needed"));
    }
    if raw.len() > MOST_DETAILS {
        return Err(InvalidDetails::new(
            place,
            format!("at most {MOST_DETAILS} objects"),
        ));
    }
    let mut details = Vec::with_capacity(raw.len());
    let mut providers = BTreeSet::new();
    for (index, raw) in raw.into_iter().enumerate() {
        let place = format!("{place}[{index}]");
        let detail = parse_object(raw.get(), &place, now)?;
        if !providers.insert(detail.provider.clone()) {
            return Err(InvalidDetails::new(
                format!("{place}.provider"),
                format!(
                    "{} is asked for twice; one object per provider",
                    detail.provider
                ),
            ));
        }
        details.push(detail);
    }
    Ok(details)
}

fn parse_object(
    json: &str,
    place: &str,
    now: Timestamp,
) -> Result<RequestedDetail, InvalidDetails> {
    let wire: WireDetail<'_> = object(json, place)?;
    if wire.kind != TYPE {
        return Err(InvalidDetails::new(
            format!("{place}.type"),
            format!("only {TYPE} is understood"),
        ));
    }
    let members = Members {
        provider: &wire.provider,
        models: wire.models,
        capabilities: wire.capabilities,
        limits: wire.limits,
        expires: wire.expires.as_deref(),
        reason: wire.reason.as_deref(),
    };
    check(&members, place, now)
}

/// Reads a JSON object. Serde alone would take a list of the members' values for it, too.
///
/// # Errors
/// Names the place, and the member if one is unknown, missing, twice or of another type.
pub fn object<'a, T: Deserialize<'a>>(json: &'a str, place: &str) -> Result<T, InvalidDetails> {
    if !json.trim_start().starts_with('{') {
        return Err(InvalidDetails::new(place, "a JSON object is needed"));
    }
    serde_json::from_str(json).map_err(|e| InvalidDetails::new(place, serde_reason(&e)))
}

/// Checks the members of one object against every rule of the contract.
///
/// # Errors
/// Names the member that breaks a rule.
pub fn check(
    members: &Members<'_>,
    place: &str,
    now: Timestamp,
) -> Result<RequestedDetail, InvalidDetails> {
    Ok(RequestedDetail {
        provider: provider(members.provider, place)?,
        models: models(members.models, place)?,
        capabilities: capabilities(members.capabilities, place)?,
        limits: limits(members.limits, place)?,
        expires: members
            .expires
            .map(|text| expiry(text, place, now))
            .transpose()?,
        reason: members.reason.map(|text| reason(text, place)).transpose()?,
    })
}

fn provider(text: &str, place: &str) -> Result<Provider, InvalidDetails> {
    let unknown = || unknown_provider(format!("{place}.provider"));
    let provider: Provider = text.parse().map_err(|_| unknown())?;
    // Whether the organization asked has one of this name is known when it is known who is asked.
    if provider.is_built_in() || provider.is_free() {
        Ok(provider)
    } else {
        Err(unknown())
    }
}

/// Nobody of that name is known where it was asked. Who asks is not told whom an organization added.
pub(crate) fn unknown_provider(place: impl Into<String>) -> InvalidDetails {
    let known = Provider::BUILT_IN.join(", ");
    InvalidDetails::new(place, format!("unknown provider; known are {known}"))
}

fn models(raw: Option<&RawValue>, place: &str) -> Result<Models, InvalidDetails> {
    let Some(raw) = present(raw) else {
        return Ok(Models::default());
    };
    let place = format!("{place}.models");
    let mut patterns = Vec::new();
    for text in strings(raw, &place)? {
        let pattern = text
            .parse()
            .map_err(|e: events::ModelPatternError| InvalidDetails::new(&place, e.to_string()))?;
        patterns.push(pattern);
    }
    Ok(Models::new(patterns))
}

fn capabilities(
    raw: Option<&RawValue>,
    place: &str,
) -> Result<BTreeSet<Capability>, InvalidDetails> {
    let Some(raw) = present(raw) else {
        return Ok(BTreeSet::from([Capability::Chat]));
    };
    let place = format!("{place}.capabilities");
    let mut capabilities = BTreeSet::new();
    for text in strings(raw, &place)? {
        let capability = text.parse().map_err(|()| {
            InvalidDetails::new(
                &place,
                format!(
                    "known are {}",
                    Capability::ALL.map(Capability::name).join(", ")
                ),
            )
        })?;
        capabilities.insert(capability);
    }
    if capabilities.is_empty() {
        capabilities.insert(Capability::Chat);
    }
    Ok(capabilities)
}

fn strings(raw: &RawValue, place: &str) -> Result<Vec<String>, InvalidDetails> {
    let list: Vec<String> = serde_json::from_str(raw.get())
        .map_err(|_| InvalidDetails::new(place, "a list of strings is needed"))?;
    if list.len() > MOST_ENTRIES {
        return Err(InvalidDetails::new(
            place,
            format!("at most {MOST_ENTRIES} entries"),
        ));
    }
    Ok(list)
}

/// An RFC 3339 instant, or a date, which means the end of that day in UTC.
fn expiry(text: &str, place: &str, now: Timestamp) -> Result<Timestamp, InvalidDetails> {
    let refused = |reason: &str| InvalidDetails::new(format!("{place}.expires"), reason);
    let at = if let Ok(date) = text.parse::<Date>()
        && text.len() == 10
    {
        date.tomorrow()
            .and_then(|day| day.to_zoned(TimeZone::UTC))
            .map(|start| start.timestamp())
            .map_err(|_| refused("is out of range"))?
    } else {
        let instant = is_rfc3339(text)
            .then(|| text.parse::<Timestamp>().ok())
            .flatten();
        instant.ok_or_else(|| refused("an RFC 3339 instant or a date is needed"))?
    };
    if at <= now {
        return Err(refused("lies in the past"));
    }
    Ok(at)
}

/// Whether a text has the form of RFC 3339 section 5.6; the parser takes more of ISO 8601.
fn is_rfc3339(text: &str) -> bool {
    let bytes = text.as_bytes();
    let at =
        |index: usize, allowed: &[u8]| bytes.get(index).is_some_and(|byte| allowed.contains(byte));
    let zone = text
        .get(19..)
        .unwrap_or_default()
        .trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let offset =
        zone.len() == 6 && zone.starts_with(['+', '-']) && zone.as_bytes().get(3) == Some(&b':');
    at(4, b"-")
        && at(7, b"-")
        && at(10, b"Tt ")
        && at(13, b":")
        && at(16, b":")
        && (offset || matches!(zone, "Z" | "z"))
}

fn reason(text: &str, place: &str) -> Result<String, InvalidDetails> {
    if text.chars().count() > LONGEST_REASON {
        return Err(InvalidDetails::new(
            format!("{place}.reason"),
            format!("at most {LONGEST_REASON} characters"),
        ));
    }
    Ok(plain_text(text))
}

/// An app's own words without control characters and without marks that reorder text, so that a
/// page shows what was meant (S5: no bidi, no zero width).
#[must_use]
pub fn plain_text(text: &str) -> String {
    text.chars()
        .filter(|c| {
            !c.is_control()
                && !matches!(*c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
        })
        .collect::<String>()
        .trim()
        .to_owned()
}

/// JSON `null` is the same as absent.
fn present(raw: Option<&RawValue>) -> Option<&RawValue> {
    raw.filter(|raw| raw.get() != "null")
}

/// What serde says, without the position inside a value that the caller did not write as one, and
/// without most of a member's name that somebody made very long.
fn serde_reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ")
        .next()
        .unwrap_or(&text)
        .chars()
        .take(300)
        .collect()
}

#[cfg(test)]
mod tests;
