//! Reading every event once, in an order that loses nothing.

use postgres::{DatabaseError, Scope, Tx};

use crate::recorded::{Log, RecordedEvent};

/// A reader with a name and a checkpoint. One name has one reader at a time: the checkpoint's row
/// lock sees to that.
#[derive(Debug, Clone)]
pub struct Follower {
    name: &'static str,
    log: Log,
}

/// What a reader got: events after its checkpoint, in order.
#[derive(Debug)]
pub struct Followed {
    /// The events; empty when there is nothing new.
    pub events: Vec<RecordedEvent>,
}

const CHECKPOINT: &str = "
    -- event_store.checkpoint
    SELECT transaction_id::text AS xid, position
      FROM store.checkpoints
     WHERE name = $1
       FOR UPDATE";

const BEGIN_CHECKPOINT: &str = "
    -- event_store.begin_checkpoint
    INSERT INTO store.checkpoints (name) VALUES ($1) ON CONFLICT DO NOTHING";

const ADVANCE: &str = "
    -- event_store.advance
    UPDATE store.checkpoints
       SET transaction_id = $2::text::xid8, position = $3
     WHERE name = $1";

// Ordered by the column and not by its text form, in which 100000 comes before 99999.
const DECISIONS: &str = "
    -- event_store.follow_decisions
    SELECT e.transaction_id::text AS xid, e.position, e.tenant_id, e.stream, e.version, e.id, e.type, e.schema,
           e.occurred_at, e.actor, e.correlation_id, e.payload
      FROM store.events e
     WHERE (e.transaction_id, e.position) > ($1::text::xid8, $2)
       AND e.transaction_id < pg_snapshot_xmin(pg_current_snapshot())
     ORDER BY e.transaction_id, e.position
     LIMIT $3";

const CALLS: &str = "
    -- event_store.follow_calls
    SELECT e.transaction_id::text AS xid, e.position, e.tenant_id, 'call-' || e.id AS stream, 1 AS version, e.id,
           e.type, e.schema, e.occurred_at, 'proxy' AS actor, e.correlation_id, e.payload
      FROM store.call_events e
     WHERE (e.transaction_id, e.position) > ($1::text::xid8, $2)
       AND e.transaction_id < pg_snapshot_xmin(pg_current_snapshot())
     ORDER BY e.transaction_id, e.position
     LIMIT $3";

impl Follower {
    /// The reader of this name. A name never changes: it is the checkpoint.
    #[must_use]
    pub const fn new(name: &'static str, log: Log) -> Self {
        Self { name, log }
    }

    /// The next events after the checkpoint, which stays locked until the transaction ends. Leaves
    /// the transaction in [`Scope::None`]; set the tenant before writing rows.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn next(&self, tx: &Tx, limit: i64) -> Result<Followed, DatabaseError> {
        tx.execute(BEGIN_CHECKPOINT, &[&self.name]).await?;
        let checkpoint = tx.query_one(CHECKPOINT, &[&self.name]).await?;
        let (xid, position): (String, i64) = (checkpoint.get("xid"), checkpoint.get("position"));
        tx.set_scope(Scope::Follower).await?;
        let sql = match self.log {
            Log::Decisions => DECISIONS,
            Log::Calls => CALLS,
        };
        let rows = tx.query(sql, &[&xid, &position, &limit]).await?;
        tx.set_scope(Scope::None).await?;
        Ok(Followed {
            events: rows.iter().map(RecordedEvent::from_row).collect(),
        })
    }

    /// Moves the checkpoint behind `last`, with the rows of the same transaction.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn advance(&self, tx: &Tx, last: &RecordedEvent) -> Result<(), DatabaseError> {
        let place = &last.place;
        tx.execute(
            ADVANCE,
            &[&self.name, &place.transaction_id, &place.position],
        )
        .await?;
        Ok(())
    }

    /// Puts the checkpoint back to the beginning.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn start_over(&self, tx: &Tx) -> Result<(), DatabaseError> {
        tx.execute(BEGIN_CHECKPOINT, &[&self.name]).await?;
        tx.execute(ADVANCE, &[&self.name, &"0", &0_i64]).await?;
        Ok(())
    }
}
