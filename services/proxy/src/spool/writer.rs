//! Writing ended lines: at once, or by a thread where a line waits for the disk, so that many calls
//! share one sync.

use std::{
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tokio::sync::{Notify, oneshot};

use crate::spool::{
    SpoolError, SpoolSync, ended_file::EndedFile, segments::Segments, syncer::Syncer,
};

/// The pause after the disk refused.
const PAUSE: Duration = Duration::from_millis(500);

type Told = oneshot::Sender<Result<(), SpoolError>>;

/// Writes lines, or hands them to the writing thread.
pub(super) struct Writer {
    shared: Arc<Shared>,
    /// A line counts as written once it would survive the end of the process.
    at_once: bool,
    thread: Option<thread::JoinHandle<()>>,
}

/// What became of a line.
pub(super) enum Written {
    /// It is certain, or will be tried again.
    Now(Result<(), SpoolError>),
    /// The thread tells.
    Soon(oneshot::Receiver<Result<(), SpoolError>>),
}

impl Written {
    pub(super) async fn certain(self) -> Result<(), SpoolError> {
        match self {
            Self::Now(outcome) => outcome,
            Self::Soon(told) => told.await.map_err(|_| SpoolError::Closed)?,
        }
    }

    /// The same, on a thread that may wait.
    pub(super) fn certain_blocking(self) -> Result<(), SpoolError> {
        match self {
            Self::Now(outcome) => outcome,
            Self::Soon(told) => told.blocking_recv().map_err(|_| SpoolError::Closed)?,
        }
    }
}

struct Shared {
    batch: Mutex<Batch>,
    filled: Condvar,
    /// Locked for a write only, and never while a batch is.
    file: Mutex<EndedFile>,
}

/// Lines that wait for the thread.
#[derive(Default)]
struct Batch {
    lines: Vec<u8>,
    /// For each line: the segment its call began in.
    began_in: Vec<Option<u64>>,
    told: Vec<Told>,
    closed: bool,
    failure: Option<String>,
}

impl Shared {
    fn batch(&self) -> MutexGuard<'_, Batch> {
        self.batch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&self, lines: &[u8], began_in: &[Option<u64>]) -> Result<(), SpoolError> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.append(lines, began_in)
    }
}

impl Writer {
    pub(super) fn start(
        folder: &Path,
        segments: Segments,
        sync: SpoolSync,
        news: Arc<Notify>,
        syncer: Option<Arc<Syncer>>,
    ) -> Result<Self, SpoolError> {
        let file = EndedFile::new(folder, segments, sync, news, syncer);
        let shared = Arc::new(Shared {
            batch: Mutex::default(),
            filled: Condvar::new(),
            file: Mutex::new(file),
        });
        let work = Work(Arc::clone(&shared));
        let thread = thread::Builder::new()
            .name("spool".to_owned())
            .spawn(move || work.run())
            .map_err(SpoolError::at(folder))?;
        Ok(Self {
            shared,
            at_once: sync != SpoolSync::Always,
            thread: Some(thread),
        })
    }

    /// Writes a line. What comes back tells when it is certain.
    pub(super) fn append(&self, line: Vec<u8>, began_in: Option<u64>) -> Written {
        if !self.at_once {
            let (told, written) = oneshot::channel();
            self.hand_over(line, began_in, Some(told));
            return Written::Soon(written);
        }
        // A write into the page cache takes less than waking a thread for it.
        let outcome = self.shared.append(&line, &[began_in]);
        if let Err(error) = &outcome {
            tracing::error!(%error, "the end of a call cannot be written down");
            self.shared.batch().failure = Some(error.to_string());
            self.hand_over(line, began_in, None);
        }
        Written::Now(outcome)
    }

    fn hand_over(&self, line: Vec<u8>, began_in: Option<u64>, told: Option<Told>) {
        let mut batch = self.shared.batch();
        if batch.lines.is_empty() {
            batch.lines = line;
        } else {
            batch.lines.extend_from_slice(&line);
        }
        batch.began_in.push(began_in);
        batch.told.extend(told);
        drop(batch);
        self.shared.filled.notify_one();
    }

    pub(super) fn check(&self) -> Result<(), String> {
        self.shared.batch().failure.clone().map_or(Ok(()), Err)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.batch().closed = true;
        self.shared.filled.notify_one();
        // Whatever was handed over is written before the spool is gone.
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the spool's thread did not end well");
        }
    }
}

/// The writing thread.
struct Work(Arc<Shared>);

impl Work {
    fn run(&self) {
        while let Some(batch) = self.next() {
            self.write(batch);
        }
    }

    /// Waits for lines; `None` when there will be no more.
    fn next(&self) -> Option<Batch> {
        let mut batch = self.0.batch();
        while batch.lines.is_empty() {
            if batch.closed {
                return None;
            }
            batch = self
                .0
                .filled
                .wait(batch)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Some(Batch {
            lines: std::mem::take(&mut batch.lines),
            began_in: std::mem::take(&mut batch.began_in),
            told: std::mem::take(&mut batch.told),
            closed: batch.closed,
            failure: None,
        })
    }

    /// Writes lines. What cannot be written is told at once, and tried again until it can be.
    fn write(&self, mut batch: Batch) {
        let mut last_try = batch.closed;
        loop {
            match self.0.append(&batch.lines, &batch.began_in) {
                Ok(()) => {
                    self.0.batch().failure = None;
                    tell(batch.told, || Ok(()));
                    return;
                }
                Err(error) => {
                    tracing::error!(%error, "ended calls cannot be written down");
                    self.0.batch().failure = Some(error.to_string());
                    tell(std::mem::take(&mut batch.told), || Err(again(&error)));
                    if last_try {
                        return;
                    }
                    thread::sleep(PAUSE);
                    last_try = self.0.batch().closed;
                }
            }
        }
    }
}

fn tell(told: Vec<Told>, outcome: impl Fn() -> Result<(), SpoolError>) {
    for told in told {
        // Nobody may be waiting any more.
        drop(told.send(outcome()));
    }
}

fn again(error: &SpoolError) -> SpoolError {
    match error {
        SpoolError::Disk { path, source } => SpoolError::Disk {
            path: path.clone(),
            source: source.kind().into(),
        },
        SpoolError::Record(_) | SpoolError::Closed => SpoolError::Closed,
    }
}
