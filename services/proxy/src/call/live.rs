//! The calls that run now: counted for each grant that a person gave, together with those made from
//! it, and for each organization; and cut when their grant is revoked.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use foldhash::HashMap;
use futures_util::task::AtomicWaker;
use ids::{GrantId, TenantId, TokenDigest};

/// Every call that runs in this process. Clones share it.
#[derive(Clone)]
pub struct LiveCalls(Arc<Shared>);

struct Shared {
    running: Mutex<Running>,
    most: MostCalls,
    count: AtomicUsize,
}

#[derive(Default)]
struct Running {
    /// By the grant that a person gave.
    families: HashMap<GrantId, Vec<Arc<Switch>>>,
    tenants: HashMap<TenantId, usize>,
}

/// The most calls at one time.
#[derive(Debug, Clone, Copy)]
pub struct MostCalls {
    /// Of a grant that a person gave, with those made from it.
    pub of_grant: usize,
    /// Of all grants of one organization.
    pub of_tenant: usize,
    /// Of all.
    pub in_all: usize,
}

/// Whose a call is.
#[derive(Debug, Clone, Copy)]
pub struct Whose {
    /// The organization.
    pub tenant: TenantId,
    /// The grant that a person gave, most often the call's own.
    pub top: GrantId,
    /// The call's own.
    pub grant: GrantId,
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
    tenant: TenantId,
    top: GrantId,
    switch: Arc<Switch>,
}

/// Why no further call may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crowded {
    /// The grant has this many, the most it may have.
    Grant(usize),
    /// The organization has.
    Tenant(usize),
    /// This process has as many as it can.
    Process,
}

impl LiveCalls {
    /// None yet.
    #[must_use]
    pub fn new(most: MostCalls) -> Self {
        Self(Arc::new(Shared {
            running: Mutex::default(),
            most,
            count: AtomicUsize::new(0),
        }))
    }

    /// Counts one more call.
    ///
    /// # Errors
    /// When there are too many already.
    pub fn begin(&self, whose: Whose, digest: TokenDigest) -> Result<LiveCall, Crowded> {
        let Whose { tenant, top, grant } = whose;
        let (mut running, most) = (self.0.running(), self.0.most);
        let Running { families, tenants } = &mut *running;
        if self.0.count.load(Ordering::Relaxed) >= most.in_all {
            return Err(Crowded::Process);
        }
        if families.get(&top).map_or(0, Vec::len) >= most.of_grant {
            return Err(Crowded::Grant(most.of_grant));
        }
        let of_tenant = tenants.entry(tenant).or_default();
        if *of_tenant >= most.of_tenant {
            return Err(Crowded::Tenant(most.of_tenant));
        }
        *of_tenant += 1;
        let switch = Arc::new(Switch {
            grant,
            digest,
            cut: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        });
        families.entry(top).or_default().push(Arc::clone(&switch));
        self.0.count.fetch_add(1, Ordering::Relaxed);
        Ok(LiveCall {
            shared: Arc::clone(&self.0),
            tenant,
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
        let running = self.0.running();
        let calls = running.families.values().flatten();
        let tokens: HashMap<_, _> = calls.map(|call| (call.grant, call.digest)).collect();
        tokens.into_iter().collect()
    }

    /// How many calls run.
    #[must_use]
    pub fn running(&self) -> usize {
        self.0.count.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn switches(&self, grant: GrantId) -> Vec<Arc<Switch>> {
        let running = self.running();
        let families = &running.families;
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
        let mut running = self.shared.running();
        let Running { families, tenants } = &mut *running;
        let Some(calls) = families.get_mut(&self.top) else {
            return;
        };
        if let Some(at) = calls
            .iter()
            .position(|call| Arc::ptr_eq(call, &self.switch))
        {
            calls.swap_remove(at);
            self.shared.count.fetch_sub(1, Ordering::Relaxed);
        }
        if calls.is_empty() {
            families.remove(&self.top);
        }
        if let Some(of_tenant) = tenants.get_mut(&self.tenant) {
            *of_tenant -= 1;
            if *of_tenant == 0 {
                tenants.remove(&self.tenant);
            }
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

    fn at_most(of_grant: usize, in_all: usize) -> LiveCalls {
        let of_tenant = in_all;
        LiveCalls::new(MostCalls {
            of_grant,
            of_tenant,
            in_all,
        })
    }

    fn whose(grant: GrantId, top: GrantId) -> Whose {
        let tenant = TenantId::new(Timestamp::UNIX_EPOCH);
        Whose { tenant, top, grant }
    }

    fn begin(live: &LiveCalls, grant: GrantId) -> Result<LiveCall, Crowded> {
        live.begin(whose(grant, grant), digest())
    }

    #[tokio::test]
    async fn children_count_with_their_parent_and_are_cut_with_it_or_alone() {
        let live = at_most(3, 9);
        let (parent, child, other) = (grant(), grant(), grant());
        let own = begin(&live, parent).unwrap();
        let of_child = live.begin(whose(child, parent), digest()).unwrap();
        let of_other = live.begin(whose(other, parent), digest()).unwrap();
        let crowded = live.begin(whose(other, parent), digest()).err();
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
        let live = at_most(2, 3);
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
    fn an_organization_has_a_bounded_number_of_calls_and_leaves_room_for_others() {
        let live = LiveCalls::new(MostCalls {
            of_grant: 2,
            of_tenant: 3,
            in_all: 9,
        });
        let crowding = TenantId::new(Timestamp::UNIX_EPOCH);
        let of_tenant = |grant| {
            let tenant = crowding;
            let top = grant;
            live.begin(Whose { tenant, top, grant }, digest())
        };
        let one = grant();
        let first = of_tenant(one).unwrap();
        let _running = [one, grant()].map(|grant| of_tenant(grant).unwrap());
        assert_eq!(of_tenant(one).err(), Some(Crowded::Grant(2)));
        assert_eq!(of_tenant(grant()).err(), Some(Crowded::Tenant(3)));
        let _other = begin(&live, grant()).unwrap();
        drop(first);
        let _again = of_tenant(grant()).unwrap();
        assert_eq!(of_tenant(grant()).err(), Some(Crowded::Tenant(3)));
    }

    #[test]
    fn nothing_is_left_of_calls_that_ended() {
        let live = at_most(2, 3);
        drop(begin(&live, grant()).unwrap());
        assert_eq!((live.running(), live.grants().len()), (0, 0));
        assert!(live.0.running().tenants.is_empty());
    }

    #[tokio::test]
    async fn a_revoked_grants_calls_are_cut_and_others_are_not() {
        let live = at_most(2, 3);
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
