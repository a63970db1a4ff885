//! Connections that wait for their next call.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    task::Context,
    time::{Duration, Instant},
};

use foldhash::HashMap;
use thread_local::ThreadLocal;

use crate::wire::{NamedBy, connection::Connection};

/// The most that one thread keeps to one host.
const MOST: usize = 1_024;

/// Where a connection leads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    /// As text: its type would compare and hash it letter by letter, whatever their case.
    pub(super) authority: String,
    pub(super) secure: bool,
    /// A connection that was not checked is not used where one must be.
    pub(super) named_by: NamedBy,
}

/// Those to each host, the one that was used last at the end.
type OfThread = HashMap<Origin, VecDeque<Idle>>;

/// The connections that are not used, of each thread. Clones share them.
#[derive(Clone)]
pub(super) struct Kept {
    of_threads: Arc<ThreadLocal<Mutex<OfThread>>>,
    at_most: Duration,
}

struct Idle {
    connection: Box<Connection>,
    since: Instant,
}

impl Kept {
    /// Keeps a connection this long at most.
    pub(super) fn new(at_most: Duration) -> Self {
        Self {
            of_threads: Arc::default(),
            at_most,
        }
    }

    /// The connection of this thread that was used last, if it can be used again.
    pub(super) fn take(&self, origin: &Origin, cx: &mut Context<'_>) -> Option<Box<Connection>> {
        let mut all = self.of_this_thread();
        let idle = all.get_mut(origin)?;
        while let Some(Idle {
            mut connection,
            since,
        }) = idle.pop_back()
        {
            if since.elapsed() > self.at_most {
                // Those before it have not been used for even longer.
                idle.clear();
            } else if connection.is_usable(cx) {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection whose call is over, unless it ends with it, or the answer came before
    /// all of the call was sent.
    pub(super) fn keep(
        &self,
        origin: &Origin,
        mut connection: Box<Connection>,
        cx: &mut Context<'_>,
    ) {
        if !connection.is_usable(cx) {
            return;
        }
        let mut all = self.of_this_thread();
        self.close_old(&mut all);
        let idle = match all.get_mut(origin) {
            Some(idle) => idle,
            None => all.entry(origin.clone()).or_default(),
        };
        if idle.len() < MOST {
            let since = Instant::now();
            idle.push_back(Idle { connection, since });
        }
    }

    /// Nobody takes the oldest while newer ones suffice, and nobody else sees that their other
    /// side has closed them.
    fn close_old(&self, all: &mut OfThread) {
        for idle in all.values_mut() {
            while idle
                .front()
                .is_some_and(|oldest| oldest.since.elapsed() > self.at_most)
            {
                idle.pop_front();
            }
        }
    }

    fn of_this_thread(&self) -> std::sync::MutexGuard<'_, OfThread> {
        let all = self.of_threads.get_or_default();
        all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
