//! The calls that run now: counted for each grant, and cut when it is revoked.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use futures_util::task::AtomicWaker;
use ids::{GrantId, TokenDigest};

/// Every call that runs in this process. Clones share it.
#[derive(Clone)]
pub struct LiveCalls(Arc<Shared>);

struct Shared {
    grants: Mutex<HashMap<GrantId, Vec<Arc<Switch>>>>,
    most_of_grant: usize,
    most: usize,
    running: AtomicUsize,
}

/// What cuts one call.
struct Switch {
    digest: TokenDigest,
    cut: AtomicBool,
    waker: AtomicWaker,
}

/// One call that runs, until this is dropped.
pub struct LiveCall {
    shared: Arc<Shared>,
    grant: GrantId,
    switch: Arc<Switch>,
}

/// Why no further call may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crowded {
    /// The grant has this many, the most it may have.
    Grant(usize),
    /// This process has as many as it can.
    Process,
}

impl LiveCalls {
    /// None yet; at most this many of one grant, and this many in all.
    #[must_use]
    pub fn new(most_of_grant: usize, most: usize) -> Self {
        Self(Arc::new(Shared {
            grants: Mutex::default(),
            most_of_grant,
            most,
            running: AtomicUsize::new(0),
        }))
    }

    /// Counts one more call of a grant.
    ///
    /// # Errors
    /// When there are too many already.
    pub fn begin(&self, grant: GrantId, digest: TokenDigest) -> Result<LiveCall, Crowded> {
        let mut grants = self.0.grants();
        if self.0.running.load(Ordering::Relaxed) >= self.0.most {
            return Err(Crowded::Process);
        }
        let of_grant = grants.entry(grant).or_default();
        if of_grant.len() >= self.0.most_of_grant {
            return Err(Crowded::Grant(self.0.most_of_grant));
        }
        let switch = Arc::new(Switch {
            digest,
            cut: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        });
        of_grant.push(Arc::clone(&switch));
        self.0.running.fetch_add(1, Ordering::Relaxed);
        Ok(LiveCall {
            shared: Arc::clone(&self.0),
            grant,
            switch,
        })
    }

    /// Cuts every call of a grant; tells how many there were.
    pub fn cut(&self, grant: GrantId) -> usize {
        let switches = self.0.grants().get(&grant).cloned().unwrap_or_default();
        for switch in &switches {
            switch.cut.store(true, Ordering::Release);
            switch.waker.wake();
        }
        switches.len()
    }

    /// The grants that have calls running, each with the token of one of them.
    #[must_use]
    pub fn grants(&self) -> Vec<(GrantId, TokenDigest)> {
        let grants = self.0.grants();
        let tokens = grants
            .iter()
            .filter_map(|(grant, calls)| Some((*grant, calls.first()?.digest)));
        tokens.collect()
    }

    /// How many calls run.
    #[must_use]
    pub fn running(&self) -> usize {
        self.0.running.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn grants(&self) -> MutexGuard<'_, HashMap<GrantId, Vec<Arc<Switch>>>> {
        self.grants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LiveCall {
    /// Ready as soon as the call is cut; else the task is woken when it is.
    pub fn poll_cut(&self, cx: &Context<'_>) -> Poll<()> {
        if self.is_cut() {
            return Poll::Ready(());
        }
        self.switch.waker.register(cx.waker());
        // It may have been cut in between.
        if self.is_cut() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Whether the call is cut.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.switch.cut.load(Ordering::Acquire)
    }
}

impl Drop for LiveCall {
    fn drop(&mut self) {
        let mut grants = self.shared.grants();
        let Some(calls) = grants.get_mut(&self.grant) else {
            return;
        };
        if let Some(at) = calls
            .iter()
            .position(|call| Arc::ptr_eq(call, &self.switch))
        {
            calls.swap_remove(at);
            self.shared.running.fetch_sub(1, Ordering::Relaxed);
        }
        if calls.is_empty() {
            grants.remove(&self.grant);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use jiff::Timestamp;

    use super::*;

    fn grant() -> GrantId {
        GrantId::new(Timestamp::UNIX_EPOCH)
    }

    fn digest() -> TokenDigest {
        TokenDigest::of("token")
    }

    #[test]
    fn a_grant_has_a_bounded_number_of_calls_at_one_time() {
        let live = LiveCalls::new(2, 3);
        let (one, other) = (grant(), grant());
        let first = live.begin(one, digest()).unwrap();
        let _second = live.begin(one, digest()).unwrap();
        assert_eq!(live.begin(one, digest()).err(), Some(Crowded::Grant(2)));
        drop(first);
        let _third = live.begin(one, digest()).unwrap();
        let _fourth = live.begin(other, digest()).unwrap();
        assert_eq!(live.begin(other, digest()).err(), Some(Crowded::Process));
        assert_eq!(live.running(), 3);
    }

    #[test]
    fn nothing_is_left_of_calls_that_ended() {
        let live = LiveCalls::new(2, 3);
        drop(live.begin(grant(), digest()).unwrap());
        assert_eq!((live.running(), live.grants().len()), (0, 0));
    }

    #[tokio::test]
    async fn a_revoked_grants_calls_are_cut_and_others_are_not() {
        let live = LiveCalls::new(2, 3);
        let (revoked, other) = (grant(), grant());
        let call = live.begin(revoked, digest()).unwrap();
        let spared = live.begin(other, digest()).unwrap();
        let waits = tokio::spawn(async move { poll_fn(|cx| call.poll_cut(cx)).await });
        tokio::task::yield_now().await;
        assert_eq!(live.cut(revoked), 1);
        tokio::time::timeout(std::time::Duration::from_secs(5), waits)
            .await
            .unwrap()
            .unwrap();
        assert!(!spared.is_cut());
    }
}
