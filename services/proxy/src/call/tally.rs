//! Ended calls counted by provider and outcome.

use std::{cell::RefCell, time::Duration};

use events::{CallOutcome, CallRecord, Provider};
use foldhash::HashMap;
use metrics::{Counter, Histogram};

thread_local! {
    /// The metrics of each provider and outcome: to look them up by their labels costs more than
    /// to count.
    static KNOWN: RefCell<HashMap<(Provider, &'static str), Tally>> = RefCell::default();
}

struct Tally {
    calls: Counter,
    seconds: Histogram,
}

/// Counts one ended call.
pub(crate) fn count(record: &CallRecord, took: Duration) {
    let kind = (record.provider.clone(), name(record.outcome));
    KNOWN.with_borrow_mut(|known| {
        let tally = known.entry(kind).or_insert_with_key(Tally::of);
        tally.calls.increment(1);
        tally.seconds.record(took.as_secs_f64());
    });
}

impl Tally {
    fn of((provider, outcome): &(Provider, &'static str)) -> Self {
        let provider = provider.to_string();
        Self {
            calls: metrics::counter!("latchkey_calls_total", "provider" => provider.clone(), "outcome" => *outcome),
            seconds: metrics::histogram!("latchkey_call_seconds", "provider" => provider),
        }
    }
}

const fn name(outcome: CallOutcome) -> &'static str {
    match outcome {
        CallOutcome::Completed => "completed",
        CallOutcome::ClientGone => "client_gone",
        CallOutcome::CutByRevocation => "cut_by_revocation",
        CallOutcome::ProviderError => "provider_error",
        CallOutcome::ProviderUnreachable => "provider_unreachable",
        CallOutcome::ProxyLost => "proxy_lost",
    }
}
