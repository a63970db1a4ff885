//! The truthful log: what was served, and what would have been billed for it.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::Sender,
    },
};

use clock::Clock;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{entry::Entry, provider::Provider, tokens::Tokens};

/// The last calls in memory, the sums of all, and the calls under way.
#[derive(Debug)]
pub struct Ledger {
    clock: Clock,
    capacity: usize,
    file: Option<Sender<String>>,
    in_flight: AtomicU64,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    /// Calls that ended since the start; the number of the last one.
    ended: u64,
    last: VecDeque<Entry>,
    sums: BTreeMap<Provider, HashMap<String, Sums>>,
}

/// The sums of one model.
#[derive(Debug, Default, Clone, Copy)]
struct Sums {
    calls: u64,
    billed_calls: u64,
    tokens: Tokens,
}

impl Ledger {
    /// A ledger that keeps the last `capacity` calls, and all of them in `file` if there is one.
    pub fn new(clock: Clock, capacity: usize, file: Option<Sender<String>>) -> Self {
        let (in_flight, book) = (AtomicU64::new(0), Mutex::default());
        Self {
            clock,
            capacity: capacity.max(1),
            file,
            in_flight,
            book,
        }
    }

    /// The present instant.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The entries after number `after`, oldest first, with the number to go on from.
    pub fn page(&self, after: u64, limit: usize, header_values: bool) -> Value {
        let book = self.lock();
        let forgotten = book.ended - book.last.len() as u64;
        let skip = usize::try_from(after.saturating_sub(forgotten)).unwrap_or(usize::MAX);
        let items: Vec<Value> = (forgotten + 1..)
            .zip(&book.last)
            .skip(skip)
            .take(limit)
            .map(|(n, entry)| entry.to_json(n, header_values))
            .collect();
        let next = items
            .last()
            .and_then(|item| item["n"].as_u64())
            .unwrap_or(after);
        json!({
            "items": items,
            "next": next,
            "forgotten": forgotten,
            "in_flight": self.in_flight.load(Ordering::Acquire),
        })
    }

    /// The sums by provider and model, and over all.
    pub fn totals(&self) -> Value {
        let book = self.lock();
        let mut all = Sums::default();
        let mut items = Vec::new();
        for (provider, models) in &book.sums {
            let sorted: BTreeMap<&String, &Sums> = models.iter().collect();
            for (model, sums) in sorted {
                all.calls += sums.calls;
                all.billed_calls += sums.billed_calls;
                all.tokens.add(sums.tokens);
                let mut item = json!({ "provider": provider, "model": model });
                sums.write_to(&mut item);
                items.push(item);
            }
        }
        let mut totals = json!({ "in_flight": self.in_flight.load(Ordering::Acquire) });
        all.write_to(&mut totals);
        totals["items"] = items.into();
        totals
    }

    /// Forgets entries and sums; numbers go on.
    pub fn clear(&self) {
        let mut book = self.lock();
        book.last.clear();
        book.sums.clear();
    }

    fn record(&self, entry: Entry) {
        let mut book = self.lock();
        book.ended += 1;
        if let Some(file) = &self.file {
            // The receiver is gone only when the file could not be written any more.
            let _ = file.send(entry.to_json(book.ended, false).to_string());
        }
        book.sum_up(&entry);
        if book.last.len() >= self.capacity {
            book.last.pop_front();
        }
        book.last.push_back(entry);
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn sum_up(&mut self, entry: &Entry) {
        let models = self.sums.entry(entry.provider).or_default();
        if let Some(sums) = models.get_mut(&entry.model) {
            sums.take(entry);
        } else {
            let mut sums = Sums::default();
            sums.take(entry);
            models.insert(entry.model.clone(), sums);
        }
    }
}

impl Sums {
    fn take(&mut self, entry: &Entry) {
        self.calls += 1;
        self.billed_calls += u64::from(entry.billed);
        self.tokens.add(entry.tokens);
    }

    fn write_to(&self, item: &mut Value) {
        item["calls"] = self.calls.into();
        item["billed_calls"] = self.billed_calls.into();
        item["input_tokens"] = self.tokens.input.into();
        item["output_tokens"] = self.tokens.output.into();
        item["cached_tokens"] = self.tokens.cached.into();
        item["cache_write_tokens"] = self.tokens.cache_write.into();
        item["reasoning_tokens"] = self.tokens.reasoning.into();
        item["characters"] = self.tokens.characters.into();
        item["audio_seconds"] = self.tokens.audio_seconds.into();
    }
}

/// A call under way. It is logged exactly once: when it ends, or when its caller drops it.
#[derive(Debug)]
pub struct OpenCall {
    ledger: Arc<Ledger>,
    entry: Option<Entry>,
}

impl OpenCall {
    /// Opens the entry of a call.
    pub fn begin(ledger: &Arc<Ledger>, entry: Entry) -> Self {
        ledger.in_flight.fetch_add(1, Ordering::AcqRel);
        Self {
            ledger: Arc::clone(ledger),
            entry: Some(entry),
        }
    }

    /// Notes something about the call.
    pub fn note(&mut self, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = &mut self.entry {
            change(entry);
        }
    }

    /// Ends the call; it went out whole, or it was the simulator that did not send the rest.
    pub fn end(mut self, completed: bool) {
        self.note(|entry| entry.completed = completed);
        self.log();
    }

    fn log(&mut self) {
        if let Some(entry) = self.entry.take() {
            self.ledger.record(entry);
            self.ledger.in_flight.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        self.note(|entry| entry.client_gone = true);
        self.log();
    }
}
