//! The file that ended lines are appended to.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::sync::Notify;

use crate::spool::{SpoolError, SpoolSync, files, segments::Segments, syncer::Syncer};

/// The file that ended lines are appended to, and the next one when it is full.
pub(super) struct EndedFile {
    folder: PathBuf,
    segments: Segments,
    sync: SpoolSync,
    syncer: Option<Arc<Syncer>>,
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
        syncer: Option<Arc<Syncer>>,
    ) -> Self {
        Self {
            folder: folder.to_owned(),
            segments,
            sync,
            syncer,
            news,
            open: None,
        }
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
