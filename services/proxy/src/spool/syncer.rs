//! Bringing what is written to the disk soon, on a thread of its own, so that nobody waits for it.

use std::{
    fs::File,
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use crate::spool::SpoolError;

/// The longest that what is written waits for the disk.
const SOON: Duration = Duration::from_millis(20);

/// The thread that brings files to the disk. It ends when this is dropped and everything is there.
pub(super) struct Syncer(Arc<Pending>);

#[derive(Default)]
struct Pending {
    files: Mutex<Files>,
    filled: Condvar,
}

#[derive(Default)]
struct Files {
    written: Vec<Arc<File>>,
    closed: bool,
    /// What the disk said last, if it refused.
    failure: Option<String>,
}

impl Syncer {
    pub(super) fn start(folder: &Path) -> Result<Self, SpoolError> {
        let pending = Arc::new(Pending::default());
        let of_thread = Arc::clone(&pending);
        let thread = thread::Builder::new()
            .name("spool-sync".to_owned())
            .spawn(move || of_thread.sync_until_closed());
        thread.map_err(SpoolError::at(folder))?;
        Ok(Self(pending))
    }

    /// Something was written to this file.
    pub(super) fn bring_to_disk(&self, file: &Arc<File>) {
        let mut files = self.0.files();
        // Two at a time: where calls begin, and where they end.
        if files.written.iter().any(|known| Arc::ptr_eq(known, file)) {
            return;
        }
        files.written.push(Arc::clone(file));
        // The thread waits only for the first of them.
        if files.written.len() == 1 {
            self.0.filled.notify_one();
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        self.0.files().failure.clone().map_or(Ok(()), Err)
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.0.files().closed = true;
        self.0.filled.notify_one();
    }
}

impl Pending {
    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sync_until_closed(&self) {
        while let Some(written) = self.next() {
            let mut failure = None;
            for file in written {
                if let Err(error) = file.sync_data() {
                    tracing::error!(%error, "calls that were written down may not be on the disk");
                    failure = Some(error.to_string());
                }
            }
            self.files().failure = failure;
            thread::sleep(SOON);
        }
    }

    fn next(&self) -> Option<Vec<Arc<File>>> {
        let mut files = self.files();
        while files.written.is_empty() {
            if files.closed {
                return None;
            }
            files = self
                .filled
                .wait(files)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Some(std::mem::take(&mut files.written))
    }
}
