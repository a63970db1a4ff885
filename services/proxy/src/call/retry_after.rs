//! How long a provider asks an app to wait. Apps sleep as long as they are told, so what makes no
//! sense does not pass. A number of seconds is a day at most; a date passes as it is.

use std::str::FromStr;

use actix_web::http::header::{HeaderValue, HttpDate};

/// The longest wait that an app is told, in seconds.
const A_DAY: u64 = 24 * 60 * 60;

/// A `Retry-After` (RFC 9110 section 10.2.3): whole seconds, a day at most, or a date.
pub(super) fn seconds_or_date(sent: &[u8]) -> Option<HeaderValue> {
    whole_number(sent, A_DAY).or_else(|| date(sent))
}

/// A `retry-after-ms`, as OpenAI's SDKs read it: whole milliseconds, a day at most.
pub(super) fn milliseconds(sent: &[u8]) -> Option<HeaderValue> {
    whole_number(sent, A_DAY * 1000)
}

fn whole_number(sent: &[u8], most: u64) -> Option<HeaderValue> {
    let is_whole = !sent.is_empty() && sent.iter().all(u8::is_ascii_digit);
    let digits = std::str::from_utf8(sent).ok().filter(|_| is_whole)?;
    // Digits that do not fit are a number all the same, a large one.
    Some(
        digits
            .parse()
            .map_or(most, |number: u64| number.min(most))
            .into(),
    )
}

fn date(sent: &[u8]) -> Option<HeaderValue> {
    let text = std::str::from_utf8(sent).ok()?;
    HttpDate::from_str(text).ok()?;
    HeaderValue::from_bytes(sent).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(sent: &str) -> Option<String> {
        let value = seconds_or_date(sent.as_bytes())?;
        Some(value.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_wait_is_told_in_whole_seconds_and_is_a_day_at_most() {
        for (sent, expected) in [
            ("0", "0"),
            ("7", "7"),
            ("86400", "86400"),
            ("86401", "86400"),
            ("99999999999999999999999999", "86400"),
        ] {
            assert_eq!(told(sent).as_deref(), Some(expected), "{sent}");
        }
        assert_eq!(milliseconds(b"1500").unwrap(), "1500");
        assert_eq!(milliseconds(b"86400001").unwrap(), "86400000");
    }

    #[test]
    fn a_date_passes_as_it_was_sent() {
        for date in [
            "Wed, 21 Oct 2026 07:28:00 GMT",
            "Wednesday, 21-Oct-26 07:28:00 GMT",
            "Wed Oct 21 07:28:00 2026",
        ] {
            assert_eq!(told(date).as_deref(), Some(date));
        }
    }

    #[test]
    fn what_is_no_wait_does_not_pass() {
        for sent in [
            "",
            "-1",
            "+1",
            "1.5",
            "1e3",
            "inf",
            "NaN",
            "soon",
            "7 ",
            "0x10",
            "1,2",
            "Wed, 41 Oct 2026 07:28:00 GMT",
        ] {
            assert_eq!(told(sent), None, "{sent}");
            assert_eq!(milliseconds(sent.as_bytes()), None, "{sent}");
        }
        assert_eq!(milliseconds(b"Wed, 21 Oct 2026 07:28:00 GMT"), None);
    }
}
