//! Requests counted by route, method and status.

use std::{borrow::Cow, cell::RefCell};

use actix_web::http::StatusCode;
use foldhash::HashMap;
use metrics::{Counter, Histogram};

use crate::telemetry;

/// What is counted together.
type Kind = (Cow<'static, str>, &'static str, u16);

thread_local! {
    /// The metrics of each kind: to look them up by their labels costs more than to count.
    static KNOWN: RefCell<HashMap<Kind, Tally>> = RefCell::default();
}

#[derive(Clone)]
struct Tally {
    requests: Counter,
    seconds: Histogram,
}

/// Counts one answered request.
pub(crate) fn count(
    route: Cow<'static, str>,
    method: &'static str,
    status: StatusCode,
    seconds: f64,
) {
    let kind = (route, method, status.as_u16());
    // Metrics made before there is a recorder count nothing for ever.
    if telemetry::recorder().is_none() {
        return;
    }
    KNOWN.with_borrow_mut(|known| {
        let tally = known.entry(kind).or_insert_with_key(Tally::of);
        tally.requests.increment(1);
        tally.seconds.record(seconds);
    });
}

impl Tally {
    fn of((route, method, status): &Kind) -> Self {
        let labels = [
            ("route", route.to_string()),
            ("method", (*method).to_owned()),
            ("status", status.to_string()),
        ];
        Self {
            requests: metrics::counter!("latchkey_http_requests_total", &labels),
            seconds: metrics::histogram!("latchkey_http_request_seconds", "route" => route.to_string()),
        }
    }
}
