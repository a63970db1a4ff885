//! The file that ended lines are appended to.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tokio::sync::Notify;

use crate::spool::{SpoolError, SpoolSync, files, segments::Segments};

/// With [`SpoolSync::Soon`]: the longest that what is written waits for the disk.
const SOON: Duration = Duration::from_millis(20);

/// The file that ended lines are appended to, and the next one when it is full.
pub(super) struct EndedFile {
    folder: PathBuf,
    segments: Segments,
    sync: SpoolSync,
    syncer: Option<Syncer>,
    news: Arc<Notify>,
    /// Its segment and its length.
    open: Option<(u64, Arc<File>, u64)>,
}

impl EndedFile {
    pub(super) fn new(
        folder: &Path,
        segments: Segments,
        sync: SpoolSync,
        news: Arc<Notify>,
    ) -> Result<Self, SpoolError> {
        Ok(Self {
            folder: folder.to_owned(),
            segments,
            sync,
            syncer: Syncer::start(sync, folder)?,
            news,
            open: None,
        })
    }

    /// Appends whole lines, as certain as the setting says, and tells the publisher. `began_in`
    /// has, for each line, the segment its call began in.
    pub(super) fn append(
        &mut self,
        lines: &[u8],
        began_in: &[Option<u64>],
    ) -> Result<(), SpoolError> {
        match self.try_append(lines) {
            Ok(segment) => {
                let bytes = u64::try_from(lines.len()).unwrap_or(0);
                self.segments.note_ended(segment, bytes, began_in);
                self.news.notify_one();
                Ok(())
            }
            Err(error) => {
                self.open = None;
                Err(error)
            }
        }
    }

    fn try_append(&mut self, lines: &[u8]) -> Result<u64, SpoolError> {
        let segment = self.segments.for_ended()?;
        let path = || files::ended(&self.folder, segment);
        if self
            .open
            .as_ref()
            .is_none_or(|(open, _, _)| *open != segment)
        {
            let file = files::create(&path())?;
            let length = file.metadata().map_err(SpoolError::at(&path()))?.len();
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
            return Err(SpoolError::Disk {
                path: path(),
                source,
            });
        }
        *length += u64::try_from(lines.len()).unwrap_or(0);
        if let Some(syncer) = &self.syncer {
            syncer.bring_to_disk(file);
        }
        Ok(segment)
    }
}

/// Brings what is written to the disk soon, on a thread of its own, so that nobody waits for it.
struct Syncer(Arc<Pending>);

#[derive(Default)]
struct Pending {
    files: Mutex<Files>,
    filled: Condvar,
}

#[derive(Default)]
struct Files {
    written: Vec<Arc<File>>,
    closed: bool,
}

impl Syncer {
    fn start(sync: SpoolSync, folder: &Path) -> Result<Option<Self>, SpoolError> {
        if sync != SpoolSync::Soon {
            return Ok(None);
        }
        let pending = Arc::new(Pending::default());
        let of_thread = Arc::clone(&pending);
        let thread = thread::Builder::new()
            .name("spool-sync".to_owned())
            .spawn(move || of_thread.sync_until_closed());
        thread.map_err(SpoolError::at(folder))?;
        Ok(Some(Self(pending)))
    }

    fn bring_to_disk(&self, file: &Arc<File>) {
        let mut files = self.0.files();
        if files
            .written
            .last()
            .is_some_and(|last| Arc::ptr_eq(last, file))
        {
            return;
        }
        files.written.push(Arc::clone(file));
        // The thread waits only for the first of them.
        if files.written.len() == 1 {
            self.0.filled.notify_one();
        }
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

    /// Ends when the writer has gone and everything is on the disk.
    fn sync_until_closed(&self) {
        while let Some(written) = self.next() {
            for file in written {
                if let Err(error) = file.sync_data() {
                    tracing::error!(%error, "ended calls may not be on the disk");
                }
            }
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
