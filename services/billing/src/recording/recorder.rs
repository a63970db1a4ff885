//! The task that takes records of calls from the bus.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use event_bus::{Consumer, Delivery, EventBus, Queue};
use futures_util::FutureExt;
use server::Shutdown;
use tokio::time::{Instant, sleep, timeout_at};

use crate::{
    recording::{
        message::{CallMessage, Poison},
        projection::{RecordError, Recorded, Recordings},
        taken::{Taken, answer_all, sort_out},
    },
    usage::Usage,
};

/// Messages of one transaction.
const BATCH: usize = 500;
/// Bytes of one transaction, about: a message may hold many records of a thousand each.
const BATCH_BYTES: usize = 1024 * 1024;
/// How long the first record of a batch waits for others.
const GATHER: Duration = Duration::from_millis(50);
/// Unanswered messages at once: one batch being stored, one being gathered.
const PREFETCH: u16 = 1_000;
/// Pauses while the database is away.
const PAUSE: Duration = Duration::from_millis(500);
/// The broker takes messages back that stay unanswered for half an hour, and counts that against
/// them. Given back earlier, all at once, it counts once.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long a drain waits for a broker that is slow, or a queue that is long.
const DRAIN_WITHIN: Duration = Duration::from_secs(10);
/// Longer than another recorder takes to gather a batch and begin to store it.
const OTHERS: Duration = Duration::from_millis(150);

/// Takes records of calls into the store, each once. Cheap to clone; clones are one recorder.
#[derive(Clone)]
pub struct Recorder {
    bus: EventBus,
    recordings: Arc<Recordings>,
    usage: Usage,
    in_hand: Arc<AtomicUsize>,
}

/// Why a consumer is no longer read.
#[derive(PartialEq, Eq)]
enum Ended {
    /// The process stops.
    Stopped,
    /// The database was away for too long: what was taken goes back.
    GaveUp,
}

impl Recorder {
    /// A recorder from this bus into this record; wakes the books after each batch.
    #[must_use]
    pub fn new(bus: EventBus, recordings: Recordings, usage: Usage) -> Self {
        let recordings = Arc::new(recordings);
        Self {
            bus,
            recordings,
            usage,
            in_hand: Arc::default(),
        }
    }

    /// Records until the shutdown.
    pub async fn run(&self, shutdown: Shutdown) {
        loop {
            let mut consumer = self.bus.consume(Queue::Recorder, PREFETCH);
            let ended = self.record_from(&mut consumer, &shutdown).await;
            self.in_hand.store(0, Ordering::SeqCst);
            drop(consumer);
            if ended == Ended::Stopped || self.wait_for_database(&shutdown).await == Ended::Stopped
            {
                return;
            }
        }
    }

    /// Waits until everything that proxies sent is recorded, as far as that can be told: nothing
    /// waits in the queue, and no recorder gathers a batch. Whether that came to be in time.
    pub async fn drain(&self) -> bool {
        let until = Instant::now() + DRAIN_WITHIN;
        let mut quiet = 0;
        while quiet < 2 {
            match self.bus.waiting(Queue::Recorder).await {
                Ok(0) if self.in_hand.load(Ordering::SeqCst) == 0 => quiet += 1,
                Ok(_) => quiet = 0,
                Err(error) => {
                    tracing::warn!(%error, "records may be waiting that cannot be taken in now");
                    return false;
                }
            }
            if Instant::now() >= until {
                tracing::warn!("records are still waiting to be taken in");
                return false;
            }
            sleep(OTHERS).await;
        }
        true
    }

    async fn record_from(&self, consumer: &mut Consumer, shutdown: &Shutdown) -> Ended {
        loop {
            let first = tokio::select! {
                biased;
                () = shutdown.requested() => return Ended::Stopped,
                first = self.first(consumer) => first,
            };
            let batch = self.gather(consumer, first).await;
            let taken = sort_out(batch).await;
            if let Some(ended) = self.store(taken, shutdown).await {
                return ended;
            }
        }
    }

    /// The next record. Only while there is none is nothing in hand.
    async fn first(&self, consumer: &mut Consumer) -> Delivery {
        if let Some(waiting) = consumer.next().now_or_never() {
            return waiting;
        }
        self.in_hand.store(0, Ordering::SeqCst);
        let first = consumer.next().await;
        self.in_hand.store(1, Ordering::SeqCst);
        first
    }

    async fn gather(&self, consumer: &mut Consumer, first: Delivery) -> Vec<Delivery> {
        let until = Instant::now() + GATHER;
        let mut bytes = first.body.len();
        let mut batch = vec![first];
        while batch.len() < BATCH && bytes < BATCH_BYTES {
            match timeout_at(until, consumer.next()).await {
                Ok(next) => {
                    bytes += next.body.len();
                    batch.push(next);
                }
                Err(_) => break,
            }
        }
        self.in_hand.store(batch.len(), Ordering::SeqCst);
        batch
    }

    /// Stores a batch however often it takes; `None` when that is done.
    async fn store(&self, mut taken: Vec<Taken>, shutdown: &Shutdown) -> Option<Ended> {
        let until = Instant::now() + PATIENCE;
        while !taken.is_empty() {
            let error = match self.store_once(taken).await {
                Ok(()) => return None,
                Err((rest, error)) => {
                    taken = rest;
                    error
                }
            };
            lament(&error, taken.iter().map(|taken| taken.calls.len()).sum());
            if Instant::now() >= until {
                return Some(Ended::GaveUp);
            }
            tokio::select! {
                () = sleep(PAUSE) => {}
                () = shutdown.requested() => return Some(Ended::Stopped),
            }
        }
        None
    }

    /// Tries once; gives back what is not stored for want of a database.
    async fn store_once(&self, taken: Vec<Taken>) -> Result<(), (Vec<Taken>, RecordError)> {
        let calls: Vec<&CallMessage> = taken.iter().flat_map(|taken| &taken.calls).collect();
        match self.recordings.record(&calls).await {
            Ok(recorded) => {
                tell(&calls, recorded);
                self.usage.wake();
                answer_all(taken.into_iter().map(Taken::answer)).await;
                Ok(())
            }
            // One of them holds up the others: each by itself.
            Err(RecordError::Record(_)) => self.store_one_by_one(taken).await,
            Err(error) => Err((taken, error)),
        }
    }

    /// Stores each record in a transaction of its own, so that only those are left out that the
    /// database refuses.
    async fn store_one_by_one(&self, taken: Vec<Taken>) -> Result<(), (Vec<Taken>, RecordError)> {
        let mut rest = taken.into_iter();
        while let Some(mut one) = rest.next() {
            while let Some(call) = one.calls.pop() {
                match self.recordings.record(&[&call]).await {
                    Ok(recorded) => tell(&[&call], recorded),
                    Err(RecordError::Record(error)) => {
                        lament(&RecordError::Record(error), 1);
                        one.poison = Some(Poison::Refused);
                    }
                    Err(error) => {
                        one.calls.push(call);
                        return Err((std::iter::once(one).chain(rest).collect(), error));
                    }
                }
            }
            self.usage.wake();
            answer_all(std::iter::once(one.answer())).await;
        }
        Ok(())
    }

    async fn wait_for_database(&self, shutdown: &Shutdown) -> Ended {
        while !self.recordings.is_reachable().await {
            tokio::select! {
                () = sleep(PAUSE) => {}
                () = shutdown.requested() => return Ended::Stopped,
            }
        }
        Ended::GaveUp
    }
}

fn lament(error: &RecordError, records: usize) {
    let error: &dyn std::error::Error = error;
    tracing::error!(error, records, "records of calls cannot be stored");
}

fn tell(calls: &[&CallMessage], recorded: Recorded) {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    metrics::counter!("latchkey_calls_recorded_total").increment(count(recorded.new));
    metrics::counter!("latchkey_calls_known_total").increment(count(recorded.known));
    metrics::counter!("latchkey_calls_disagreeing_total").increment(count(recorded.disagreeing));
    for call in calls
        .iter()
        .filter(|call| call.record.exceeded_its_reservation())
    {
        metrics::counter!("latchkey_calls_over_reservation_total").increment(1);
        tracing::warn!(call.id = %call.record.call, "a call cost more than was held for it");
    }
}
