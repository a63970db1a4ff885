//! What every call needs, made once for the process.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use clock::Clock;
use event_bus::EventBus;
use grant_access::{BudgetReader, GrantAccessReader};
use key_vault::Opener;
use price_book::PriceBook;
use spend_limits::SpendLimits;

use crate::{
    cache::ResponseCache,
    call::{live::LiveCalls, one::Latencies, stalled::StalledApps},
    provider::Providers,
    spool::Spool,
    wire::Wire,
};

/// Bounds on one call.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The output cap that is put in where an app names none.
    pub output_cap: u32,
    /// The most bytes of a body.
    pub body: usize,
    /// The most bytes of a body where the grant has `vision`, and of a form, which brings a file.
    pub body_with_vision: usize,
    /// How long an app may take to send a body.
    pub body_within: Duration,
    /// How long a provider may take to begin its answer.
    pub first_byte: Duration,
    /// How long a provider may be silent in the midst of it.
    pub idle: Duration,
    /// How long a call may take.
    pub total: Duration,
    /// How long an answer is read to its end when the app has gone.
    pub drain: Duration,
}

/// What every call needs.
pub struct Gate {
    /// Where calls may go.
    pub providers: Providers,
    /// What tokens may do.
    pub access: GrantAccessReader,
    /// What organizations let be spent above their grants.
    pub budgets: BudgetReader,
    /// The limits, and what is used of them.
    pub limits: SpendLimits,
    /// The provider keys.
    pub keys: Opener,
    /// What calls cost.
    pub prices: &'static PriceBook,
    /// The connections to providers.
    pub wire: Wire,
    /// Answers that are given again.
    pub cache: ResponseCache,
    /// What became of calls.
    pub spool: Spool,
    /// Where refused keys are told.
    pub bus: EventBus,
    /// The calls that run.
    pub live: LiveCalls,
    /// The present.
    pub clock: Clock,
    /// Bounds on each call.
    pub bounds: Bounds,
    /// Answers that are read though the app has gone.
    pub drains: Drains,
    /// How soon models answer.
    pub latencies: Latencies,
    /// Apps that do not read their answers.
    pub apps: StalledApps,
}

/// Counts the answers that are read to their end without an app.
#[derive(Debug, Clone)]
pub struct Drains {
    running: Arc<AtomicUsize>,
    most: usize,
}

/// One such answer, until this is dropped.
#[derive(Debug)]
pub struct Drain(Arc<AtomicUsize>);

impl Drains {
    /// None yet; at most this many.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            running: Arc::default(),
            most,
        }
    }

    /// One more; `None` when there are too many.
    #[must_use]
    pub fn begin(&self) -> Option<Drain> {
        let begun = self
            .running
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |running| {
                (running < self.most).then_some(running + 1)
            });
        begun.ok().map(|_| Drain(Arc::clone(&self.running)))
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
