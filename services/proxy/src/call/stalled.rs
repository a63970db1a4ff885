//! Apps that do not read their answers.
//!
//! A body is only asked for more when its app can take more. An app that stops reading without
//! hanging up would keep its call open, and its hold, for ever; so somebody else looks.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use crate::call::flow::Flow;

/// Every answer that goes by. Clones share it.
#[derive(Clone)]
pub struct StalledApps {
    shared: Arc<Mutex<Answers>>,
    patience: Duration,
}

#[derive(Default)]
struct Answers {
    next: u64,
    all: HashMap<u64, Weak<Mutex<Flow>>>,
}

/// An answer that goes by, and can be taken from an app that does not read it.
pub(crate) struct Passing {
    flow: Arc<Mutex<Flow>>,
    number: u64,
    apps: StalledApps,
}

impl StalledApps {
    /// None yet; an app may pause for this long.
    #[must_use]
    pub fn new(patience: Duration) -> Self {
        Self {
            shared: Arc::default(),
            patience,
        }
    }

    pub(crate) fn watch_over(&self, flow: Flow) -> Passing {
        let flow = Arc::new(Mutex::new(flow));
        let mut answers = self.answers();
        let number = answers.next;
        answers.next += 1;
        answers.all.insert(number, Arc::downgrade(&flow));
        Passing {
            flow,
            number,
            apps: self.clone(),
        }
    }

    /// Takes the answers from apps that have not read for too long; tells how many.
    pub fn give_up(&self) -> usize {
        let all: Vec<_> = self
            .answers()
            .all
            .values()
            .filter_map(Weak::upgrade)
            .collect();
        let stalled = |flow: &Arc<Mutex<Flow>>| {
            let mut flow = flow.lock().unwrap_or_else(PoisonError::into_inner);
            flow.abandon_if_unread(self.patience)
        };
        all.iter().filter(|flow| stalled(flow)).count()
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Passing {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Flow> {
        self.flow.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        self.apps.answers().all.remove(&self.number);
    }
}
