//! The calls that run now: counted for each grant that a person gave, together with those made from
//! it, and cut when theirs is revoked.

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
    /// By the grant that a person gave.
    families: Mutex<HashMap<GrantId, Vec<Arc<Switch>>>>,
    most_of_grant: usize,
    most: usize,
    running: AtomicUsize,
}

/// What cuts one call.
struct Switch {
    grant: GrantId,
    digest: TokenDigest,
    cut: AtomicBool,
    waker: AtomicWaker,
}

/// One call that runs, until this is dropped.
pub struct LiveCall {
    shared: Arc<Shared>,
    top: GrantId,
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
            families: Mutex::default(),
            most_of_grant,
            most,
            running: AtomicUsize::new(0),
        }))
    }

    /// Counts one more call of a grant; `top` is the one that a person gave, most often itself.
    ///
    /// # Errors
    /// When there are too many already.
    pub fn begin(
        &self,
        grant: GrantId,
        top: GrantId,
        digest: TokenDigest,
    ) -> Result<LiveCall, Crowded> {
        let mut families = self.0.families();
        if self.0.running.load(Ordering::Relaxed) >= self.0.most {
            return Err(Crowded::Process);
        }
        let of_family = families.entry(top).or_default();
        if of_family.len() >= self.0.most_of_grant {
            return Err(Crowded::Grant(self.0.most_of_grant));
        }
        let switch = Arc::new(Switch {
            grant,
            digest,
            cut: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        });
        of_family.push(Arc::clone(&switch));
        self.0.running.fetch_add(1, Ordering::Relaxed);
        Ok(LiveCall {
            shared: Arc::clone(&self.0),
            top,
            switch,
        })
    }

    /// Cuts every call of a grant; tells how many there were. With the one that a person gave go the
    /// calls of all that were made from it; one of these is told by its own end.
    pub fn cut(&self, grant: GrantId) -> usize {
        let switches = self.0.switches(grant);
        for switch in &switches {
            switch.cut.store(true, Ordering::Release);
            switch.waker.wake();
        }
        switches.len()
    }

    /// The grants that have calls running, each with the token of one of them.
    #[must_use]
    pub fn grants(&self) -> Vec<(GrantId, TokenDigest)> {
        let families = self.0.families();
        let calls = families.values().flatten();
        let tokens: HashMap<_, _> = calls.map(|call| (call.grant, call.digest)).collect();
        tokens.into_iter().collect()
    }

    /// How many calls run.
    #[must_use]
    pub fn running(&self) -> usize {
        self.0.running.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn families(&self) -> MutexGuard<'_, HashMap<GrantId, Vec<Arc<Switch>>>> {
        self.families.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn switches(&self, grant: GrantId) -> Vec<Arc<Switch>> {
        let families = self.families();
        if let Some(family) = families.get(&grant) {
            return family.clone();
        }
        let calls = families.values().flatten();
        calls.filter(|call| call.grant == grant).cloned().collect()
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
        let mut families = self.shared.families();
        let Some(calls) = families.get_mut(&self.top) else {
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
            families.remove(&self.top);
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

    fn begin(live: &LiveCalls, grant: GrantId) -> Result<LiveCall, Crowded> {
        live.begin(grant, grant, digest())
    }

    #[tokio::test]
    async fn children_count_with_their_parent_and_are_cut_with_it_or_alone() {
        let live = LiveCalls::new(3, 9);
        let (parent, child, other) = (grant(), grant(), grant());
        let own = begin(&live, parent).unwrap();
        let of_child = live.begin(child, parent, digest()).unwrap();
        let of_other = live.begin(other, parent, digest()).unwrap();
        let crowded = live.begin(other, parent, digest()).err();
        assert_eq!(crowded, Some(Crowded::Grant(3)));
        assert_eq!(live.grants().len(), 3);
        assert_eq!(live.cut(child), 1);
        assert_eq!(
            [&own, &of_child, &of_other].map(LiveCall::is_cut),
            [false, true, false]
        );
        assert_eq!(live.cut(parent), 3);
        assert!(own.is_cut() && of_other.is_cut());
        drop((own, of_child, of_other));
        assert_eq!((live.running(), live.grants().len()), (0, 0));
    }

    #[test]
    fn a_grant_has_a_bounded_number_of_calls_at_one_time() {
        let live = LiveCalls::new(2, 3);
        let (one, other) = (grant(), grant());
        let first = begin(&live, one).unwrap();
        let _second = begin(&live, one).unwrap();
        assert_eq!(begin(&live, one).err(), Some(Crowded::Grant(2)));
        drop(first);
        let _third = begin(&live, one).unwrap();
        let _fourth = begin(&live, other).unwrap();
        assert_eq!(begin(&live, other).err(), Some(Crowded::Process));
        assert_eq!(live.running(), 3);
    }

    #[test]
    fn nothing_is_left_of_calls_that_ended() {
        let live = LiveCalls::new(2, 3);
        drop(begin(&live, grant()).unwrap());
        assert_eq!((live.running(), live.grants().len()), (0, 0));
    }

    #[tokio::test]
    async fn a_revoked_grants_calls_are_cut_and_others_are_not() {
        let live = LiveCalls::new(2, 3);
        let (revoked, other) = (grant(), grant());
        let call = begin(&live, revoked).unwrap();
        let spared = begin(&live, other).unwrap();
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
