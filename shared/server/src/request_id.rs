//! The id that one request has from the edge to the events it causes.

use std::{
    convert::Infallible,
    fmt,
    future::{Ready, ready},
};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::Payload,
    http::header::{HeaderMap, HeaderName, HeaderValue},
};
use uuid::Uuid;

/// The header a request may bring its id in, and every answer carries.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of one request: in its log lines, in its answer, and as `correlation_id` in its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(Uuid);

impl RequestId {
    /// The one the caller sent, if it is a UUID in its usual spelling; else a new one.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut sent = headers.get_all(REQUEST_ID);
        let (first, second) = (sent.next(), sent.next());
        let usual = first.filter(|_| second.is_none()).and_then(parse_usual);
        Self(usual.unwrap_or_else(Uuid::new_v4))
    }

    /// The id for work that no request caused.
    #[must_use]
    pub fn fresh() -> Self {
        Self(Uuid::new_v4())
    }

    /// As a column or an event holds it.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.0
    }

    pub(crate) fn header(self) -> HeaderValue {
        // A hyphenated UUID is always a valid header value.
        HeaderValue::from_str(&self.to_string()).unwrap_or(HeaderValue::from_static("-"))
    }
}

fn parse_usual(value: &HeaderValue) -> Option<Uuid> {
    let text = value.to_str().ok().filter(|text| text.len() == 36)?;
    Uuid::try_parse(text).ok()
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromRequest for RequestId {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(request
            .extensions()
            .get::<Self>()
            .copied()
            .unwrap_or_else(Self::fresh)))
    }
}
