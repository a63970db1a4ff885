//! Publishing so that "published" means "stored".

use std::{collections::HashSet, time::Duration};

use futures_util::future::join_all;
use ids::TenantId;
use lapin::{
    BasicProperties, Channel, Confirmation,
    options::BasicPublishOptions,
    types::{AMQPValue, FieldTable, ShortString},
};
use tokio::time::timeout;

use crate::bus::{BusError, EventBus};

/// The most messages that are under way without a confirmation.
const WINDOW: usize = 500;
const CONFIRM_WITHIN: Duration = Duration::from_secs(10);
/// Delivery mode 2: kept over a restart of the broker.
const PERSISTENT: u8 = 2;

/// A message to publish.
#[derive(Clone)]
pub struct Message {
    /// The event's own id, by which a second delivery is known.
    pub id: String,
    /// The event's type, such as `grant.revoked` or `call.recorded`.
    pub routing_key: String,
    /// Whose it is: for a person who looks at dead letters. `None` when it is several ones'.
    pub tenant: Option<TenantId>,
    /// JSON, one object or several, each on a line of its own.
    pub body: Vec<u8>,
}

/// Why a message does not count as stored. It may be published again: its id stays the same.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PublishError {
    /// No queue takes messages of this routing key.
    #[error("no queue takes this message")]
    Unroutable,
    /// The broker, or a queue that is full, said no.
    #[error("the message bus did not take the message")]
    Refused,
    /// Nobody knows: no confirmation came in time, or the connection broke before.
    #[error("the message bus did not confirm the message")]
    Unconfirmed,
    /// It was not sent at all.
    #[error("the message was not sent")]
    NotSent(#[source] BusError),
    /// The id or the routing key is longer than 255 bytes.
    #[error("the message's id or routing key is too long")]
    TooLong,
}

impl EventBus {
    /// Publishes messages in order; tells of each whether a queue has stored it. Waits for the
    /// broker's confirmations, at most ten seconds for each 500 messages.
    ///
    /// After a message that was not confirmed, later ones may still be: whoever needs them in
    /// order counts the ones up to the first failure and publishes the rest again.
    pub async fn publish(&self, messages: &[Message]) -> Vec<Result<(), PublishError>> {
        let mut results: Vec<Result<(), PublishError>> = Vec::with_capacity(messages.len());
        for window in messages.chunks(WINDOW) {
            // A broker that is gone is not waited for again by every window.
            let gone = results.last().is_some_and(|last| {
                matches!(
                    last,
                    Err(PublishError::Unconfirmed | PublishError::NotSent(_))
                )
            });
            if gone {
                let not_sent = || Err(PublishError::NotSent(BusError::Unreachable));
                results.extend(window.iter().map(|_| not_sent()));
            } else {
                results.extend(self.publish_window(window).await);
            }
        }
        let stored = results.iter().filter(|result| result.is_ok()).count() as u64;
        metrics::counter!("latchkey_messages_published_total").increment(stored);
        metrics::counter!("latchkey_messages_not_published_total")
            .increment(results.len() as u64 - stored);
        results
    }

    /// Publishes one message.
    ///
    /// # Errors
    /// When it does not count as stored.
    pub async fn publish_one(&self, message: &Message) -> Result<(), PublishError> {
        let results = self.publish(std::slice::from_ref(message)).await;
        results
            .into_iter()
            .next()
            .unwrap_or(Err(PublishError::Unconfirmed))
    }

    async fn publish_window(&self, window: &[Message]) -> Vec<Result<(), PublishError>> {
        let all = |error: PublishError| window.iter().map(|_| Err(error.clone())).collect();
        // One window at a time has the channel, and takes it out: if this is cancelled, or
        // anything is left unconfirmed, the channel goes and no late answer meets the next window.
        let mut place = self.publishing().await;
        let channel = match place.take().filter(|channel| channel.status().connected()) {
            Some(channel) => channel,
            None => match self.confirming_channel().await {
                Ok(channel) => channel,
                Err(error) => return all(PublishError::NotSent(error)),
            },
        };
        let sent = timeout(CONFIRM_WITHIN, self.send_and_wait(&channel, window)).await;
        let Ok(answers) = sent else {
            return all(PublishError::Unconfirmed);
        };
        if !answers
            .iter()
            .any(|answer| matches!(answer, Err(PublishError::Unconfirmed)))
        {
            *place = Some(channel);
        }
        results(window, answers)
    }

    async fn send_and_wait(
        &self,
        channel: &Channel,
        window: &[Message],
    ) -> Vec<Result<Confirmation, PublishError>> {
        let mut sent = Vec::with_capacity(window.len());
        for message in window {
            sent.push(self.send(channel, message).await);
        }
        join_all(sent.into_iter().map(|confirmation| async {
            confirmation?.await.map_err(|_| PublishError::Unconfirmed)
        }))
        .await
    }

    async fn send(
        &self,
        channel: &Channel,
        message: &Message,
    ) -> Result<lapin::PublisherConfirm, PublishError> {
        let short = |text: &str| ShortString::try_new(text).map_err(|_| PublishError::TooLong);
        let routing_key = short(&message.routing_key)?;
        let mut headers = FieldTable::default();
        if let Some(tenant) = message.tenant {
            let tenant = AMQPValue::LongString(tenant.to_string().into());
            headers.insert("latchkey-tenant".into(), tenant);
        }
        let properties = BasicProperties::default()
            .with_delivery_mode(PERSISTENT)
            .with_content_type("application/json".into())
            .with_message_id(short(&message.id)?)
            .with_headers(headers);
        // Mandatory, because a message that no queue takes is otherwise confirmed all the same.
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let exchange = self.topology().entrance(&message.routing_key);
        channel
            .basic_publish(exchange, routing_key, options, &message.body, properties)
            .await
            .map_err(|_| PublishError::Unconfirmed)
    }
}

/// Says of each message whether it is stored.
///
/// A message that no queue took comes back *and* is acknowledged. Which acknowledgement the client
/// library hangs it on is chance when several are acknowledged at once, so the ids of what came
/// back count, and not where they hang.
fn results(
    window: &[Message],
    answers: Vec<Result<Confirmation, PublishError>>,
) -> Vec<Result<(), PublishError>> {
    let mut returned = HashSet::new();
    let mut acknowledged = Vec::with_capacity(window.len());
    for answer in answers {
        let (result, back) = match answer {
            Ok(Confirmation::Ack(back)) => (Ok(()), back),
            Ok(Confirmation::Nack(back)) => (Err(PublishError::Refused), back),
            Ok(Confirmation::NotRequested) => (Err(PublishError::Unconfirmed), None),
            Err(error) => (Err(error), None),
        };
        acknowledged.push(result);
        if let Some(id) = back.and_then(|back| back.delivery.properties.message_id().clone()) {
            returned.insert(id.to_string());
        }
    }
    let came_back = |message: &Message| returned.contains(&message.id);
    let pairs = window.iter().zip(acknowledged);
    pairs
        .map(|(message, result)| match result {
            Ok(()) if came_back(message) => Err(PublishError::Unroutable),
            result => result,
        })
        .collect()
}
