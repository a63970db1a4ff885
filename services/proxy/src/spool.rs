//! What became of calls, on this machine's disk before the last byte of an answer leaves it.
//!
//! ```text
//! SPOOL/INSTANCE/lock            held as long as the process lives
//!                boot            which start of the machine it lives in
//!                00000001.began  a line before a provider is asked: the record as estimated
//!                00000001.ended  a line when the call has ended: the final record
//!                published       how far the ended lines are on the message bus
//! ```
//!
//! A line is the message that billing's recorder takes, so nothing is written twice. Segments are
//! removed, oldest first, when all their calls have ended and all their ended lines are published;
//! in that order no `began` ever outlives its `ended`. What a dead process left is taken over by
//! the next one: a call that began and never ended is recorded at its estimate.

mod ended_file;
mod files;
mod line;
mod publisher;
mod recovery;
mod register;
mod segments;
mod syncer;
mod writer;

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::ValueEnum;
use clock::Clock;
use events::CallRecord;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use files::Instance;
use segments::Segments;
use syncer::Syncer;
use writer::{Writer, Written};

pub use publisher::publish;
pub use recovery::{DeadSpool, TakenOver, recover};
pub use register::Register;

/// When a line counts as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SpoolSync {
    /// When it would survive a loss of power. Ended lines are gathered for one sync.
    Always,
    /// When it would survive the end of the process. It is brought to the disk some 20 ms later, so
    /// that a loss of power costs those lines at most.
    Soon,
    /// When they would survive the end of the process.
    None,
}

/// Why something could not be written down.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The disk refused.
    #[error("the spool at {path} cannot be used")]
    Disk {
        /// Which file or folder.
        path: PathBuf,
        /// What it said.
        #[source]
        source: std::io::Error,
    },
    /// A record cannot be written as JSON.
    #[error("a call record cannot be written")]
    Record(#[from] sonic_rs::Error),
    /// The writing thread is gone.
    #[error("the spool is closed")]
    Closed,
}

impl SpoolError {
    fn at(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        |source| Self::Disk {
            path: path.to_owned(),
            source,
        }
    }
}

/// The spool of this process. Cheap to clone; clones share it.
#[derive(Clone)]
pub struct Spool(Arc<Shared>);

struct Shared {
    segments: Segments,
    writer: Writer,
    sync: SpoolSync,
    syncer: Option<Arc<Syncer>>,
    news: Arc<Notify>,
    clock: Clock,
    /// Dropped last: its lock says that the writer may still write.
    instance: Instance,
}

/// What of a call's hold is kept beside its record, so that limits which lost their memory can be
/// told of a call that no ledger has yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldNote {
    /// In which life of the limits it was made.
    pub epoch: String,
    /// When, by the limits' clock.
    pub at: Timestamp,
}

/// Proof that a call's beginning is written down; needed to write its end.
#[must_use = "a call that began must end"]
#[derive(Debug)]
pub struct Began {
    segment: u64,
    /// Where it stands, if it may not be on the disk and must be.
    unsynced: Option<Arc<File>>,
    /// What its line and that of its end have in common.
    stem: Vec<u8>,
}

impl Spool {
    /// Opens a spool of this process's own in a folder that many share.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn open(folder: &Path, sync: SpoolSync, clock: Clock) -> Result<Self, SpoolError> {
        let instance = Instance::create(folder, clock.now())?;
        let news = Arc::new(Notify::new());
        let segments = Segments::open(instance.path())?;
        let syncer = match sync {
            SpoolSync::Soon => Some(Arc::new(Syncer::start(instance.path())?)),
            SpoolSync::Always | SpoolSync::None => None,
        };
        let (of_writer, told) = (segments.clone(), Arc::clone(&news));
        let writer = Writer::start(instance.path(), of_writer, sync, told, syncer.clone())?;
        Ok(Self(Arc::new(Shared {
            instance,
            segments,
            writer,
            sync,
            syncer,
            news,
            clock,
        })))
    }

    /// Writes down that a call begins, with what it will cost if nothing more is heard of it. On
    /// return it survives the end of this process; see [`Spool::on_disk`].
    ///
    /// # Errors
    /// When it could not be written: then the call must not begin.
    pub fn began(&self, estimated: &CallRecord, note: &HoldNote) -> Result<Began, SpoolError> {
        let line = line::of(estimated, note)?;
        let (segment, file) = self.0.segments.append_began(&line)?;
        let stem = line::stem(&line);
        if let Some(syncer) = &self.0.syncer {
            syncer.bring_to_disk(&file);
        }
        let unsynced = (self.0.sync == SpoolSync::Always).then_some(file);
        Ok(Began {
            segment,
            unsynced,
            stem,
        })
    }

    /// With [`SpoolSync::Always`], waits until a beginning would survive a loss of power: before that
    /// the call must not be sent.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn on_disk(&self, began: &Began) -> Result<(), SpoolError> {
        let Some(file) = began.unsynced.clone() else {
            return Ok(());
        };
        let synced = tokio::task::spawn_blocking(move || file.sync_data());
        let path = files::began(self.0.instance.path(), began.segment);
        let synced = synced.await.map_err(|_| SpoolError::Closed)?;
        synced.map_err(SpoolError::at(&path))
    }

    /// Writes down how a call ended: the record that it began with, but for what its end changes. What
    /// comes back waits until that is certain; the line is on its way even if nobody waits.
    ///
    /// # Errors
    /// When it could not be written yet. It is tried again for as long as this process lives, and
    /// until then the line that the call began stands for it.
    pub fn ended(
        &self,
        began: &Began,
        record: &CallRecord,
    ) -> impl Future<Output = Result<(), SpoolError>> + Send + use<> {
        let written = self.end(began, record);
        async move { written?.certain().await }
    }

    /// Writes down how a call ended, without waiting: for calls that nobody waits for.
    pub fn ended_unwatched(&self, began: &Began, record: &CallRecord) {
        if let Err(error) = self.end(began, record) {
            tracing::error!(%error, call.id = %record.call, "the end of a call was not written");
        }
    }

    fn end(&self, began: &Began, record: &CallRecord) -> Result<Written, SpoolError> {
        Ok(self
            .0
            .writer
            .append(line::ended(&began.stem, record)?, Some(began.segment)))
    }

    /// The number of this spool, among all that there ever were.
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        self.0.instance.number()
    }

    /// The segment that a call which begins now is written to, unless that is a later one by then.
    #[must_use]
    pub fn segment(&self) -> u64 {
        self.0.segments.current()
    }

    /// The ended calls that are not published yet.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn unpublished(&self) -> Result<Vec<(CallRecord, HoldNote)>, SpoolError> {
        let stretches = self.0.segments.stretches();
        let read = move || {
            let mut calls = Vec::new();
            for stretch in stretches {
                let lines = publisher::lines(&stretch, stretch.to - stretch.from)
                    .map_err(SpoolError::at(&stretch.path))?;
                let whole = lines
                    .split_inclusive(|byte| *byte == b'\n')
                    .filter_map(line::whole);
                calls.extend(whole.map(|line| (line.payload, line.hold)));
            }
            Ok(calls)
        };
        tokio::task::spawn_blocking(read)
            .await
            .map_err(|_| SpoolError::Closed)?
    }

    /// How many ended calls wait to be published.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.0.segments.waiting()
    }

    /// Whether lines can be written; for readiness.
    ///
    /// # Errors
    /// When the last attempt failed.
    pub fn check(&self) -> Result<(), String> {
        self.0.writer.check()?;
        self.0
            .syncer
            .as_ref()
            .map_or(Ok(()), |syncer| syncer.check())
    }

    /// Whether every call that began has ended, and all are published.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.running() == 0 && self.waiting() == 0
    }

    /// How many calls began and have not ended.
    #[must_use]
    pub fn running(&self) -> u64 {
        self.0.segments.running()
    }
}

#[cfg(test)]
#[path = "spool/tests.rs"]
pub(crate) mod tests;
