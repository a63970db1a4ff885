//! The answers that are kept.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use ids::{GrantId, TenantId};
use jiff::Timestamp;
use moka::{Expiry, sync::Cache};

use crate::cache::{CacheKey, MaxAge};

/// What an entry takes beside what stands in it.
const OF_AN_ENTRY: usize = 512;

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub struct CacheBounds {
    /// The most bytes in all; none, and nothing is kept.
    pub all: u64,
    /// The most bytes of one answer.
    pub one: usize,
}

/// One answer, as it was given.
#[derive(Debug)]
pub struct KeptAnswer {
    /// Whose organization's it is.
    pub tenant: TenantId,
    /// The grant that it is kept for, and those above that.
    pub grants: Box<[GrantId]>,
    /// Its media type.
    pub content_type: &'static str,
    /// What the provider called the call that it answered.
    pub provider_request_id: Option<String>,
    /// The cap on its output that was put into that call.
    pub output_cap: Option<u32>,
    /// All of it.
    pub body: Bytes,
    /// When it was whole.
    pub kept_at: Timestamp,
    /// How long it is kept.
    pub max_age: MaxAge,
}

impl KeptAnswer {
    /// How old it is, in whole seconds.
    #[must_use]
    pub fn age(&self, now: Timestamp) -> u64 {
        u64::try_from(now.duration_since(self.kept_at).as_secs()).unwrap_or(0)
    }

    fn weight(&self) -> usize {
        let id = self.provider_request_id.as_ref().map_or(0, String::len);
        OF_AN_ENTRY + size_of_val(&*self.grants) + id + self.body.len()
    }
}

/// The answers that this process keeps. Clones keep the same ones.
#[derive(Clone)]
pub struct ResponseCache {
    answers: Cache<CacheKey, Arc<KeptAnswer>>,
    ended: Arc<Mutex<Ended>>,
    bounds: CacheBounds,
}

/// Whose answers are to go.
#[derive(Default)]
struct Ended {
    tenants: HashSet<TenantId>,
    grants: HashSet<GrantId>,
}

impl Ended {
    fn is_empty(&self) -> bool {
        self.tenants.is_empty() && self.grants.is_empty()
    }

    fn names(&self, answer: &KeptAnswer) -> bool {
        self.tenants.contains(&answer.tenant)
            || answer
                .grants
                .iter()
                .any(|grant| self.grants.contains(grant))
    }
}

/// Each answer goes when its own time is over, though nobody asks for it.
struct ItsOwnTime;

impl Expiry<CacheKey, Arc<KeptAnswer>> for ItsOwnTime {
    fn expire_after_create(
        &self,
        _: &CacheKey,
        kept: &Arc<KeptAnswer>,
        _: Instant,
    ) -> Option<Duration> {
        Some(kept.max_age.duration())
    }

    fn expire_after_update(
        &self,
        _: &CacheKey,
        kept: &Arc<KeptAnswer>,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(kept.max_age.duration())
    }
}

impl ResponseCache {
    /// Nothing yet; never more than this.
    #[must_use]
    pub fn new(bounds: CacheBounds) -> Self {
        let weight =
            |_: &CacheKey, kept: &Arc<KeptAnswer>| u32::try_from(kept.weight()).unwrap_or(u32::MAX);
        Self {
            answers: Cache::builder()
                .max_capacity(bounds.all)
                .weigher(weight)
                .expire_after(ItsOwnTime)
                .build(),
            ended: Arc::default(),
            bounds,
        }
    }

    /// Whether anything is kept at all.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.bounds.all > 0
    }

    /// The most bytes of one answer.
    #[must_use]
    pub const fn longest(&self) -> usize {
        self.bounds.one
    }

    /// The answer to the very same call, if it is kept and the app takes one so old.
    #[must_use]
    pub fn find(&self, key: &CacheKey, asked: MaxAge, now: Timestamp) -> Option<Arc<KeptAnswer>> {
        let kept = self.answers.get(key)?;
        let age = kept.age(now);
        (asked.takes(age) && kept.max_age.takes(age)).then_some(kept)
    }

    /// Keeps an answer, in the place of one to the same call. An answer that is too long is not kept;
    /// nor is one for which there is no room, beside others that are asked for more often.
    pub fn keep(&self, key: CacheKey, answer: KeptAnswer) {
        if answer.body.len() > self.bounds.one {
            return;
        }
        self.answers.insert(key, Arc::new(answer));
        // Else the bound would hold only after a while.
        self.answers.run_pending_tasks();
    }

    /// A grant has ended: nobody will ask for its answers, nor for those of the grants below it. They go
    /// with the next [`ResponseCache::tidy`].
    pub fn forget_grant(&self, grant: GrantId) {
        if self.is_on() {
            self.ended().grants.insert(grant);
        }
    }

    /// An organization may have turned it off: its answers go in the same way.
    pub fn forget_tenant(&self, tenant: TenantId) {
        if self.is_on() {
            self.ended().tenants.insert(tenant);
        }
    }

    /// Everything goes.
    pub fn forget_all(&self) {
        self.answers.invalidate_all();
        self.answers.run_pending_tasks();
    }

    /// Clears what is over, or belongs to what has ended: in one pass, however much has.
    pub fn tidy(&self) {
        let ended = std::mem::take(&mut *self.ended());
        if !ended.is_empty() {
            for (key, kept) in &self.answers {
                if ended.names(&kept) {
                    self.answers.invalidate(&*key);
                }
            }
        }
        self.answers.run_pending_tasks();
    }

    fn ended(&self) -> MutexGuard<'_, Ended> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "response_cache_tests.rs"]
mod tests;
