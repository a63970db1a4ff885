//! What an answer of a provider says of the key it was asked with.

use http::StatusCode;

/// What a provider says of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It takes it.
    Works,
    /// It refuses it.
    Refused,
}

impl Verdict {
    /// What an answer to a check says; `None` where it says nothing of the key.
    pub(super) fn of(of_google: bool, status: StatusCode, body: &[u8]) -> Option<Self> {
        if status.is_success() {
            Some(Self::Works)
        } else {
            refuses_key(of_google, status, Some(body)).then_some(Self::Refused)
        }
    }
}

/// Whether a refusal means that the key is bad. Google says so with 400.
pub(crate) fn refuses_key(of_google: bool, status: StatusCode, body: Option<&[u8]>) -> bool {
    let says =
        |text: &str| body.is_some_and(|body| memchr::memmem::find(body, text.as_bytes()).is_some());
    match status {
        StatusCode::UNAUTHORIZED => true,
        StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN if of_google => {
            says("API_KEY_INVALID") || says("API key not valid") || says("API key expired")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_key_is_known_as_each_provider_says_it() {
        let google = br#"{"error":{"code":400,"details":[{"reason":"API_KEY_INVALID"}]}}"#;
        let other = br#"{"error":{"code":400,"message":"no such field"}}"#;
        for (of_google, status, body, expected) in [
            (false, StatusCode::UNAUTHORIZED, &other[..], true),
            (false, StatusCode::UNAUTHORIZED, other, true),
            (true, StatusCode::BAD_REQUEST, google, true),
            (true, StatusCode::BAD_REQUEST, other, false),
            (false, StatusCode::BAD_REQUEST, google, false),
            (false, StatusCode::FORBIDDEN, other, false),
            (false, StatusCode::TOO_MANY_REQUESTS, other, false),
        ] {
            assert_eq!(
                refuses_key(of_google, status, Some(body)),
                expected,
                "{of_google} {status}"
            );
        }
    }

    #[test]
    fn an_answer_that_says_nothing_of_the_key_is_no_verdict() {
        for (status, expected) in [
            (StatusCode::OK, Some(Verdict::Works)),
            (StatusCode::UNAUTHORIZED, Some(Verdict::Refused)),
            // A key that may do less than list models is still one that works elsewhere.
            (StatusCode::FORBIDDEN, None),
            (StatusCode::NOT_FOUND, None),
            (StatusCode::FOUND, None),
            (StatusCode::TOO_MANY_REQUESTS, None),
            (StatusCode::INTERNAL_SERVER_ERROR, None),
        ] {
            assert_eq!(Verdict::of(false, status, b"{}"), expected, "{status}");
        }
    }
}
