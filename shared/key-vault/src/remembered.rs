//! Opened keys in memory: for how long, for how many calls, and gone at once when told.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use foldhash::fast::RandomState;
use ids::{ProviderKeyId, TenantId};
use jiff::{SignedDuration, Timestamp};
use moka::future::Cache;
use tokio::sync;

use crate::secret::OpenedKey;

/// How long an opened key is used, at least and at most, before the key service is asked again.
/// Spread by key, so that keys opened together after a restart do not all come back together.
const FRESH_AT_LEAST: SignedDuration = SignedDuration::from_mins(4);
const FRESH_AT_MOST: SignedDuration = SignedDuration::from_mins(5);
/// How much longer it may be used while the key service cannot be asked.
const GRACE: SignedDuration = SignedDuration::from_mins(15);
/// How often it is used before the key service is asked again.
const MOST_USES: u32 = 10_000;
/// A key opened so lately is the newest there is, whatever its provider says of it. So a key that is
/// refused with each call is not opened with each call.
const UNDOUBTED: SignedDuration = SignedDuration::from_secs(10);
const MOST_KEYS: u64 = 10_000;
/// How long a key that nobody asks for is remembered.
const LONGEST: Duration = Duration::from_secs(20 * 60);

/// One provider key as it is asked for: a version, or whichever is newest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub tenant: TenantId,
    pub key: ProviderKeyId,
    pub version: Option<i32>,
    /// Where it is to be sent, if it is bound to that.
    pub origin: Option<Arc<str>>,
}

/// What is known of one provider key, in the versions that were asked for.
#[derive(Default)]
pub struct Remembered {
    opened: Mutex<Vec<Opened>>,
    /// Held by the one who asks the key service; the others wait for what it learns.
    pub turn: sync::Mutex<()>,
}

struct Opened {
    wanted: Wanted,
    key: Arc<OpenedKey>,
    at: Timestamp,
    uses: AtomicU32,
}

impl Opened {
    fn is_bearable(&self, now: Timestamp) -> bool {
        now < self.at + FRESH_AT_MOST + GRACE
    }
}

fn fresh_for(key: ProviderKeyId) -> SignedDuration {
    let spread = (FRESH_AT_MOST - FRESH_AT_LEAST) / 256;
    // The last byte of a UUID version 7 is random.
    FRESH_AT_LEAST + spread * i32::from(key.uuid().as_bytes()[15])
}

impl Remembered {
    /// The opened key, if it is young and little used enough. Counts as a use.
    pub fn fresh(&self, wanted: &Wanted, now: Timestamp) -> Option<Arc<OpenedKey>> {
        let opened = self.opened();
        let found = opened.iter().find(|opened| opened.wanted == *wanted)?;
        let young = now < found.at + fresh_for(wanted.key);
        (young && found.uses.fetch_add(1, Ordering::Relaxed) < MOST_USES)
            .then(|| Arc::clone(&found.key))
    }

    /// The opened key, if it may still be used though the key service cannot be asked.
    pub fn in_grace(&self, wanted: &Wanted, now: Timestamp) -> Option<Arc<OpenedKey>> {
        let mut opened = self.opened();
        opened.retain(|opened| opened.is_bearable(now));
        let found = opened.iter().find(|opened| opened.wanted == *wanted)?;
        Some(Arc::clone(&found.key))
    }

    /// Remembers what the key service opened at `now`, in place of what was known before.
    pub fn keep(&self, wanted: Wanted, key: &Arc<OpenedKey>, now: Timestamp) {
        let mut opened = self.opened();
        opened.retain(|old| old.wanted != wanted && old.is_bearable(now));
        let uses = AtomicU32::new(1);
        opened.push(Opened {
            wanted,
            key: Arc::clone(key),
            at: now,
            uses,
        });
    }

    /// Drops what was not opened just now: its provider refused it, and another may have come in its place.
    pub fn doubt(&self, now: Timestamp) {
        self.opened().retain(|opened| now < opened.at + UNDOUBTED);
    }

    /// Drops every version. Those in use are cleared when their calls end.
    pub fn clear(&self) {
        self.opened().clear();
    }

    fn opened(&self) -> MutexGuard<'_, Vec<Opened>> {
        // Every change is a single step, so a panic leaves nothing half done.
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All provider keys that are known.
pub struct Memory {
    keys: Cache<ProviderKeyId, Arc<Remembered>, RandomState>,
}

impl Memory {
    pub fn new() -> Self {
        Self {
            keys: Cache::builder()
                .max_capacity(MOST_KEYS)
                .time_to_idle(LONGEST)
                .build_with_hasher(RandomState::default()),
        }
    }

    /// What is known of a provider key, to look into and to add to.
    pub async fn of(&self, key: ProviderKeyId) -> Arc<Remembered> {
        self.keys.get_with(key, async { Arc::default() }).await
    }

    /// Forgets one provider key. Whoever opens it at this moment adds to what nobody sees.
    pub async fn forget(&self, key: ProviderKeyId) {
        if let Some(remembered) = self.keys.remove(&key).await {
            remembered.clear();
        }
    }

    /// Has a provider key that its provider refused opened anew.
    pub async fn doubt(&self, key: ProviderKeyId, now: Timestamp) {
        if let Some(remembered) = self.keys.get(&key).await {
            remembered.doubt(now);
        }
    }

    /// Forgets everything.
    pub async fn forget_all(&self) {
        for (_, remembered) in &self.keys {
            remembered.clear();
        }
        self.keys.invalidate_all();
        self.keys.run_pending_tasks().await;
    }

    /// Clears what has grown too old and would otherwise wait for the next call.
    pub async fn tidy(&self) {
        self.keys.run_pending_tasks().await;
    }
}
