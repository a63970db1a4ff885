//! From the store to the bus: every committed decision is announced at least once.

use std::{sync::Arc, time::Duration};

use event_store::{Follower, Log, RecordedEvent};
use postgres::{DatabaseError, Postgres, Scope};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

use crate::{
    bus::EventBus,
    consume::Pauses,
    one_at_a_time::OneAtATime,
    publish::{Message, PublishError},
};

const BATCH: i64 = 500;
/// How long a decision waits at most when nobody woke the relay.
const POLL: Duration = Duration::from_millis(200);
/// How often one that is not the one looks whether it has become it.
const STAND_BY: Duration = Duration::from_secs(1);

/// Announces decisions. One works at a time, however many processes run one; the others stand by.
///
/// The store is the outbox: a checkpoint says what was announced, and moves only over events whose
/// messages are all confirmed. After a failure it starts again there, so an event may be announced
/// twice, and none is left out.
#[derive(Clone)]
pub struct Relay {
    postgres: Postgres,
    bus: EventBus,
    name: &'static str,
    wake: Arc<Notify>,
}

/// Why a batch was not announced, or not noted. The next try starts where it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RelayError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("an event cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    #[error("an event of type {event_type} was not announced")]
    Publish {
        event_type: String,
        #[source]
        source: PublishError,
    },
}

impl Relay {
    /// A relay whose checkpoint has this name, which never changes.
    #[must_use]
    pub fn new(postgres: Postgres, bus: EventBus, name: &'static str) -> Self {
        Self {
            postgres,
            bus,
            name,
            wake: Arc::new(Notify::new()),
        }
    }

    /// Lets the relay of this process look at once instead of at its next turn. Any clone will do.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Announces decisions until `shutdown` ends. Stopping at any moment is safe: what was
    /// announced and not yet noted is announced again.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        tokio::select! {
            () = self.relay() => (),
            () = shutdown => (),
        }
    }

    async fn relay(&self) {
        let mut pauses = Pauses::new();
        loop {
            match OneAtATime::take(&self.postgres, self.name).await {
                Ok(Some(lock)) => {
                    pauses = Pauses::new();
                    self.relay_while(lock).await;
                }
                Ok(None) => sleep(STAND_BY).await,
                Err(error) => {
                    tracing::warn!(%error, "the relay cannot reach the database");
                    pauses.pause().await;
                }
            }
        }
    }

    async fn relay_while(&self, mut lock: OneAtATime) {
        let mut pauses = Pauses::new();
        while !lock.is_lost() {
            match self.announce_next().await {
                Ok(full) => {
                    pauses = Pauses::new();
                    if !full {
                        // Either way there may be something to announce.
                        let _ = timeout(POLL, self.wake.notified()).await;
                    }
                }
                Err(error) => {
                    metrics::counter!("latchkey_relay_failures_total").increment(1);
                    tracing::warn!(%error, cause = ?std::error::Error::source(&error),
                        "decisions are not announced");
                    pauses.pause().await;
                }
            }
        }
        tracing::warn!("the relay lost its lock");
    }

    /// Announces what comes after the checkpoint; true when there may be more.
    pub(crate) async fn announce_next(&self) -> Result<bool, RelayError> {
        let follower = Follower::new(self.name, Log::Decisions);
        // Read and noted in two transactions: one that stayed open while the broker answers would
        // keep every other follower from seeing what is committed meanwhile.
        let tx = self.postgres.begin("relay: read", Scope::None).await?;
        let events = follower.next(&tx, BATCH).await?.events;
        tx.commit().await?;
        if events.is_empty() {
            return Ok(false);
        }
        let messages = events.iter().map(message).collect::<Result<Vec<_>, _>>()?;
        let results = self.bus.publish(&messages).await;
        let confirmed = results.iter().take_while(|result| result.is_ok()).count();
        if let Some(last) = confirmed.checked_sub(1).and_then(|last| events.get(last)) {
            let tx = self.postgres.begin("relay: note", Scope::None).await?;
            follower.advance(&tx, last).await?;
            tx.commit().await?;
        }
        let failure = results.into_iter().nth(confirmed).and_then(Result::err);
        match (failure, events.get(confirmed)) {
            (Some(source), Some(event)) => Err(RelayError::Publish {
                event_type: event.event_type.clone(),
                source,
            }),
            _ => Ok(i64::try_from(events.len()).is_ok_and(|read| read >= BATCH)),
        }
    }
}

fn message(event: &RecordedEvent) -> Result<Message, serde_json::Error> {
    Ok(Message {
        id: event.id.to_string(),
        routing_key: event.event_type.clone(),
        tenant: Some(event.tenant),
        body: serde_json::to_vec(event)?,
    })
}
