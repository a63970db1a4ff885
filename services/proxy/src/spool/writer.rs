//! The thread that writes ended lines: many calls, one sync.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::Duration,
};

use tokio::sync::{Notify, oneshot};

use crate::spool::{SpoolError, SpoolSync, files, segments::Segments};

/// The pause after the disk refused.
const PAUSE: Duration = Duration::from_millis(500);

/// With [`SpoolSync::Soon`]: the longest that what is written waits for the disk.
const SOON: Duration = Duration::from_millis(20);

type Told = oneshot::Sender<Result<(), SpoolError>>;

/// Hands lines to the writing thread.
pub(super) struct Writer {
    shared: Arc<Shared>,
    thread: Option<thread::JoinHandle<()>>,
}

struct Shared {
    batch: Mutex<Batch>,
    filled: Condvar,
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
}

impl Writer {
    pub(super) fn start(
        folder: &Path,
        segments: Segments,
        sync: SpoolSync,
        news: Arc<Notify>,
    ) -> Result<Self, SpoolError> {
        let shared = Arc::new(Shared {
            batch: Mutex::default(),
            filled: Condvar::new(),
        });
        let mut work = Work {
            shared: Arc::clone(&shared),
            folder: folder.to_owned(),
            segments,
            sync,
            syncer: Syncer::start(sync, folder)?,
            news,
            open: None,
        };
        let thread = thread::Builder::new()
            .name("spool".to_owned())
            .spawn(move || work.run())
            .map_err(SpoolError::at(folder))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Hands over a line. What comes back tells when it is certain.
    pub(super) fn append(
        &self,
        line: Vec<u8>,
        began_in: Option<u64>,
    ) -> oneshot::Receiver<Result<(), SpoolError>> {
        let (told, written) = oneshot::channel();
        let mut batch = self.shared.batch();
        if batch.lines.is_empty() {
            batch.lines = line;
        } else {
            batch.lines.extend_from_slice(&line);
        }
        batch.began_in.push(began_in);
        batch.told.push(told);
        drop(batch);
        self.shared.filled.notify_one();
        written
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

struct Work {
    shared: Arc<Shared>,
    folder: PathBuf,
    segments: Segments,
    sync: SpoolSync,
    syncer: Option<Syncer>,
    news: Arc<Notify>,
    /// The file that is written to, its segment and its length.
    open: Option<(u64, Arc<File>, u64)>,
}

/// Brings what is written to the disk soon, on a thread of its own, so that nobody waits for it.
struct Syncer(mpsc::Sender<Arc<File>>);

impl Syncer {
    fn start(sync: SpoolSync, folder: &Path) -> Result<Option<Self>, SpoolError> {
        if sync != SpoolSync::Soon {
            return Ok(None);
        }
        let (written, files) = mpsc::channel::<Arc<File>>();
        let work = move || {
            // Ends when the writer has gone and everything is on the disk.
            while let Ok(file) = files.recv() {
                let mut pending = vec![file];
                for file in files.try_iter() {
                    if pending.last().is_none_or(|last| !Arc::ptr_eq(last, &file)) {
                        pending.push(file);
                    }
                }
                for file in pending {
                    if let Err(error) = file.sync_data() {
                        tracing::error!(%error, "ended calls may not be on the disk");
                    }
                }
                thread::sleep(SOON);
            }
        };
        let thread = thread::Builder::new()
            .name("spool-sync".to_owned())
            .spawn(work);
        thread.map_err(SpoolError::at(folder))?;
        Ok(Some(Self(written)))
    }
}

impl Work {
    fn run(&mut self) {
        while let Some(batch) = self.next() {
            self.write(batch);
        }
    }

    /// Waits for lines; `None` when there will be no more.
    fn next(&self) -> Option<Batch> {
        let mut batch = self.shared.batch();
        while batch.lines.is_empty() {
            if batch.closed {
                return None;
            }
            batch = self
                .shared
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
    fn write(&mut self, mut batch: Batch) {
        let mut last_try = batch.closed;
        loop {
            match self.try_write(&batch.lines) {
                Ok(segment) => {
                    let bytes = u64::try_from(batch.lines.len()).unwrap_or(0);
                    self.segments.note_ended(segment, bytes, &batch.began_in);
                    self.shared.batch().failure = None;
                    tell(batch.told, || Ok(()));
                    self.news.notify_one();
                    return;
                }
                Err(error) => {
                    tracing::error!(%error, "ended calls cannot be written down");
                    self.shared.batch().failure = Some(error.to_string());
                    tell(std::mem::take(&mut batch.told), || Err(again(&error)));
                    self.open = None;
                    if last_try {
                        return;
                    }
                    thread::sleep(PAUSE);
                    last_try = self.shared.batch().closed;
                }
            }
        }
    }

    fn try_write(&mut self, lines: &[u8]) -> Result<u64, SpoolError> {
        let segment = self.segments.for_ended()?;
        let path = files::ended(&self.folder, segment);
        if self
            .open
            .as_ref()
            .is_none_or(|(open, _, _)| *open != segment)
        {
            let file = files::create(&path)?;
            let length = file.metadata().map_err(SpoolError::at(&path))?.len();
            self.open = Some((segment, Arc::new(file), length));
        }
        let Some((_, file, length)) = &mut self.open else {
            return Err(SpoolError::Closed);
        };
        let mut written = (&**file).write_all(lines);
        if written.is_ok() && self.sync == SpoolSync::Always {
            written = file.sync_data();
        }
        if let Err(source) = written {
            // Half a line must not run into the next one, nor lines stand there twice.
            drop(file.set_len(*length));
            return Err(SpoolError::Disk { path, source });
        }
        *length += u64::try_from(lines.len()).unwrap_or(0);
        if let Some(Syncer(files)) = &self.syncer {
            // The other side ends only after this one.
            drop(files.send(Arc::clone(file)));
        }
        Ok(segment)
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
