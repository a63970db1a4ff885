//! What stands on the broker: exchanges, queues and how they hang together.

use lapin::{
    Channel, ExchangeKind,
    options::{ExchangeBindOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable, ShortString},
};

/// A message that comes back this often goes to the dead letters. Always said, because old brokers
/// have no limit of their own.
const DELIVERY_LIMIT: i32 = 5;
/// Announced decisions that are kept for a consumer that is away. Losing the oldest is harmless:
/// they only wake projections, which read the store.
const MOST_DECISIONS: i32 = 100_000;
/// Checks of provider keys that wait while no proxy is there, and for how many milliseconds. One that is
/// lost is asked for again by whoever wanted it.
const MOST_KEY_CHECKS: i32 = 10_000;
const KEY_CHECKS_WAIT_MS: i32 = 60 * 60 * 1000;

/// The queues that outlive a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queue {
    /// Records of calls, for billing's recorder.
    Recorder,
    /// Every decision, to wake billing's projections.
    Decisions,
    /// Provider keys that are to be checked, each by whichever proxy takes it first.
    KeyChecks,
    /// What nobody could take in: for a person to look at.
    DeadLetters,
}

impl Queue {
    /// Every one, the dead letters before those that send there.
    pub(crate) const ALL: [Self; 4] = [
        Self::DeadLetters,
        Self::Decisions,
        Self::KeyChecks,
        Self::Recorder,
    ];
}

/// The names on the broker; a prefix keeps several installations on one broker apart.
#[derive(Debug, Clone)]
pub struct Topology {
    prefix: String,
}

impl Topology {
    /// `None` for a prefix that is too long or has characters that names should not have.
    pub fn new(prefix: &str) -> Option<Self> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
        (prefix.len() <= 100 && prefix.bytes().all(plain)).then(|| Self {
            prefix: prefix.to_owned(),
        })
    }

    fn name(&self, name: &str) -> ShortString {
        // Within the 255 bytes that a name may have: see `new`.
        format!("{}{name}", self.prefix).into()
    }

    /// Where everything passes that watchers may bind to, and where calls go in.
    pub fn events(&self) -> ShortString {
        self.name("latchkey.events")
    }

    /// Where decisions go in. A fanout, so that a decision of whatever type reaches
    /// [`Queue::Decisions`]: a topic could not say "everything but calls".
    fn decisions(&self) -> ShortString {
        self.name("latchkey.decisions")
    }

    fn dead_letters(&self) -> ShortString {
        self.name("latchkey.dead-letters")
    }

    /// The exchange at which a message of this routing key goes in.
    pub fn entrance(&self, routing_key: &str) -> ShortString {
        if routing_key.starts_with("call.") {
            self.events()
        } else {
            self.decisions()
        }
    }

    /// The name of a queue.
    pub fn queue(&self, queue: Queue) -> ShortString {
        match queue {
            Queue::Recorder => self.name("latchkey.billing.recorder"),
            Queue::Decisions => self.name("latchkey.billing.decisions"),
            Queue::KeyChecks => self.name("latchkey.proxy.key-checks"),
            Queue::DeadLetters => self.name("latchkey.dead-letters"),
        }
    }

    #[cfg(test)]
    pub fn exchanges(&self) -> [ShortString; 3] {
        [self.events(), self.decisions(), self.dead_letters()]
    }

    /// Makes what is missing; what is there stays.
    pub async fn declare(&self, channel: &Channel) -> lapin::Result<()> {
        exchange(channel, self.events(), ExchangeKind::Topic).await?;
        exchange(channel, self.decisions(), ExchangeKind::Fanout).await?;
        exchange(channel, self.dead_letters(), ExchangeKind::Fanout).await?;
        channel
            .exchange_bind(
                self.events(),
                self.decisions(),
                "".into(),
                ExchangeBindOptions::default(),
                FieldTable::default(),
            )
            .await?;
        for queue in Queue::ALL {
            self.declare_queue(channel, queue).await?;
        }
        Ok(())
    }

    async fn declare_queue(&self, channel: &Channel, queue: Queue) -> lapin::Result<()> {
        let options = QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        };
        let (exchange, routing_key) = match queue {
            Queue::Recorder => (self.events(), "call.#"),
            Queue::Decisions => (self.decisions(), ""),
            Queue::KeyChecks => (self.events(), "provider_key.check_requested"),
            Queue::DeadLetters => (self.dead_letters(), ""),
        };
        channel
            .queue_declare(self.queue(queue), options, self.arguments(queue))
            .await?;
        let (bind, none) = (QueueBindOptions::default(), FieldTable::default());
        channel
            .queue_bind(self.queue(queue), exchange, routing_key.into(), bind, none)
            .await
    }

    fn arguments(&self, queue: Queue) -> FieldTable {
        let mut arguments = FieldTable::default();
        let mut say = |name: &str, value| {
            arguments.insert(name.into(), value);
        };
        say("x-queue-type", text("quorum"));
        if queue == Queue::DeadLetters {
            return arguments;
        }
        say("x-delivery-limit", AMQPValue::LongInt(DELIVERY_LIMIT));
        if queue == Queue::KeyChecks {
            say("x-max-length", AMQPValue::LongInt(MOST_KEY_CHECKS));
            say("x-overflow", text("drop-head"));
            say("x-message-ttl", AMQPValue::LongInt(KEY_CHECKS_WAIT_MS));
            return arguments;
        }
        say(
            "x-dead-letter-exchange",
            AMQPValue::LongString(self.dead_letters().as_str().into()),
        );
        if queue == Queue::Recorder {
            // No record may be lost on its way to the dead letters; this is only to be had
            // together with refusing, and not dropping, what a full queue cannot take.
            say("x-dead-letter-strategy", text("at-least-once"));
            say("x-overflow", text("reject-publish"));
        } else {
            say("x-max-length", AMQPValue::LongInt(MOST_DECISIONS));
            say("x-overflow", text("drop-head"));
        }
        arguments
    }
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

async fn exchange(channel: &Channel, name: ShortString, kind: ExchangeKind) -> lapin::Result<()> {
    let options = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    channel
        .exchange_declare(name, kind, options, FieldTable::default())
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_that_would_break_a_name_is_refused() {
        assert!(Topology::new("").is_some());
        assert!(Topology::new("staging.").is_some());
        assert!(Topology::new("a b").is_none());
        assert!(Topology::new(&"a".repeat(101)).is_none());
    }
}
