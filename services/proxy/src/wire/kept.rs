//! Connections that wait for their next call.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    task::Context,
    time::{Duration, Instant},
};

use http::uri::Authority;
use thread_local::ThreadLocal;

use crate::wire::connection::Connection;

/// Shorter than providers keep a connection that is not used.
const KEPT_FOR: Duration = Duration::from_secs(60);
/// The most that one thread keeps to one host.
const MOST: usize = 1_024;

/// Where a connection leads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    pub(super) authority: Authority,
    pub(super) secure: bool,
}

type OfThread = HashMap<Origin, Vec<Idle>>;

/// The connections that are not used, of each thread. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Kept(Arc<ThreadLocal<Mutex<OfThread>>>);

struct Idle {
    connection: Box<Connection>,
    since: Instant,
}

impl Kept {
    /// The connection of this thread that was used last, if it can be used again.
    pub(super) fn take(&self, origin: &Origin, cx: &mut Context<'_>) -> Option<Box<Connection>> {
        let mut all = self.of_this_thread();
        let idle = all.get_mut(origin)?;
        while let Some(Idle {
            mut connection,
            since,
        }) = idle.pop()
        {
            if since.elapsed() > KEPT_FOR {
                // Those below it have not been used for even longer.
                idle.clear();
            } else if connection.is_usable(cx) {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection whose call is over, unless it ends with it.
    pub(super) fn keep(
        &self,
        origin: &Origin,
        mut connection: Box<Connection>,
        cx: &mut Context<'_>,
    ) {
        if connection.poll_drive(cx).is_ready() {
            return;
        }
        let mut all = self.of_this_thread();
        let idle = match all.get_mut(origin) {
            Some(idle) => idle,
            None => all.entry(origin.clone()).or_default(),
        };
        if idle.len() < MOST {
            let since = Instant::now();
            idle.push(Idle { connection, since });
        }
    }

    fn of_this_thread(&self) -> std::sync::MutexGuard<'_, OfThread> {
        let all = self.0.get_or_default();
        all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
