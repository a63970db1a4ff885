//! The head of an answer.

use actix_web::{
    HttpResponse,
    body::BoxBody,
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
};
use bytes::Bytes;
use money::Nanodollars;

use crate::{
    cache,
    call::{
        flow::Flow,
        forward::Sent,
        headers,
        relay::{self, Relay},
        reserve::Holding,
    },
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-okap-request-id");
const OUTPUT_CAP: HeaderName = HeaderName::from_static("x-okap-output-cap");
const SPEND_REMAINING: HeaderName = HeaderName::from_static("x-okap-spend-remaining");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// An answer that is given, so far without its body.
pub(super) struct Head(HttpResponse<()>);

impl Head {
    /// What every answer begins with.
    pub(super) fn begin(status: StatusCode, request_id: &str, cap: Option<u32>) -> Self {
        let mut head = Self(HttpResponse::with_body(status, ()));
        head.put(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        head.say(REQUEST_ID, request_id);
        if let Some(cap) = cap {
            head.put(OUTPUT_CAP, HeaderValue::from(cap));
        }
        head
    }

    /// Of an answer that a provider gave.
    pub(super) fn of(sent: &Sent) -> Self {
        let status = StatusCode::from_u16(sent.response.status().as_u16());
        let status = status.unwrap_or(StatusCode::BAD_GATEWAY);
        let mut head = Self::begin(status, &sent.shape.request_id, sent.cap);
        for (name, value) in headers::to_app(sent.response.headers(), &sent.watch) {
            head.0.headers_mut().append(name, value);
        }
        if let Some(keep) = &sent.keep {
            head.say(HeaderName::from_static(cache::HEADER), keep.name());
        }
        if let Some(holding) = sent.open.holding() {
            head.requests(holding);
        }
        head
    }

    fn put(&mut self, name: HeaderName, value: HeaderValue) {
        self.0.headers_mut().insert(name, value);
    }

    /// Says it in a header, if it can stand in one.
    pub(super) fn say(&mut self, name: HeaderName, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.put(name, value);
        }
    }

    /// The limits on requests (draft-ietf-httpapi-ratelimit-headers).
    pub(super) fn requests(&mut self, holding: &Holding) {
        let (mut policy, mut left) = (String::with_capacity(64), String::with_capacity(64));
        for (name, window, requests) in holding.requests() {
            let (limit, remaining) = (requests.limit, requests.remaining);
            add_item(&mut policy, name, [(";q=", limit), (";w=", window)]);
            let resets = requests.resets_in_seconds;
            add_item(&mut left, name, [(";r=", remaining), (";t=", resets)]);
        }
        if !policy.is_empty() {
            self.say(RATE_LIMIT_POLICY, &policy);
            self.say(RATE_LIMIT, &left);
        }
    }

    pub(super) fn remaining(&mut self, remaining: Option<Nanodollars>) {
        if let Some(remaining) = remaining {
            self.say(SPEND_REMAINING, &remaining.to_string());
        }
    }

    /// What is left while the call still holds its worst case.
    pub(super) fn standing(&mut self, flow: &Flow) {
        self.remaining(
            flow.open()
                .and_then(|open| open.holding())
                .and_then(Holding::remaining),
        );
    }

    /// With a body that is there.
    pub(super) fn whole(self, kind: &'static str, body: Bytes) -> HttpResponse {
        self.with(kind, BoxBody::new(body))
    }

    /// With a body that goes by. Tells gateways, too, that nothing of it is to be kept back.
    pub(super) fn passing(mut self, kind: &'static str, relay: Relay) -> HttpResponse {
        self.put(BUFFERING, HeaderValue::from_static("no"));
        self.with(kind, relay::boxed(relay))
    }

    fn with(mut self, kind: &'static str, body: BoxBody) -> HttpResponse {
        self.put(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        self.0.set_body(body)
    }
}

/// Adds an item with two parameters to a list (RFC 9651 section 3.1). By hand, as each call does it
/// four times.
fn add_item(list: &mut String, name: &str, parameters: [(&str, u32); 2]) {
    if !list.is_empty() {
        list.push_str(", ");
    }
    list.push('"');
    list.push_str(name);
    list.push('"');
    for (name, value) in parameters {
        list.push_str(name);
        list.push_str(itoa::Buffer::new().format(value));
    }
}
