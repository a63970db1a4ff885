//! Opening an epoch: the ledger gives back what Redis forgot.

use std::{collections::HashSet, time::Duration};

use jiff::Timestamp;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::{
    carry::POLL,
    connection::SpendLimits,
    epoch::{Epoch, field},
    error::StoreError,
    ledger::{Ledger, Load, RecordedCall},
    script::{BEGIN_OPENING, Call, LOAD, Named, OPEN_EPOCH, RENEW_OPENING},
};

/// Time enough for every proxy to see the opening and carry its calls into it.
pub const GRACE: Duration = Duration::from_secs(2);
/// So long an opening waits for those who must answer for a spool.
pub const AWAITED: Duration = Duration::from_secs(60);
/// An opening whose keeper died ends after this time.
const LEASE: Duration = Duration::from_secs(15);
/// How many recorded calls travel with one call of the script.
const CALLS_A_PART: usize = 500;

/// How long processes have to carry their calls into an epoch.
#[derive(Debug, Clone, Copy)]
pub struct Grace {
    /// At the least, whoever answers.
    pub least: Duration,
    /// At the most, whoever does not.
    pub most: Duration,
}

impl From<Duration> for Grace {
    /// At least so long; [`AWAITED`] for those who must answer.
    fn from(least: Duration) -> Self {
        let most = least.max(AWAITED);
        Self { least, most }
    }
}

/// Whether an opening could begin.
#[derive(Debug)]
pub enum Begun {
    /// It began, and is ours.
    Opening(Opening),
    /// An epoch is open: nothing needs to be done.
    AlreadyOpen,
    /// Somebody else is opening one.
    Busy,
}

/// How an attempt to open an epoch ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// A new epoch is open.
    Opened(Epoch),
    /// A new epoch is open, and nobody answered for these spools: calls that only they know are not in
    /// it, and a limit may be passed by as much.
    Without(Epoch, Vec<u64>),
    /// An epoch was open.
    AlreadyOpen,
    /// Somebody else is opening one.
    Busy,
}

/// Why an epoch could not be opened. Proxies go on refusing; begin again.
#[derive(Debug, thiserror::Error)]
pub enum OpenError<E> {
    /// The ledger could not be read.
    #[error("the ledger could not be read")]
    Ledger(#[source] E),
    /// Redis lost its memory again, or we took too long and somebody else began.
    #[error("the opening was lost")]
    Lost,
    /// Redis cannot be asked.
    #[error("the epoch could not be opened")]
    Unavailable(#[from] StoreError),
}

/// An epoch that is being filled. Proxies carry their calls into it meanwhile.
#[derive(Debug)]
pub struct Opening {
    limits: SpendLimits,
    epoch: Epoch,
    at: Timestamp,
    began: Instant,
}

impl SpendLimits {
    /// Whether an epoch must be opened before any call can be reserved.
    ///
    /// # Errors
    /// When Redis cannot be asked.
    pub async fn epoch_needed(&self) -> Result<bool, StoreError> {
        Ok(self.position().await?.0.is_none())
    }

    /// Opens an epoch if none is open: begins, reads the ledger, loads it, waits until `grace` has
    /// passed since the beginning so that proxies can carry their calls, and for those who must answer
    /// for a spool ([`Ledger::spools`]); then sets the mark.
    ///
    /// `read_ledger` is given the instant whose day and month its sums are for. It runs after the
    /// opening began, because only then it is certain that no call is reserved meanwhile. A first
    /// start is the same with an empty ledger.
    ///
    /// # Errors
    /// When the ledger cannot be read, Redis cannot be asked, or the opening is lost.
    pub async fn open_epoch<F, Read, E>(
        &self,
        read_ledger: F,
        grace: impl Into<Grace>,
    ) -> Result<Opened, OpenError<E>>
    where
        F: FnOnce(Timestamp) -> Read,
        Read: Future<Output = Result<Ledger, E>>,
    {
        let opening = match self.begin_opening().await? {
            Begun::Opening(opening) => opening,
            Begun::AlreadyOpen => return Ok(Opened::AlreadyOpen),
            Begun::Busy => return Ok(Opened::Busy),
        };
        tracing::info!(epoch = %opening.epoch, "an epoch of limits is being opened");
        let ledger = match opening.keep_during(read_ledger(opening.at)).await? {
            Ok(ledger) => ledger,
            Err(error) => {
                opening.give_up().await;
                return Err(OpenError::Ledger(error));
            }
        };
        opening.load(&ledger).await?;
        let answers = opening.answers(&ledger.spools, grace.into());
        let missing = opening.keep_during(answers).await??;
        let epoch = opening.open().await?;
        tracing::info!(epoch = %epoch, buckets = ledger.loads.len(), "an epoch of limits is open");
        if missing.is_empty() {
            return Ok(Opened::Opened(epoch));
        }
        tracing::error!(spools = ?missing, "limits begin anew without calls that only these spools know");
        Ok(Opened::Without(epoch, missing))
    }

    /// Begins to open an epoch. For most, [`SpendLimits::open_epoch`] is the whole of it.
    ///
    /// # Errors
    /// When Redis cannot be asked.
    pub async fn begin_opening(&self) -> Result<Begun, StoreError> {
        let epoch = Epoch::mint();
        let keys = [self.shared.keys.epoch(), self.shared.keys.opening()];
        let args = [
            epoch.to_string(),
            self.time(),
            LEASE.as_millis().to_string(),
        ];
        let reply = self
            .run(
                &BEGIN_OPENING,
                &Call {
                    keys: keys.into(),
                    args: args.into(),
                },
            )
            .await?;
        Ok(match reply.word() {
            "BEGUN" => Begun::Opening(Opening {
                limits: self.clone(),
                epoch,
                at: reply.instant(1)?,
                began: Instant::now(),
            }),
            "OPEN" => Begun::AlreadyOpen,
            "BUSY" => Begun::Busy,
            _ => return Err(reply.unexpected()),
        })
    }
}

impl Opening {
    /// The instant whose day and month the loaded sums are for.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// Puts what the ledger knows into the new epoch. Doing it twice changes nothing.
    ///
    /// # Errors
    /// When Redis cannot be asked, or the opening is lost.
    pub async fn load<E>(&self, ledger: &Ledger) -> Result<(), OpenError<E>> {
        self.limits.mark_all_revoked(&ledger.revoked).await?;
        let calls: Vec<_> = ledger
            .loads
            .iter()
            .flat_map(|load| self.load_calls(load))
            .collect();
        for reply in self.limits.run_many(&LOAD, &calls).await? {
            match reply.word() {
                "DONE" | "ALREADY" => {}
                "LOST" => return Err(OpenError::Lost),
                _ => return Err(reply.unexpected().into()),
            }
        }
        Ok(())
    }

    /// Sets the completeness mark: limits are answered from here on.
    ///
    /// # Errors
    /// When Redis cannot be asked, or the opening is lost.
    pub async fn open<E>(self) -> Result<Epoch, OpenError<E>> {
        self.step(&OPEN_EPOCH, LEASE).await?;
        self.limits.learn(Some(self.epoch));
        Ok(self.epoch)
    }

    /// Keeps the opening ours while `work` takes its time.
    async fn keep_during<T, E>(&self, work: impl Future<Output = T>) -> Result<T, OpenError<E>> {
        let mut work = std::pin::pin!(work);
        let mut ticks = interval(LEASE / 5);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                _ = ticks.tick() => self.step(&RENEW_OPENING, LEASE).await?,
            }
        }
    }

    /// Waits for those who must answer for one of these spools; gives those that nobody answered for.
    async fn answers(&self, spools: &[u64], grace: Grace) -> Result<Vec<u64>, StoreError> {
        sleep(grace.least.saturating_sub(self.began.elapsed())).await;
        let mut members = redis::cmd("SMEMBERS");
        members.arg(self.limits.shared.keys.answered(self.epoch));
        loop {
            let answered: HashSet<u64> = self.limits.ask("answered", &members).await?;
            let missing = spools.iter().filter(|spool| !answered.contains(spool));
            let missing: Vec<u64> = missing.copied().collect();
            if missing.is_empty() || self.began.elapsed() >= grace.most {
                return Ok(missing);
            }
            sleep(POLL).await;
        }
    }

    /// Lets the next attempt begin at once; if Redis cannot be told, the lease ends by itself.
    async fn give_up(&self) {
        let soon = Duration::from_millis(1);
        drop(
            self.step::<std::convert::Infallible>(&RENEW_OPENING, soon)
                .await,
        );
    }

    async fn step<E>(&self, script: &Named, lease: Duration) -> Result<(), OpenError<E>> {
        let keys = &self.limits.shared.keys;
        let call = Call {
            keys: [keys.epoch(), keys.opening()].into(),
            args: [
                self.epoch.to_string(),
                self.limits.time(),
                lease.as_millis().to_string(),
            ]
            .into(),
        };
        let reply = self.limits.run(script, &call).await?;
        match reply.word() {
            "DONE" => Ok(()),
            "LOST" => Err(OpenError::Lost),
            _ => Err(reply.unexpected().into()),
        }
    }

    /// The calls of the script that load one bucket. Only the first carries the sums.
    fn load_calls(&self, load: &Load) -> Vec<Call> {
        let keys = &self.limits.shared.keys;
        let day = self.at.as_second().div_euclid(86_400);
        let mut parts: Vec<&[RecordedCall]> = load.recorded.chunks(CALLS_A_PART).collect();
        if parts.is_empty() {
            parts.push(&[]);
        }
        let zero = || "0".to_owned();
        let sums = [
            load.spent_today.nanos().max(0).to_string(),
            load.requests_today.to_string(),
            load.spent_this_month.nanos().max(0).to_string(),
        ];
        let part = |(index, recorded): (usize, &&[RecordedCall])| {
            let mut args = vec![
                self.epoch.to_string(),
                self.limits.time(),
                LEASE.as_millis().to_string(),
                load.bucket.to_string(),
                (index + 1).to_string(),
                day.to_string(),
            ];
            args.extend(if index == 0 {
                sums.clone()
            } else {
                [zero(), zero(), zero()]
            });
            for recorded in *recorded {
                args.push(field(recorded.call));
                args.push(recorded.at.as_millisecond().max(0).to_string());
            }
            let keys = [
                keys.epoch(),
                keys.opening(),
                keys.counters(self.epoch, load.bucket),
                keys.holds(self.epoch),
            ];
            let minute = self.limits.shared.keys.minute(self.epoch, load.bucket);
            Call {
                keys: keys.into_iter().chain(minute).collect(),
                args: args.into_iter().collect(),
            }
        };
        parts.iter().enumerate().map(part).collect()
    }
}

// The grace must leave every proxy several looks at the opening.
const _: () = assert!(GRACE.as_millis() > 3 * POLL.as_millis());
