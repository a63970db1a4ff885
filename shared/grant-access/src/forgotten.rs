//! What must have been read after which moment to be served.

use std::{
    hash::Hash,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use foldhash::fast::RandomState;
use moka::sync;

/// Kept longer than any row that could have been read before.
const FORGOTTEN_FOR: Duration = Duration::from_secs(60);

/// Which rows must have been read after which moment. Moments are counted, not timed, so that a
/// row whose reading was under way when it was forgotten is known to be too old.
pub(crate) struct Forgotten<K> {
    moment: AtomicU64,
    all: AtomicU64,
    // Without an upper bound: an evicted mark would bring what ended back.
    marks: sync::Cache<K, u64, RandomState>,
}

impl<K: Hash + Eq + Send + Sync + 'static> Forgotten<K> {
    pub(crate) fn nothing() -> Self {
        Self {
            moment: AtomicU64::new(0),
            all: AtomicU64::new(0),
            marks: sync::Cache::builder()
                .time_to_live(FORGOTTEN_FOR)
                .build_with_hasher(RandomState::default()),
        }
    }

    /// When a reading begins, in the order of what is forgotten.
    pub(crate) fn now(&self) -> u64 {
        self.moment.load(Ordering::SeqCst)
    }

    fn next(&self) -> u64 {
        self.moment.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(crate) fn forget(&self, key: K) {
        let since = self.next();
        // The later of two that run at once counts, whichever is written last.
        self.marks
            .entry(key)
            .and_upsert_with(|known| known.map_or(since, |known| known.into_value().max(since)));
    }

    pub(crate) fn forget_all(&self) {
        self.all.fetch_max(self.next(), Ordering::SeqCst);
    }

    /// Whether what was read from `began` on may be served, of which these are parts.
    pub(crate) fn allows<'a>(&self, began: u64, parts: impl IntoIterator<Item = &'a K>) -> bool {
        // Mostly nothing at all was forgotten since: no mark is later than the moment.
        if began >= self.now() {
            return true;
        }
        let since = parts
            .into_iter()
            .map(|key| self.marks.get(key).unwrap_or(0))
            .fold(self.all.load(Ordering::SeqCst), u64::max);
        began >= since
    }
}
