//! How an event is written to and read from the store.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// A family of events: the events of one kind of aggregate.
///
/// An event is stored as its type, its schema version and its payload. A new version of a type
/// gets a new schema number and an arm in [`EventPayload::upcast`]; nothing stored is rewritten.
pub trait EventPayload: Serialize + DeserializeOwned {
    /// The prefix of the stream that holds these events, such as `grant`.
    const STREAM: &'static str;

    /// The schema version that is written today for an event type.
    #[must_use]
    fn schema(_event_type: &str) -> i16 {
        1
    }

    /// Turns a payload of an older schema into today's. Today's passes through.
    #[must_use]
    fn upcast(_event_type: &str, _schema: i16, payload: Value) -> Value {
        payload
    }

    /// The type and the payload to store.
    ///
    /// # Errors
    /// When the event does not serialize, which is a fault of its definition.
    fn encode(&self) -> Result<(String, Value), Unreadable> {
        let unreadable = || Unreadable {
            event_type: Self::STREAM.to_owned(),
            schema: 0,
        };
        let mut whole = serde_json::to_value(self).map_err(|_| unreadable())?;
        let event_type = whole
            .get("type")
            .and_then(Value::as_str)
            .ok_or_else(unreadable)?
            .to_owned();
        let payload = whole
            .get_mut("payload")
            .map_or_else(|| json!({}), Value::take);
        Ok((event_type, payload))
    }

    /// The event that was stored.
    ///
    /// # Errors
    /// When this version of the program does not know the type or its schema.
    fn decode(event_type: &str, schema: i16, payload: Value) -> Result<Self, Unreadable> {
        let unreadable = || Unreadable {
            event_type: event_type.to_owned(),
            schema,
        };
        if schema > Self::schema(event_type) {
            return Err(unreadable());
        }
        let payload = Self::upcast(event_type, schema, payload);
        serde_json::from_value(json!({ "type": event_type, "payload": payload }))
            .map_err(|_| unreadable())
    }
}

/// A stored event that this version of the program cannot read. Readers stop; they never skip.
#[derive(Debug, Clone, thiserror::Error)]
#[error("cannot read events of type {event_type}, schema {schema}")]
pub struct Unreadable {
    /// The type as stored.
    pub event_type: String,
    /// The schema as stored.
    pub schema: i16,
}
