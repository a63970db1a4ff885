//! Settling without being waited for: calls that end together are settled together.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use money::Nanodollars;
use tokio::{runtime::Handle, time::sleep};

use crate::{
    connection::SpendLimits,
    hold::Hold,
    settle::{Settlement, in_range},
};

/// The most settlements of one round trip: more would keep others waiting for the script.
pub(crate) const MOST: usize = 100;

/// How long the next round trip waits for company after one.
const TOGETHER: Duration = Duration::from_millis(1);

/// The settlements of one thread that wait for their turn.
#[derive(Default)]
pub(crate) struct Queue(Mutex<Queued>);

#[derive(Default)]
struct Queued {
    waiting: Vec<Settlement>,
    /// Somebody settles them, round trip after round trip.
    under_way: bool,
}

impl SpendLimits {
    /// Ends a hold at what its call cost, as [`SpendLimits::settle`] does, but behind the caller's
    /// back: at once when nothing else is being settled, else together with what comes meanwhile.
    ///
    /// From here on this process knows the cost. A later [`SpendLimits::reserve`] of the same
    /// bucket is not refused for want of it, and if Redis cannot be reached,
    /// [`SpendLimits::watch_openings`] books it when it can.
    pub fn settle_behind(&self, hold: impl Into<Hold>, actual: Nanodollars) {
        let hold = hold.into();
        if let Err(error) = in_range(actual) {
            tracing::error!(%error, call.id = %hold.call, "a call cannot be settled");
            return;
        }
        let actual = self.shared.in_hand.settle(hold.call, actual);
        // Without a runtime the process is at its end, and the hold ends by its call's record.
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let queue = self.shared.settlements.get_or_default();
        if queue.add((hold, actual)) {
            // Made here: it must end even if the runtime never begins with it.
            let under_way = UnderWay(Arc::clone(queue));
            runtime.spawn(settle_queued(self.clone(), under_way));
        }
    }
}

#[cfg(test)]
impl SpendLimits {
    /// Whether something is being settled behind this thread's back.
    pub(crate) fn is_settling(&self) -> bool {
        self.shared.settlements.get_or_default().queued().under_way
    }
}

async fn settle_queued(limits: SpendLimits, under_way: UnderWay) {
    while let Some(settlements) = under_way.0.next() {
        if let Err(error) = limits.settle_all(&settlements).await {
            tracing::warn!(%error, calls = settlements.len(), "calls are settled later");
        }
        // Calls that end by then are settled together.
        sleep(TOGETHER).await;
    }
}

impl Queue {
    fn queued(&self) -> MutexGuard<'_, Queued> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody must begin to settle.
    fn add(&self, settlement: Settlement) -> bool {
        let mut queued = self.queued();
        queued.waiting.push(settlement);
        !std::mem::replace(&mut queued.under_way, true)
    }

    fn next(&self) -> Option<Vec<Settlement>> {
        let mut queued = self.queued();
        queued.under_way = !queued.waiting.is_empty();
        let count = queued.waiting.len().min(MOST);
        (count > 0).then(|| queued.waiting.drain(..count).collect())
    }
}

/// If the settling ends halfway, the next settlement begins it anew.
struct UnderWay(Arc<Queue>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.queued().under_way = false;
    }
}
