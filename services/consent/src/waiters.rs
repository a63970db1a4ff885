//! Callers of this process that wait for somebody's decision, however many they are: each is woken by
//! its own request alone, and one query looks after all of them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ids::RequestId;
use postgres::{DatabaseError, Scope};
use tokio::sync::watch;

use crate::vault::Vault;

/// How often the database is asked in case a decision was taken in another process.
const LOOK_EVERY: Duration = Duration::from_secs(2);

// Read across organizations, by followers only.
const NO_LONGER_PENDING: &str = "
    -- consent.access_requests_no_longer_pending
    SELECT request_id
      FROM consent.access_requests
     WHERE request_id = ANY($1) AND (state <> 'pending' OR expires_at <= $2)";

/// Who waits for which request. Clones are the same waiters.
#[derive(Clone, Default)]
pub struct Waiters(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    by_request: HashMap<RequestId, watch::Sender<()>>,
    somebody_looks: bool,
}

/// One caller's place among those who wait; given up when this is dropped.
pub struct Waiter {
    waiters: Waiters,
    request: RequestId,
    woken: watch::Receiver<()>,
}

impl Waiters {
    /// Takes a place. Whatever is decided from here on is told.
    #[must_use]
    pub fn join(&self, vault: &Vault, request: RequestId) -> Waiter {
        let mut inner = self.lock();
        let told = inner.by_request.entry(request);
        let woken = told.or_insert_with(|| watch::channel(()).0).subscribe();
        // Somebody looks as long as anybody waits. Without a runtime nobody waits, either.
        if !inner.somebody_looks
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            inner.somebody_looks = true;
            runtime.spawn(look_after(self.clone(), vault.clone()));
        }
        drop(inner);
        Waiter {
            waiters: self.clone(),
            request,
            woken,
        }
    }

    /// Wakes who waits for this request.
    pub fn wake(&self, request: RequestId) {
        if let Some(told) = self.lock().by_request.get(&request) {
            told.send_replace(());
        }
    }

    /// For whom somebody waits; nobody looks any more when there are none.
    fn awaited(&self) -> Vec<RequestId> {
        let mut inner = self.lock();
        inner.somebody_looks = !inner.by_request.is_empty();
        inner.by_request.keys().copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiter {
    /// Returns once its request may have been decided since the last time.
    pub async fn woken(&mut self) {
        // The sender is there as long as anybody waits.
        if self.woken.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut inner = self.waiters.lock();
        let is_last = |told: &watch::Sender<()>| told.receiver_count() <= 1;
        if inner.by_request.get(&self.request).is_some_and(is_last) {
            inner.by_request.remove(&self.request);
        }
    }
}

/// Looks for decisions that other processes took, until nobody waits.
async fn look_after(waiters: Waiters, vault: Vault) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let awaited = waiters.awaited();
        if awaited.is_empty() {
            return;
        }
        match no_longer_pending(&vault, &awaited).await {
            Ok(decided) => decided.into_iter().for_each(|id| waiters.wake(id)),
            Err(error) => tracing::warn!(%error, "decisions were not looked for"),
        }
    }
}

/// Which of these requests, of whatever organizations, nobody has to decide any more.
async fn no_longer_pending(
    vault: &Vault,
    requests: &[RequestId],
) -> Result<Vec<RequestId>, DatabaseError> {
    let ids: Vec<_> = requests.iter().map(|id| id.uuid()).collect();
    let tx = vault
        .postgres
        .begin("look for decisions", Scope::Follower)
        .await?;
    let rows = tx
        .query(NO_LONGER_PENDING, &[&ids, &vault.clock.now()])
        .await?;
    tx.commit().await?;
    Ok(rows
        .iter()
        .map(|row| RequestId::from_uuid(row.get("request_id")))
        .collect())
}
