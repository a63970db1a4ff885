//! The connection to the broker: made when first needed, made again when lost.

use std::{sync::Arc, time::Duration};

use lapin::{
    Channel, Connection, ConnectionProperties,
    options::{ConfirmSelectOptions, QueueDeclareOptions},
    types::FieldTable,
    uri::AMQPUri,
};
use tokio::{
    sync::{Mutex, MutexGuard},
    time::{Instant, timeout},
};

use crate::topology::{Queue, Topology};

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// After a failure, callers are told at once for this long instead of waiting each in turn.
const REST: Duration = Duration::from_millis(250);
/// Seconds between signs of life, so that a broker that vanished is noticed.
const HEARTBEAT: u16 = 10;

/// How to reach the broker.
#[derive(Clone)]
pub struct BusSettings {
    /// `amqp://user:password@host:port/vhost`. Holds a password: never shown.
    pub url: String,
    /// Put before every name on the broker, such as `staging.`; may be empty.
    pub prefix: String,
}

/// The message bus. Cheap to clone; clones share one connection.
#[derive(Clone)]
pub struct EventBus(Arc<Shared>);

struct Shared {
    uri: AMQPUri,
    topology: Topology,
    link: Mutex<Link>,
    /// The channel for publishing, held by one window at a time; see [`EventBus::publish`].
    publishing: Mutex<Option<Channel>>,
}

#[derive(Default)]
struct Link {
    connection: Option<Connection>,
    failed_at: Option<Instant>,
}

/// What went wrong between us and the broker.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BusError {
    /// The URL does not parse. The URL itself is not repeated: it holds a password.
    #[error("the message bus URL does not parse")]
    Url,
    /// The prefix has characters that names on the broker should not have.
    #[error("a message bus prefix has at most 100 of a-z, A-Z, 0-9, `.`, `-` and `_`")]
    Prefix,
    /// The broker did not answer in time, or cannot be reached at all.
    #[error("the message bus does not answer")]
    Unreachable,
    /// The broker refused something or the connection broke.
    #[error("the message bus broke off")]
    Broken(#[from] lapin::Error),
    /// The delivery's channel is gone: the message will be delivered again.
    #[error("the delivery can no longer be answered; it will come again")]
    Stale,
}

impl EventBus {
    /// A bus that connects when first used.
    ///
    /// # Errors
    /// When URL or prefix are not well formed.
    pub fn connect(settings: &BusSettings) -> Result<Self, BusError> {
        let mut uri: AMQPUri = settings.url.parse().map_err(|_| BusError::Url)?;
        uri.query.heartbeat.get_or_insert(HEARTBEAT);
        let topology = Topology::new(&settings.prefix).ok_or(BusError::Prefix)?;
        let (link, publishing) = (Mutex::default(), Mutex::default());
        Ok(Self(Arc::new(Shared {
            uri,
            topology,
            link,
            publishing,
        })))
    }

    /// Answers when the broker answers; for readiness.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), BusError> {
        self.channel().await.map(drop)
    }

    /// How many messages wait in a queue. Dead letters are for an alarm: there should be none.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn waiting(&self, queue: Queue) -> Result<u32, BusError> {
        let channel = self.channel().await?;
        let look = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let name = self.topology().queue(queue);
        let found = channel
            .queue_declare(name, look, FieldTable::default())
            .await?;
        Ok(found.message_count())
    }

    pub(crate) fn topology(&self) -> &Topology {
        &self.0.topology
    }

    pub(crate) async fn publishing(&self) -> MutexGuard<'_, Option<Channel>> {
        self.0.publishing.lock().await
    }

    /// A channel of the caller's own, on a connection that is made anew if it was lost.
    pub(crate) async fn channel(&self) -> Result<Channel, BusError> {
        let mut link = self.0.link.lock().await;
        if let Some(connection) = link.connection.as_ref().filter(|c| c.status().connected())
            && let Ok(channel) = within(connection.create_channel()).await
        {
            return Ok(channel);
        }
        link.connection = None;
        if link.failed_at.is_some_and(|at| at.elapsed() < REST) {
            return Err(BusError::Unreachable);
        }
        let opened = self.open().await;
        link.failed_at = opened.is_err().then(Instant::now);
        let (connection, channel) = opened?;
        link.connection = Some(connection);
        Ok(channel)
    }

    /// A channel on which the broker confirms what it has stored.
    pub(crate) async fn confirming_channel(&self) -> Result<Channel, BusError> {
        let channel = self.channel().await?;
        within(channel.confirm_select(ConfirmSelectOptions::default())).await?;
        Ok(channel)
    }

    async fn open(&self) -> Result<(Connection, Channel), BusError> {
        let properties = ConnectionProperties::default().with_connection_name("latchkey".into());
        let connection = within(Connection::connect_uri(self.0.uri.clone(), properties)).await?;
        let channel = within(connection.create_channel()).await?;
        within(self.topology().declare(&channel)).await?;
        tracing::info!("connected to the message bus");
        Ok((connection, channel))
    }

    /// As when the network breaks.
    #[cfg(test)]
    pub(crate) async fn hang_up(&self) {
        if let Some(connection) = self.0.link.lock().await.connection.take() {
            connection.close(320, "test".into()).await.unwrap();
        }
    }
}

/// Waits for the broker, but not for ever.
pub async fn within<T>(answer: impl Future<Output = lapin::Result<T>>) -> Result<T, BusError> {
    match timeout(CONNECT_WITHIN, answer).await {
        Ok(answer) => answer.map_err(BusError::Broken),
        Err(_) => Err(BusError::Unreachable),
    }
}
