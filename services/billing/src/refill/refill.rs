//! The task that opens limits again.

use std::time::Duration;

use clock::Clock;
use server::Shutdown;
use spend_limits::{Grace, OpenError, Opened, SpendLimits};
use tokio::time::{Instant, sleep};

use crate::{
    recording::Recorder,
    refill::{
        ledger::{Ledger, LedgerError},
        overdue::{OverdueError, settle_recorded},
    },
    usage::Usage,
};

/// How often to look whether limits are open.
const LOOK: Duration = Duration::from_secs(1);
/// Every how many looks overdue holds are settled.
const LOOKS_A_SWEEP: u32 = 30;

/// Opens limits whenever Redis has lost them.
#[derive(Clone)]
pub struct Refill {
    /// The present.
    pub clock: Clock,
    /// The limits.
    pub limits: SpendLimits,
    /// What they are loaded with.
    pub ledger: Ledger,
    /// The books that the ledger sums up.
    pub usage: Usage,
    /// Takes in what proxies sent, which must be in the ledger first.
    pub recorder: Recorder,
    /// How long proxies have to carry their calls into a new epoch; [`spend_limits::GRACE`] at the
    /// least, unless in tests.
    pub grace: Grace,
}

impl Refill {
    /// Keeps limits open until the shutdown.
    pub async fn watch(&self, shutdown: Shutdown) {
        let mut failing = false;
        let mut looks: u32 = 0;
        while !shutdown.is_requested() {
            let looked = tokio::select! {
                looked = self.look(looks.is_multiple_of(LOOKS_A_SWEEP)) => looked,
                () = shutdown.requested() => return,
            };
            looks = looks.wrapping_add(1);
            match looked {
                Ok(()) => failing = false,
                Err(error) if !failing => {
                    failing = true;
                    tracing::error!(error = error.as_ref(), "limits cannot be kept open");
                }
                Err(_) => {}
            }
            tokio::select! {
                () = sleep(LOOK) => {}
                () = shutdown.requested() => {}
            }
        }
    }

    async fn look(&self, sweep: bool) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let needed = self.limits.epoch_needed().await?;
        metrics::gauge!("latchkey_limits_open").set(if needed { 0.0 } else { 1.0 });
        if needed {
            self.open().await?;
        } else if sweep {
            self.sweep().await?;
        }
        Ok(())
    }

    /// Waits until every record that proxies sent is in the ledger, as long as for those who must answer.
    async fn take_in_the_rest(&self) {
        let until = Instant::now() + self.grace.most;
        while !self.recorder.drain().await {
            if Instant::now() >= until {
                metrics::counter!("latchkey_limit_openings_without_records_total").increment(1);
                tracing::error!("limits begin anew though records of calls wait to be taken in");
                return;
            }
            sleep(LOOK).await;
        }
    }

    /// Settles holds past their deadline whose call is recorded; tells how many remain.
    ///
    /// # Errors
    /// When Redis or the ledger cannot be asked.
    pub async fn sweep(&self) -> Result<u32, OverdueError> {
        let unexplained = settle_recorded(&self.limits, &self.ledger, self.clock.now()).await?;
        metrics::gauge!("latchkey_overdue_holds").set(unexplained);
        Ok(unexplained)
    }

    /// Opens an epoch from the ledger, if none is open and nobody else is at it.
    ///
    /// # Errors
    /// When the ledger cannot be read, Redis cannot be asked, or the opening is lost.
    pub async fn open(&self) -> Result<Opened, OpenError<LedgerError>> {
        // Most of what is waiting goes by before proxies must be kept from calling; the rest while
        // they are.
        self.recorder.drain().await;
        let read = async |at| {
            self.take_in_the_rest().await;
            self.usage.catch_up().await?;
            self.ledger.whole(at).await
        };
        let opened = self.limits.open_epoch(read, self.grace).await;
        metrics::counter!("latchkey_limit_openings_total", "outcome" => outcome(&opened))
            .increment(1);
        if let Ok(Opened::Without(_, spools)) = &opened
            && let Err(error) = self.ledger.forget_spools(spools).await
        {
            tracing::warn!(%error, "the next opening waits for the same spools again");
        }
        opened
    }
}

const fn outcome(opened: &Result<Opened, OpenError<LedgerError>>) -> &'static str {
    match opened {
        Ok(Opened::Opened(_)) => "opened",
        Ok(Opened::Without(..)) => "opened_without",
        Ok(Opened::AlreadyOpen) => "already_open",
        Ok(Opened::Busy) => "busy",
        Err(_) => "failed",
    }
}
