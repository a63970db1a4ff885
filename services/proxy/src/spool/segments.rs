//! The segments: which calls of each still run, and how far each is published.

use std::{
    collections::VecDeque,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::spool::{SpoolError, files};

/// A segment that is longer is followed by the next.
const LONGEST: u64 = 8 * 1024 * 1024;

/// All segments of this process. Clones share them.
#[derive(Clone)]
pub(super) struct Segments {
    folder: PathBuf,
    state: Arc<Mutex<State>>,
}

struct State {
    folder: PathBuf,
    began: Arc<File>,
    began_length: u64,
    /// Oldest first; the last is the one that is written to.
    all: VecDeque<Segment>,
}

struct Segment {
    number: u64,
    /// Calls that began here and have not ended.
    running: u64,
    /// Bytes of its ended lines that are certain.
    ended: u64,
    /// Bytes of these that are published.
    published: u64,
    /// Ended lines that are not published.
    waiting: u64,
}

/// A stretch of ended lines to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) path: PathBuf,
    pub(super) segment: u64,
    pub(super) from: u64,
    pub(super) to: u64,
}

impl Segments {
    pub(super) fn open(folder: &Path) -> Result<Self, SpoolError> {
        let state = State {
            folder: folder.to_owned(),
            began: Arc::new(files::create(&files::began(folder, 1))?),
            began_length: 0,
            all: VecDeque::from([Segment::new(1)]),
        };
        Ok(Self {
            folder: folder.to_owned(),
            state: Arc::new(Mutex::new(state)),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a line that a call begins; gives the segment it stands in, and its file.
    pub(super) fn append_began(&self, line: &[u8]) -> Result<(u64, Arc<File>), SpoolError> {
        let mut state = self.state();
        if state.began_length >= LONGEST {
            state.begin_next()?;
        }
        let number = state.current();
        if let Err(source) = (&*state.began).write_all(line) {
            // Half a line must not run into the next one.
            let length = state.began_length;
            drop(state.began.set_len(length));
            return Err(SpoolError::Disk {
                path: files::began(&state.folder, number),
                source,
            });
        }
        state.began_length += u64::try_from(line.len()).unwrap_or(0);
        if let Some(segment) = state.all.back_mut() {
            segment.running += 1;
        }
        Ok((number, Arc::clone(&state.began)))
    }

    /// From here on calls begin in this file.
    #[cfg(test)]
    pub(super) fn begin_in(&self, file: File) {
        self.state().began = Arc::new(file);
    }

    /// The segment that ended lines go to now. Begins the next one if this one is full.
    pub(super) fn for_ended(&self) -> Result<u64, SpoolError> {
        let mut state = self.state();
        if state
            .all
            .back()
            .is_some_and(|segment| segment.ended >= LONGEST)
        {
            state.begin_next()?;
        }
        Ok(state.current())
    }

    /// Notes that ended lines became certain, and which calls ended by that.
    pub(super) fn note_ended(&self, segment: u64, bytes: u64, began_in: &[Option<u64>]) {
        let mut state = self.state();
        if let Some(found) = state.find(segment) {
            found.ended += bytes;
            found.waiting += u64::try_from(began_in.len()).unwrap_or(0);
        }
        for began in began_in.iter().flatten() {
            if let Some(found) = state.find(*began) {
                found.running = found.running.saturating_sub(1);
            }
        }
    }

    /// The oldest ended lines that are not published.
    pub(super) fn next_stretch(&self) -> Option<Stretch> {
        let state = self.state();
        state
            .all
            .iter()
            .find_map(|segment| state.stretch_of(segment))
    }

    /// All ended lines that are not published, oldest first.
    pub(super) fn stretches(&self) -> Vec<Stretch> {
        let state = self.state();
        state
            .all
            .iter()
            .filter_map(|segment| state.stretch_of(segment))
            .collect()
    }

    /// Notes that lines were published, and removes what is done.
    pub(super) fn note_published(
        &self,
        segment: u64,
        to: u64,
        lines: u64,
    ) -> Result<(), SpoolError> {
        // Should this be lost, lines are published again, which is harmless. Written before the
        // lock is taken: calls that begin wait for that.
        let path = files::published(&self.folder);
        files::replace(&path, &format!("{segment} {to}\n"))?;
        let mut state = self.state();
        if let Some(found) = state.find(segment) {
            found.published = to;
            found.waiting = found.waiting.saturating_sub(lines);
        }
        state.remove_done()
    }

    /// The number of the segment that is written to.
    pub(super) fn current(&self) -> u64 {
        self.state().current()
    }

    pub(super) fn waiting(&self) -> u64 {
        self.state().all.iter().map(|segment| segment.waiting).sum()
    }

    pub(super) fn running(&self) -> u64 {
        self.state().all.iter().map(|segment| segment.running).sum()
    }
}

impl Segment {
    const fn new(number: u64) -> Self {
        Self {
            number,
            running: 0,
            ended: 0,
            published: 0,
            waiting: 0,
        }
    }
}

impl State {
    fn current(&self) -> u64 {
        self.all.back().map_or(1, |segment| segment.number)
    }

    fn stretch_of(&self, segment: &Segment) -> Option<Stretch> {
        (segment.published < segment.ended).then(|| Stretch {
            path: files::ended(&self.folder, segment.number),
            segment: segment.number,
            from: segment.published,
            to: segment.ended,
        })
    }

    fn find(&mut self, number: u64) -> Option<&mut Segment> {
        self.all.iter_mut().find(|segment| segment.number == number)
    }

    fn begin_next(&mut self) -> Result<(), SpoolError> {
        let number = self.current() + 1;
        self.began = Arc::new(files::create(&files::began(&self.folder, number))?);
        self.began_length = 0;
        self.all.push_back(Segment::new(number));
        self.remove_done()
    }

    /// Removes finished segments from the oldest on, never one behind an unfinished one: a `began`
    /// must not outlive its `ended`, which may stand in any later segment.
    fn remove_done(&mut self) -> Result<(), SpoolError> {
        while self.all.len() > 1 {
            let Some(oldest) = self.all.front() else {
                break;
            };
            if oldest.running > 0 || oldest.published < oldest.ended {
                break;
            }
            for path in [
                files::began(&self.folder, oldest.number),
                files::ended(&self.folder, oldest.number),
            ] {
                match fs::remove_file(&path) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(SpoolError::Disk {
                            path,
                            source: error,
                        });
                    }
                    _ => {}
                }
            }
            self.all.pop_front();
        }
        Ok(())
    }
}
