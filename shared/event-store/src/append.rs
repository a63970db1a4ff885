//! Appending and loading one stream.

use events::{EventPayload, Unreadable};
use ids::{EventId, Id, Kind, TenantId};
use jiff::Timestamp;
use postgres::{DatabaseError, Tx};
use serde_json::Value;

use crate::recorded::RecordedEvent;

/// The events of one thing, in order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StreamId(String);

impl StreamId {
    /// The stream of the aggregate `E` speaks of.
    #[must_use]
    pub fn of<E: EventPayload, K: Kind>(id: Id<K>) -> Self {
        Self(format!("{}-{}", E::STREAM, id.uuid()))
    }

    /// Its name in the store.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How many events a stream has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(i32);

impl Version {
    /// Of a stream that has none yet.
    pub const NONE: Self = Self(0);

    /// The number of events.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.0
    }
}

/// Who did it, for whom, when, and upon which request.
#[derive(Debug, Clone)]
pub struct Context {
    /// The organization.
    pub tenant: TenantId,
    /// Who: a person's id, `app:…`, or the name of a part of Latchkey.
    pub actor: String,
    /// The request id that all that follows from one request shares.
    pub correlation_id: String,
    /// When.
    pub at: Timestamp,
}

/// Why nothing was appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Somebody appended first; load and decide again.
    #[error("somebody else changed it at the same moment")]
    Conflict,
    /// An event or a stored payload is not what this version knows.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The database refused.
    #[error(transparent)]
    Database(DatabaseError),
}

impl From<DatabaseError> for AppendError {
    fn from(error: DatabaseError) -> Self {
        if error.is_unique_violation() {
            Self::Conflict
        } else {
            Self::Database(error)
        }
    }
}

/// The state that a stream's events add up to. Rules live with the service; this is their fold.
pub trait Aggregate: Default {
    /// The events it is made of.
    type Event: EventPayload;

    /// Takes one event in. It happened, so this cannot fail.
    fn apply(&mut self, event: &Self::Event);
}

/// The door to `store.events`.
#[derive(Debug, Clone, Copy, Default)]
pub struct EventStore;

const APPEND: &str = "
    -- event_store.append
    INSERT INTO store.events (tenant_id, stream, version, id, type, schema, occurred_at, actor, correlation_id, payload)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

const STREAM: &str = "
    -- event_store.load
    SELECT version, type, schema, payload
      FROM store.events
     WHERE stream = $1
     ORDER BY version";

impl EventStore {
    /// Appends `events` to a stream that has `expected` of them, in the transaction of the caller.
    /// Gives them as recorded, for inline projections.
    ///
    /// # Errors
    /// [`AppendError::Conflict`] when the stream has grown meanwhile; the transaction is then lost.
    pub async fn append<E: EventPayload + Sync>(
        tx: &Tx,
        stream: &StreamId,
        expected: Version,
        events: &[E],
        context: &Context,
    ) -> Result<Vec<RecordedEvent>, AppendError> {
        let mut recorded = Vec::with_capacity(events.len());
        for (version, event) in (expected.0 + 1..).zip(events) {
            let (event_type, payload) = event.encode()?;
            let event = RecordedEvent {
                id: EventId::new(context.at),
                tenant: context.tenant,
                stream: stream.clone().0,
                version,
                schema: E::schema(&event_type),
                event_type,
                occurred_at: context.at,
                actor: context.actor.clone(),
                correlation_id: context.correlation_id.clone(),
                payload,
                place: crate::recorded::Place::default(),
            };
            insert(tx, &event).await?;
            recorded.push(event);
        }
        Ok(recorded)
    }

    /// Folds a stream into its aggregate. A stream without events gives the default and
    /// [`Version::NONE`].
    ///
    /// # Errors
    /// When the database refuses or an event cannot be read.
    pub async fn load<A: Aggregate>(
        tx: &Tx,
        stream: &StreamId,
    ) -> Result<(A, Version), AppendError> {
        let mut aggregate = A::default();
        let mut version = Version::NONE;
        for row in tx.query(STREAM, &[&stream.as_str()]).await? {
            let event_type: String = row.get("type");
            let payload: Value = row.get("payload");
            aggregate.apply(&A::Event::decode(&event_type, row.get("schema"), payload)?);
            version = Version(row.get("version"));
        }
        Ok((aggregate, version))
    }
}

async fn insert(tx: &Tx, event: &RecordedEvent) -> Result<(), AppendError> {
    tx.execute(
        APPEND,
        &[
            &event.tenant.uuid(),
            &event.stream,
            &event.version,
            &event.id.uuid(),
            &event.event_type,
            &event.schema,
            &event.occurred_at,
            &event.actor,
            &event.correlation_id,
            &event.payload,
        ],
    )
    .await?;
    Ok(())
}
