//! Consuming a queue, over as many connections as it takes.

use std::time::Duration;

use futures_util::StreamExt;
use lapin::{
    Acker,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, BasicRejectOptions},
    types::FieldTable,
};
use tokio::time::sleep;

use crate::{
    bus::{BusError, EventBus, within},
    topology::Queue,
};

const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Pauses between tries that grow until one succeeds.
pub struct Pauses(Duration);

impl Pauses {
    pub const fn new() -> Self {
        Self(SHORTEST_PAUSE)
    }

    pub async fn pause(&mut self) {
        sleep(self.0).await;
        self.0 = (self.0 * 2).min(LONGEST_PAUSE);
    }
}

/// Reads a queue. Reconnects by itself; what was not answered before then comes again.
pub struct Consumer {
    bus: EventBus,
    queue: Queue,
    prefetch: u16,
    stream: Option<lapin::Consumer>,
    pauses: Pauses,
}

/// A message from a queue, to be answered in one of three ways. Dropped without an answer, it
/// comes again when the consumer is gone.
pub struct Delivery {
    /// What was published.
    pub body: Vec<u8>,
    /// The event's type.
    pub routing_key: String,
    /// The event's own id, if it was published with one.
    pub id: Option<String>,
    /// Whether it may have been delivered before.
    pub redelivered: bool,
    acker: Acker,
}

impl EventBus {
    /// Reads a queue, with at most `prefetch` messages unanswered.
    #[must_use]
    pub fn consume(&self, queue: Queue, prefetch: u16) -> Consumer {
        let (bus, stream, pauses) = (self.clone(), None, Pauses::new());
        Consumer {
            bus,
            queue,
            prefetch,
            stream,
            pauses,
        }
    }
}

impl Consumer {
    /// The next message. Waits for one, and for the broker, as long as it takes; may be cancelled
    /// without losing a message.
    pub async fn next(&mut self) -> Delivery {
        loop {
            match &mut self.stream {
                Some(stream) => match stream.next().await {
                    Some(Ok(delivery)) => return delivery.into(),
                    // The queue, the channel or the connection is gone.
                    Some(Err(_)) | None => self.stream = None,
                },
                None => match self.open().await {
                    Ok(stream) => {
                        self.stream = Some(stream);
                        self.pauses = Pauses::new();
                    }
                    Err(error) => {
                        tracing::warn!(queue = ?self.queue, %error, "cannot read a queue");
                        self.pauses.pause().await;
                    }
                },
            }
        }
    }

    async fn open(&self) -> Result<lapin::Consumer, BusError> {
        let channel = self.bus.channel().await?;
        // Again, because what was lost may have been the queue itself.
        within(self.bus.topology().declare(&channel)).await?;
        within(channel.basic_qos(self.prefetch, BasicQosOptions::default())).await?;
        let (name, options) = (
            self.bus.topology().queue(self.queue),
            BasicConsumeOptions::default(),
        );
        within(channel.basic_consume(name, "".into(), options, FieldTable::default())).await
    }
}

impl From<lapin::message::Delivery> for Delivery {
    fn from(delivery: lapin::message::Delivery) -> Self {
        Self {
            body: delivery.data,
            routing_key: delivery.routing_key.to_string(),
            id: delivery
                .properties
                .message_id()
                .as_ref()
                .map(ToString::to_string),
            redelivered: delivery.redelivered,
            acker: delivery.acker,
        }
    }
}

impl Delivery {
    /// It was taken in, for good: the broker may forget it.
    ///
    /// # Errors
    /// When the broker did not hear it; the message comes again.
    pub async fn ack(self) -> Result<(), BusError> {
        heard(self.acker.ack(BasicAckOptions::default()).await)
    }

    /// It can never be taken in: a person has to look at it.
    ///
    /// # Errors
    /// When the broker did not hear it; the message comes again.
    pub async fn reject_to_dead_letters(self) -> Result<(), BusError> {
        heard(
            self.acker
                .reject(BasicRejectOptions { requeue: false })
                .await,
        )
    }

    /// It could not be taken in now and comes again at once; after the fifth time it goes to the
    /// dead letters. For a fault of this message: when nothing can be taken in, as without a
    /// database, wait and then answer.
    ///
    /// # Errors
    /// When the broker did not hear it; the message comes again.
    pub async fn retry(self) -> Result<(), BusError> {
        heard(
            self.acker
                .reject(BasicRejectOptions { requeue: true })
                .await,
        )
    }
}

fn heard(answer: lapin::Result<bool>) -> Result<(), BusError> {
    if answer? {
        Ok(())
    } else {
        Err(BusError::Stale)
    }
}
