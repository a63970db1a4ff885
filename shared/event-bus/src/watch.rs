//! Hearing of decisions as they are announced, in every process.

use event_store::RecordedEvent;
use futures_util::StreamExt;
use lapin::{
    message::Delivery,
    options::{BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions},
    types::{FieldTable, ShortString},
};
use tokio::sync::mpsc;

use crate::{
    bus::{BusError, EventBus, within},
    consume::Pauses,
};

/// Announcements that wait for a slow watcher before the broker's have to wait.
const WAITING: usize = 1_000;

/// What a watcher hears.
#[derive(Debug)]
pub enum Watched {
    /// A decision was made.
    Event(Box<RecordedEvent>),
    /// Decisions may have been made that this watcher did not hear of: nothing that was learned
    /// before may be relied upon. Comes when the connection is lost, and when it is there (again).
    Gap,
}

/// Hears of decisions from now on. Each process has a queue of its own, which goes with it.
pub struct Watcher {
    heard: mpsc::Receiver<Watched>,
}

impl EventBus {
    /// Hears of every decision whose type fits one of these patterns, such as `grant.#`. Runs in
    /// the background and reconnects by itself until the watcher is dropped.
    #[must_use]
    pub fn watch(&self, patterns: &[&str]) -> Watcher {
        let (tell, heard) = mpsc::channel(WAITING);
        let patterns = patterns
            .iter()
            .map(|pattern| (*pattern).to_owned())
            .collect();
        tokio::spawn(
            Watch {
                bus: self.clone(),
                patterns,
                tell,
            }
            .run(),
        );
        Watcher { heard }
    }
}

impl Watcher {
    /// The next thing heard. May be cancelled without losing any.
    pub async fn next(&mut self) -> Watched {
        match self.heard.recv().await {
            Some(watched) => watched,
            // The background task ends only when the runtime does.
            None => std::future::pending().await,
        }
    }
}

struct Watch {
    bus: EventBus,
    patterns: Vec<String>,
    tell: mpsc::Sender<Watched>,
}

impl Watch {
    async fn run(self) {
        tokio::select! {
            () = self.watch() => (),
            () = self.tell.closed() => (),
        }
    }

    /// Ends when nobody listens any more.
    async fn watch(&self) {
        let mut pauses = Pauses::new();
        loop {
            match self.open().await {
                Ok(stream) => {
                    pauses = Pauses::new();
                    if self.tell.send(Watched::Gap).await.is_err() || self.pass_on(stream).await {
                        return;
                    }
                }
                Err(error) => tracing::warn!(%error, "cannot watch decisions"),
            }
            pauses.pause().await;
        }
    }

    /// Tells of what comes until the connection is lost; true when nobody listens any more.
    async fn pass_on(&self, mut stream: lapin::Consumer) -> bool {
        while let Some(Ok(delivery)) = stream.next().await {
            if self.tell.send(heard(&delivery)).await.is_err() {
                return true;
            }
        }
        self.tell.send(Watched::Gap).await.is_err()
    }

    async fn open(&self) -> Result<lapin::Consumer, BusError> {
        let channel = self.bus.channel().await?;
        let own = QueueDeclareOptions {
            exclusive: true,
            auto_delete: true,
            ..QueueDeclareOptions::default()
        };
        let queue = within(channel.queue_declare("".into(), own, FieldTable::default())).await?;
        for pattern in &self.patterns {
            let pattern = ShortString::try_new(pattern.as_str()).map_err(|_| BusError::Prefix)?;
            let (events, name) = (self.bus.topology().events(), queue.name().clone());
            let (bind, none) = (QueueBindOptions::default(), FieldTable::default());
            within(channel.queue_bind(name, events, pattern, bind, none)).await?;
        }
        let options = BasicConsumeOptions {
            no_ack: true,
            ..BasicConsumeOptions::default()
        };
        let (name, none) = (queue.name().clone(), FieldTable::default());
        within(channel.basic_consume(name, "".into(), options, none)).await
    }
}

fn heard(delivery: &Delivery) -> Watched {
    match serde_json::from_slice(&delivery.data) {
        Ok(event) => Watched::Event(Box::new(event)),
        Err(_) => {
            // Whatever it said, it was not understood: as if it had not been heard.
            tracing::error!(event.type = %delivery.routing_key, "unreadable announcement");
            Watched::Gap
        }
    }
}
