//! The header by which an app asks for an answer that was kept.

use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName};

use crate::error::Refusal;

/// In a request: `max-age=SECONDS`. In the answer to it: `hit`, `miss` or `off`.
pub const HEADER: &str = "x-okap-cache";

static NAME: HeaderName = HeaderName::from_static(HEADER);

const MOST_SECONDS: u32 = 86_400;

/// How old an answer may be that an app takes, and how long one is kept for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxAge(u32);

impl MaxAge {
    /// What the headers of a request ask for; `None` without the header.
    ///
    /// # Errors
    /// When it says anything but `max-age=SECONDS` once, with 1 to 86400 seconds.
    pub fn asked(headers: &HeaderMap) -> Result<Option<Self>, Refusal> {
        let mut sent = headers.get_all(&NAME);
        let Some(first) = sent.next() else {
            return Ok(None);
        };
        let only = sent.next().is_none();
        let age = first.to_str().ok().filter(|_| only).and_then(Self::parse);
        age.map(Some).ok_or_else(|| {
            let message =
                format!("send `{HEADER}: max-age=SECONDS` once, with 1 to {MOST_SECONDS}");
            Refusal::of_parameter(HEADER, message)
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let seconds = text.trim().strip_prefix("max-age=")?;
        // A number alone: `parse` takes a sign, too.
        let is_number = !seconds.is_empty() && seconds.bytes().all(|b| b.is_ascii_digit());
        let seconds = seconds.parse().ok().filter(|_| is_number)?;
        (1..=MOST_SECONDS)
            .contains(&seconds)
            .then_some(Self(seconds))
    }

    /// Whether an answer of this age, in whole seconds, is taken.
    #[must_use]
    pub fn takes(self, age: u64) -> bool {
        age < u64::from(self.0)
    }

    /// As a length of time.
    #[must_use]
    pub fn duration(self) -> Duration {
        Duration::from_secs(u64::from(self.0))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn asked(values: &[&str]) -> Result<Option<MaxAge>, Refusal> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(NAME.clone(), HeaderValue::from_str(value).unwrap());
        }
        MaxAge::asked(&headers)
    }

    #[test]
    fn an_age_is_asked_for_in_one_way() {
        assert_eq!(asked(&[]), Ok(None));
        for (value, seconds) in [
            ("max-age=1", 1),
            (" max-age=300 ", 300),
            ("max-age=86400", 86_400),
        ] {
            assert_eq!(asked(&[value]), Ok(Some(MaxAge(seconds))), "{value}");
        }
        for wrong in [
            "",
            "yes",
            "max-age",
            "max-age=",
            "max-age=0",
            "max-age=86401",
            "max-age=+1",
            "max-age=1.5",
            "max-age=99999999999999999999",
            "max-age = 1",
            "max-age=1, max-age=2",
            "no-store",
        ] {
            assert!(asked(&[wrong]).is_err(), "{wrong}");
        }
        assert!(asked(&["max-age=1", "max-age=1"]).is_err());
    }

    #[test]
    fn an_answer_is_taken_until_it_is_that_old() {
        let age = MaxAge(10);
        assert!(age.takes(0) && age.takes(9) && !age.takes(10));
    }
}
