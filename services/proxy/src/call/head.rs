//! The head of an answer.

use std::fmt::Write;

use actix_web::{
    HttpResponse, HttpResponseBuilder,
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
const SPEND_REMAINING: HeaderName = HeaderName::from_static("x-okap-spend-remaining");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// An answer that is given, so far without its body.
pub(super) struct Head(HttpResponseBuilder);

impl Head {
    /// What every answer begins with.
    pub(super) fn begin(status: StatusCode, request_id: &str, cap: Option<u32>) -> Self {
        let mut builder = HttpResponse::build(status);
        builder
            .insert_header((header::CACHE_CONTROL, HeaderValue::from_static("no-store")))
            .insert_header((REQUEST_ID, request_id));
        if let Some(cap) = cap {
            builder.insert_header(("x-okap-output-cap", cap.to_string()));
        }
        Self(builder)
    }

    /// Of an answer that a provider gave.
    pub(super) fn of(sent: &Sent) -> Self {
        let status = StatusCode::from_u16(sent.response.status().as_u16());
        let status = status.unwrap_or(StatusCode::BAD_GATEWAY);
        let mut head = Self::begin(status, &sent.shape.request_id, sent.cap);
        for header in headers::to_app(sent.response.headers(), &sent.watch) {
            head.0.append_header(header);
        }
        if let Some(keep) = &sent.keep {
            head.say(cache::HEADER, keep.name());
        }
        if let Some(holding) = sent.open.holding() {
            head.requests(holding);
        }
        head
    }

    pub(super) fn say(&mut self, name: &'static str, value: &str) {
        self.0.insert_header((name, value));
    }

    /// The limits on requests (draft-ietf-httpapi-ratelimit-headers).
    pub(super) fn requests(&mut self, holding: &Holding) {
        let (mut policy, mut left) = (String::with_capacity(64), String::with_capacity(64));
        for (name, window, requests) in holding.requests() {
            let comma = if policy.is_empty() { "" } else { ", " };
            // Writing to a text cannot fail.
            let _ = write!(policy, "{comma}\"{name}\";q={};w={window}", requests.limit);
            let _ = write!(
                left,
                "{comma}\"{name}\";r={};t={}",
                requests.remaining, requests.resets_in_seconds
            );
        }
        if !policy.is_empty() {
            self.0
                .insert_header((RATE_LIMIT_POLICY, policy))
                .insert_header((RATE_LIMIT, left));
        }
    }

    pub(super) fn remaining(&mut self, remaining: Option<Nanodollars>) {
        if let Some(remaining) = remaining {
            self.0
                .insert_header((SPEND_REMAINING, remaining.to_string()));
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
    pub(super) fn whole(mut self, kind: &'static str, body: Bytes) -> HttpResponse {
        self.0.content_type(kind).body(body)
    }

    /// With a body that goes by. Tells gateways, too, that nothing of it is to be kept back.
    pub(super) fn passing(mut self, kind: &'static str, relay: Relay) -> HttpResponse {
        self.0
            .insert_header(("x-accel-buffering", "no"))
            .content_type(kind)
            .body(relay::boxed(relay))
    }
}
