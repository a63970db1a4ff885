//! Folders and files of the spool: whose they are, and who may read them.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use ids::CallId;
use jiff::Timestamp;

use crate::spool::SpoolError;

const LOCK: &str = "lock";
const BOOT: &str = "boot";
/// Names the time since the machine was started (proc(5)).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// Only the owner: lines name organizations, people and what they spend.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// The folder of one process, held by a lock that the system lets go when the process ends,
/// however it ends.
#[derive(Debug)]
pub(super) struct Instance {
    path: PathBuf,
    number: Option<u64>,
    _lock: File,
}

impl Instance {
    /// Makes a folder of our own.
    pub(super) fn create(folder: &Path, now: Timestamp) -> Result<Self, SpoolError> {
        make_folder(folder)?;
        let id = CallId::new(now).uuid().simple();
        // Made under a hidden name and shown once it is locked, so that nobody takes it for the
        // folder of a dead process.
        let (hidden, path) = (folder.join(format!(".{id}")), folder.join(id.to_string()));
        make_folder(&hidden)?;
        let lock = create(&hidden.join(LOCK))?;
        lock.lock().map_err(SpoolError::at(&hidden))?;
        replace(&hidden.join(BOOT), &boot())?;
        fs::rename(&hidden, &path).map_err(SpoolError::at(&path))?;
        Ok(Self::at(path, lock))
    }

    /// Takes over the folder of a process that is dead; `None` while it lives.
    pub(super) fn take_over(path: &Path) -> Result<Option<Self>, SpoolError> {
        let lock_path = path.join(LOCK);
        let opened = OpenOptions::new().read(true).write(true).open(&lock_path);
        let Ok(lock) = opened else { return Ok(None) };
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self::at(path.to_owned(), lock))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(SpoolError::Disk {
                path: lock_path,
                source,
            }),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn at(path: PathBuf, lock: File) -> Self {
        let name = path.file_name().and_then(|name| name.to_str());
        // The half of its name that is drawn by lot.
        let half = name.and_then(|name| name.get(16..));
        Self {
            number: half.and_then(|half| u64::from_str_radix(half, 16).ok()),
            path,
            _lock: lock,
        }
    }

    /// Its number, among the folders of all processes that there ever were.
    pub(super) const fn number(&self) -> Option<u64> {
        self.number
    }

    /// Whether all that its process wrote is here: the machine has not been started since, so nothing
    /// was lost that had not reached the disk.
    pub(super) fn is_whole(&self) -> bool {
        let boot = boot();
        let then = fs::read_to_string(self.path.join(BOOT));
        !boot.is_empty() && then.is_ok_and(|then| then == boot)
    }

    /// Removes the folder and all in it. Should that end halfway, nobody takes the rest for whole.
    pub(super) fn remove(self) -> Result<(), SpoolError> {
        match fs::remove_file(self.path.join(BOOT)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => fs::remove_dir_all(&self.path),
        }
        .map_err(SpoolError::at(&self.path))
    }
}

/// Empty where the system does not say.
fn boot() -> String {
    fs::read_to_string(BOOT_ID).unwrap_or_default()
}

/// The folders of all processes in a spool, ours too.
pub(super) fn instances(folder: &Path) -> Result<Vec<PathBuf>, SpoolError> {
    let entries = fs::read_dir(folder).map_err(SpoolError::at(folder))?;
    let shown = |path: &PathBuf| {
        path.file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| !name.starts_with('.'))
    };
    let mut found: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.is_dir() && shown(path))
        .collect();
    found.sort();
    Ok(found)
}

/// The numbers of the segments in a folder, oldest first.
pub(super) fn segments(folder: &Path) -> Result<Vec<u64>, SpoolError> {
    let entries = fs::read_dir(folder).map_err(SpoolError::at(folder))?;
    let mut numbers: Vec<u64> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| entry.path().file_stem()?.to_str()?.parse().ok())
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}

pub(super) fn began(folder: &Path, segment: u64) -> PathBuf {
    folder.join(format!("{segment:08}.began"))
}

pub(super) fn ended(folder: &Path, segment: u64) -> PathBuf {
    folder.join(format!("{segment:08}.ended"))
}

pub(super) fn published(folder: &Path) -> PathBuf {
    folder.join("published")
}

/// Opens a file to append to, new or not.
pub(super) fn create(path: &Path) -> Result<File, SpoolError> {
    let mut options = OpenOptions::new();
    options.create(true).append(true).read(true).mode(FILE_MODE);
    options.open(path).map_err(SpoolError::at(path))
}

/// Writes a small file anew, such that a reader finds the old text or the new one.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), SpoolError> {
    let next = path.with_extension("next");
    let mut options = OpenOptions::new();
    let file = options
        .create(true)
        .write(true)
        .truncate(true)
        .mode(FILE_MODE)
        .open(&next);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written
        .and_then(|()| fs::rename(&next, path))
        .map_err(SpoolError::at(path))
}

fn make_folder(path: &Path) -> Result<(), SpoolError> {
    let mut builder = DirBuilder::new();
    builder
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(path)
        .map_err(SpoolError::at(path))
}
