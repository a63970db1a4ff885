//! An event as it stands in the store.

use events::{EventPayload, Unreadable};
use ids::{EventId, TenantId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_postgres::Row;

/// Which of the store's two logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// What people and services decided.
    Decisions,
    /// What the proxy observed: calls.
    Calls,
}

/// Where an event stands in the order of reading. Opaque outside.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    pub(crate) transaction_id: String,
    pub(crate) position: i64,
}

/// An event as it stands in the store and as it travels between services.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedEvent {
    /// Its own id, by which a second delivery is known.
    pub id: EventId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The stream.
    pub stream: String,
    /// Its number in the stream, from 1.
    pub version: i32,
    /// Its type, such as `grant.revoked`.
    #[serde(rename = "type")]
    pub event_type: String,
    /// The version of its payload's form.
    pub schema: i16,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Who did it.
    pub actor: String,
    /// Upon which request.
    pub correlation_id: String,
    /// What it says.
    pub payload: Value,
    /// Where it stands in the order of reading.
    #[serde(skip)]
    pub place: Place,
}

impl RecordedEvent {
    /// The event, if it is of the family `E`; `None` if it is of another.
    ///
    /// # Errors
    /// When it is of the family but this version cannot read it: stop, never skip.
    pub fn read<E: EventPayload>(&self) -> Result<Option<E>, Unreadable> {
        let of_family = self
            .event_type
            .split_once('.')
            .is_some_and(|(family, _)| family == E::STREAM);
        if !of_family {
            return Ok(None);
        }
        E::decode(&self.event_type, self.schema, self.payload.clone()).map(Some)
    }

    /// The UUID after the stream's name.
    #[must_use]
    pub fn stream_uuid(&self) -> Option<uuid::Uuid> {
        self.stream
            .split_once('-')
            .and_then(|(_, id)| id.parse().ok())
    }

    pub(crate) fn from_row(row: &Row) -> Self {
        Self {
            id: EventId::from_uuid(row.get("id")),
            tenant: TenantId::from_uuid(row.get("tenant_id")),
            stream: row.get("stream"),
            version: row.get("version"),
            event_type: row.get("type"),
            schema: row.get("schema"),
            occurred_at: row.get("occurred_at"),
            actor: row.get("actor"),
            correlation_id: row.get("correlation_id"),
            payload: row.get("payload"),
            place: Place {
                transaction_id: row.get("xid"),
                position: row.get("position"),
            },
        }
    }
}
