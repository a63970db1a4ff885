//! Takes over what dead processes left.

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{self, BufRead, BufReader},
    path::Path,
};

use events::{CallOutcome, CallRecord};
use ids::CallId;
use jiff::Timestamp;

use crate::spool::{
    HoldNote, Spool, SpoolError,
    files::{self, Instance},
    line,
    writer::{Writer, Written},
};

/// Lines that are handed over before waiting for them to be written.
const AT_ONCE: usize = 1_000;

/// What was taken over from processes that are dead.
#[derive(Debug, Default)]
pub struct TakenOver {
    /// How many calls were lost with them: those began and never ended, and are recorded at their
    /// estimate.
    pub lost: usize,
    /// The calls whose records were taken over, lost or not. Nobody may have settled their holds.
    pub calls: Vec<(CallRecord, HoldNote)>,
    /// The spools of which nothing was lost.
    pub spools: Vec<DeadSpool>,
    /// The numbers of all spools that were taken over, whole or not.
    pub numbers: Vec<u64>,
}

/// The spool of a process that is dead, whole from some segment on.
#[derive(Debug)]
pub struct DeadSpool {
    /// [`Spool::number`].
    pub number: u64,
    oldest: u64,
    began: HashSet<CallId>,
}

impl DeadSpool {
    /// Whether a call for which something was held when this segment was written to was never sent:
    /// its beginning would stand there.
    #[must_use]
    pub fn never_began(&self, call: CallId, segment: u64) -> bool {
        segment >= self.oldest && !self.began.contains(&call)
    }

    /// `None` where a line may be missing, or is there and cannot be read.
    fn of(dead: &Instance) -> Result<Option<Self>, SpoolError> {
        let segments = files::segments(dead.path())?;
        let (Some(number), Some(oldest)) = (dead.number(), segments.first().copied()) else {
            return Ok(None);
        };
        let (mut began, mut unread) = (HashSet::new(), !dead.is_whole());
        for segment in segments {
            for of in [files::began, files::ended] {
                each_line(&of(dead.path(), segment), |line| {
                    match line::address(line) {
                        Some(address) => _ = began.insert(address.id),
                        None => unread = true,
                    }
                    Ok(())
                })?;
                if unread {
                    return Ok(None);
                }
            }
        }
        Ok(Some(Self {
            number,
            oldest,
            began,
        }))
    }
}

/// Takes over the spools of processes that are dead, into our own.
///
/// # Errors
/// When the folder cannot be read. What was not taken over stays for the next time; what was taken
/// over twice is recorded once.
pub async fn recover(spool: &Spool) -> Result<TakenOver, SpoolError> {
    let spool = spool.clone();
    // Reads and writes files for as long as it takes.
    let all = tokio::task::spawn_blocking(move || take_over_all(&spool));
    all.await.map_err(|_| SpoolError::Closed)?
}

fn take_over_all(spool: &Spool) -> Result<TakenOver, SpoolError> {
    let mut taken = TakenOver::default();
    let Some(folder) = spool.0.instance.path().parent() else {
        return Ok(taken);
    };
    for path in files::instances(folder)? {
        // Our own is locked, too.
        let outcome = Instance::take_over(&path).and_then(|dead| match dead {
            Some(dead) => take_over(spool, dead, &mut taken),
            None => Ok(()),
        });
        // What was taken over of the others is not to be forgotten for it.
        if let Err(error) = outcome {
            tracing::error!(%error, "the spool of a dead process was not taken over");
        }
    }
    Ok(taken)
}

fn take_over(spool: &Spool, dead: Instance, taken: &mut TakenOver) -> Result<(), SpoolError> {
    // Read first: what fails here must not have handed lines over, or the next time does so again.
    let (of_dead, number) = (DeadSpool::of(&dead)?, dead.number());
    let mut into = Hand {
        writer: &spool.0.writer,
        handed: 0,
        last: None,
        calls: &mut taken.calls,
    };
    let known = unpublished(dead.path(), |line| into.over(line.to_vec()))?;
    let ended = into.handed;
    lost(dead.path(), &known, spool.0.clock.now(), |line| {
        into.over(line)
    })?;
    let lost = into.handed - ended;
    into.finish()?;
    dead.remove()?;
    taken.numbers.extend(number);
    taken.spools.extend(of_dead);
    if ended + lost > 0 {
        metrics::counter!("latchkey_calls_lost_total").increment(u64::try_from(lost).unwrap_or(0));
        tracing::warn!(ended, lost, "took over the calls of a process that died");
    }
    taken.lost += lost;
    Ok(())
}

/// Hands lines to our own spool, a bounded number at a time.
struct Hand<'w> {
    writer: &'w Writer,
    handed: usize,
    last: Option<Written>,
    calls: &'w mut Vec<(CallRecord, HoldNote)>,
}

impl Hand<'_> {
    fn over(&mut self, line: Vec<u8>) -> Result<(), SpoolError> {
        self.handed += 1;
        self.calls
            .extend(line::whole(&line).map(|line| (line.payload, line.hold)));
        match self.writer.append(line, None) {
            Written::Now(outcome) => outcome?,
            soon @ Written::Soon(_) => self.last = Some(soon),
        }
        if self.handed.is_multiple_of(AT_ONCE) {
            self.finish()
        } else {
            Ok(())
        }
    }

    /// Lines become certain in order, so the last one speaks for all.
    fn finish(&mut self) -> Result<(), SpoolError> {
        match self.last.take() {
            Some(written) => written.certain_blocking(),
            None => Ok(()),
        }
    }
}

/// Gives each ended line that may not have been published; returns which calls ended.
fn unpublished(
    folder: &Path,
    mut give: impl FnMut(&[u8]) -> Result<(), SpoolError>,
) -> Result<HashSet<CallId>, SpoolError> {
    let published = published(folder);
    let mut ended = HashSet::new();
    for number in files::segments(folder)? {
        let mut at = 0_u64;
        each_line(&files::ended(folder, number), |line| {
            at += u64::try_from(line.len()).unwrap_or(0);
            let Some(address) = line::address(line) else {
                return Ok(());
            };
            ended.insert(address.id);
            if (number, at) > published {
                give(line)
            } else {
                Ok(())
            }
        })?;
    }
    Ok(ended)
}

/// Gives a line for each call that began and is not among the ended ones.
fn lost(
    folder: &Path,
    ended: &HashSet<CallId>,
    now: Timestamp,
    mut give: impl FnMut(Vec<u8>) -> Result<(), SpoolError>,
) -> Result<(), SpoolError> {
    for number in files::segments(folder)? {
        each_line(&files::began(folder, number), |line| {
            let lost = line::whole(line).filter(|line| !ended.contains(&line.payload.call));
            let Some(line::Whole { mut payload, hold }) = lost else {
                return Ok(());
            };
            payload.outcome = CallOutcome::ProxyLost;
            payload.ended_at = now.max(payload.began_at);
            give(line::of(&payload, &hold)?)
        })?;
    }
    Ok(())
}

/// Up to which place of which segment everything is published.
fn published(folder: &Path) -> (u64, u64) {
    let text = fs::read_to_string(files::published(folder)).unwrap_or_default();
    let read = text
        .trim()
        .split_once(' ')
        .and_then(|(segment, at)| Some((segment.parse().ok()?, at.parse().ok()?)));
    read.unwrap_or((0, 0))
}

/// Every whole line of a file; a torn one at its end was never relied upon.
fn each_line(
    path: &Path,
    mut each: impl FnMut(&[u8]) -> Result<(), SpoolError>,
) -> Result<(), SpoolError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => {
            return Err(SpoolError::Disk {
                path: path.to_owned(),
                source,
            });
        }
    };
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    loop {
        line.clear();
        reader
            .read_until(b'\n', &mut line)
            .map_err(SpoolError::at(path))?;
        if !line.ends_with(b"\n") {
            return Ok(());
        }
        each(&line)?;
    }
}

/// The lines of calls that began in this folder and never ended.
#[cfg(test)]
pub(super) fn lost_in(folder: &Path, now: Timestamp) -> Result<Vec<Vec<u8>>, SpoolError> {
    let ended = unpublished(folder, |_| Ok(()))?;
    let mut lines = Vec::new();
    lost(folder, &ended, now, |line| {
        lines.push(line);
        Ok(())
    })?;
    Ok(lines)
}

#[cfg(test)]
#[path = "dead_spool_tests.rs"]
mod tests;
