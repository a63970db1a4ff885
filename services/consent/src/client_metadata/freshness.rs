//! How long what was fetched is believed (RFC 9111 section 4.2), within bounds of our own.

use std::time::Duration;

use http::{HeaderMap, HeaderName, header};
use jiff::{Timestamp, fmt::rfc2822};

/// Nobody is asked more often, whatever they say.
const SHORTEST: Duration = Duration::from_secs(5 * 60);
/// Nobody is believed longer, whatever they say.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// How long an answer with these headers is fresh: 5 minutes to 24 hours.
pub fn fresh_for(headers: &HeaderMap) -> Duration {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let told = match cache_control(headers) {
        Some(seconds) => Some(seconds),
        None => expires(text(header::EXPIRES), text(header::DATE)),
    };
    let age = text(header::AGE).and_then(|age| age.trim().parse().ok());
    let left = told.unwrap_or(0).saturating_sub(age.unwrap_or(0));
    Duration::from_secs(left).clamp(SHORTEST, LONGEST)
}

/// What `Cache-Control` says, in seconds; nothing where it does not say.
fn cache_control(headers: &HeaderMap) -> Option<u64> {
    let mut told = None;
    for value in headers.get_all(header::CACHE_CONTROL) {
        for directive in value.to_str().ok()?.split(',') {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "no-store" | "no-cache" => return Some(0),
                "max-age" => told = Some(value.trim().trim_matches('"').parse().unwrap_or(0)),
                _ => {}
            }
        }
    }
    told
}

fn expires(expires: Option<&str>, date: Option<&str>) -> Option<u64> {
    let instant = |text: &str| rfc2822::parse(text).ok().map(|at| at.timestamp());
    // An `Expires` that cannot be read is in the past (RFC 9111 section 5.3).
    let ends = instant(expires?).unwrap_or(Timestamp::MIN).as_second();
    let from = date.and_then(instant)?.as_second();
    Some(u64::try_from(ends.saturating_sub(from)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(headers: &[(&str, &str)]) -> u64 {
        let headers = headers.iter().map(|(name, value)| {
            let name: HeaderName = name.parse().unwrap();
            (name, value.parse().unwrap())
        });
        fresh_for(&headers.collect()).as_secs()
    }

    #[test]
    fn what_the_headers_say_counts_between_five_minutes_and_a_day() {
        let date = ("date", "Sun, 22 Nov 2026 12:00:00 GMT");
        for (headers, expected) in [
            (&[][..], 300),
            (&[("cache-control", "max-age=3600")], 3_600),
            (&[("cache-control", "public, MAX-AGE=\"3600\"")], 3_600),
            (&[("cache-control", "max-age=3600"), ("age", "600")], 3_000),
            (&[("cache-control", "max-age=1")], 300),
            (&[("cache-control", "max-age=999999999999999999999")], 300),
            (&[("cache-control", "max-age=31536000")], 86_400),
            (&[("cache-control", "max-age=3600, no-store")], 300),
            (&[("cache-control", "no-cache")], 300),
            (&[date, ("expires", "Sun, 22 Nov 2026 14:00:00 GMT")], 7_200),
            (&[date, ("expires", "0")], 300),
            (&[("expires", "Sun, 22 Nov 2026 14:00:00 GMT")], 300),
            (
                &[
                    date,
                    ("expires", "Sun, 22 Nov 2026 14:00:00 GMT"),
                    ("cache-control", "max-age=600"),
                ],
                600,
            ),
        ] {
            assert_eq!(seconds(headers), expected, "{headers:?}");
        }
    }
}
