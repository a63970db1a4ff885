//! `store.call_events`: one row for each call, appended here and nowhere else.

use std::{
    borrow::Borrow,
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use clock::{Clock, month_of};
use ids::TenantId;
use jiff::{Timestamp, ToSpan, civil::Date};
use postgres::{DatabaseError, Postgres, Scope, Tx};
use serde_json::Value;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use crate::recording::message::{CALL_RECORDED, CallMessage};

/// The door to the record of calls.
pub struct Recordings {
    postgres: Postgres,
    clock: Clock,
    /// Months that have their partition, or will not get one.
    months: Mutex<HashSet<Date>>,
}

/// How many records a batch held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Recorded now.
    pub new: usize,
    /// Recorded before: nothing changed.
    pub known: usize,
    /// Of `known`, those that say something else than what was recorded first.
    pub disagreeing: usize,
}

/// Why a batch was not recorded. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A record that no attempt can store: the others must be stored without it.
    #[error("a record cannot be stored")]
    Record(#[source] DatabaseError),
    /// The database was not reached or refused for now.
    #[error(transparent)]
    Database(DatabaseError),
}

// The day is not taken from us but from the id, as the table's check has it.
const APPEND: &str = "
    -- billing.append_calls
    INSERT INTO store.call_events (tenant_id, day, id, type, schema, occurred_at, correlation_id, payload)
    SELECT $1, store.day_of_uuid7(id), id, $2, schema, occurred_at, correlation_id, payload
      FROM UNNEST($3::uuid[], $4::smallint[], $5::timestamptz[], $6::text[], $7::jsonb[])
           AS sent (id, schema, occurred_at, correlation_id, payload)
        ON CONFLICT DO NOTHING
 RETURNING id";

const PAYLOADS: &str = "
    -- billing.recorded_payloads
    SELECT id, payload
      FROM store.call_events
     WHERE tenant_id = $1
       AND day IN (SELECT store.day_of_uuid7(id) FROM UNNEST($2::uuid[]) AS known (id))
       AND id = ANY ($2)";

// One at a time: two that make the same partition would be in each other's way.
const LOCK_MONTHS: &str = "
    -- billing.lock_call_months
    SELECT pg_advisory_xact_lock(7809644627822032250)";

const ENSURE_MONTH: &str = "
    -- billing.ensure_call_month
    SELECT store.ensure_call_month($1)";

impl Recordings {
    /// The record kept in this database.
    #[must_use]
    pub fn new(postgres: Postgres, clock: Clock) -> Self {
        Self {
            postgres,
            clock,
            months: Mutex::default(),
        }
    }

    /// Records calls in one transaction, each in the scope of its organization. A call that was
    /// recorded before stays as it was.
    ///
    /// # Errors
    /// When the database refuses; then nothing was recorded.
    pub async fn record<C>(&self, batch: &[C]) -> Result<Recorded, RecordError>
    where
        C: Borrow<CallMessage> + Sync,
    {
        let batch: Vec<&CallMessage> = batch.iter().map(Borrow::borrow).collect();
        self.ensure_months(&batch)
            .await
            .map_err(RecordError::from)?;
        let tx = self.postgres.begin("record calls", Scope::None).await?;
        let mut all = Recorded::default();
        for (tenant, calls) in by_tenant(batch) {
            tx.set_scope(Scope::Tenant(tenant)).await?;
            let recorded = append(&tx, tenant, &calls).await?;
            all.new += recorded.new;
            all.known += recorded.known;
            all.disagreeing += recorded.disagreeing;
        }
        tx.commit().await?;
        Ok(all)
    }

    /// Whether the database answers.
    pub async fn is_reachable(&self) -> bool {
        self.postgres.ping().await.is_ok()
    }

    /// Makes the partitions that a batch needs. A call far from today goes where every call without
    /// a partition goes, so that a wrong clock cannot fill the database with tables.
    async fn ensure_months(&self, batch: &[&CallMessage]) -> Result<(), DatabaseError> {
        let now = self.clock.now();
        for month in months_of(batch)
            .into_iter()
            .filter(|month| is_near(*month, now))
        {
            if self.months().contains(&month) {
                continue;
            }
            self.ensure_month(month).await?;
            self.months().insert(month);
        }
        Ok(())
    }

    async fn ensure_month(&self, month: Date) -> Result<(), DatabaseError> {
        let tx = self
            .postgres
            .begin("ensure call month", Scope::None)
            .await?;
        tx.query_one(LOCK_MONTHS, &[]).await?;
        match tx.query_one(ENSURE_MONTH, &[&month]).await {
            Ok(_) => tx.commit().await,
            // Calls of the month stand in the default partition already; the rest follows them.
            Err(error) if state_of(&error) == Some(&SqlState::CHECK_VIOLATION) => {
                tracing::warn!(%month, "a month of calls stays in the default partition");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn months(&self) -> std::sync::MutexGuard<'_, HashSet<Date>> {
        self.months.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn append(
    tx: &Tx,
    tenant: TenantId,
    calls: &[&CallMessage],
) -> Result<Recorded, DatabaseError> {
    let ids: Vec<Uuid> = calls.iter().map(|call| call.record.call.uuid()).collect();
    let schemas: Vec<i16> = calls.iter().map(|call| call.schema).collect();
    let instants: Vec<Timestamp> = calls.iter().map(|call| call.occurred_at).collect();
    let correlations: Vec<&str> = calls
        .iter()
        .map(|call| call.correlation_id.as_str())
        .collect();
    let payloads: Vec<&Value> = calls.iter().map(|call| &call.payload).collect();
    let rows = tx
        .query(
            APPEND,
            &[
                &tenant.uuid(),
                &CALL_RECORDED,
                &ids,
                &schemas,
                &instants,
                &correlations,
                &payloads,
            ],
        )
        .await?;
    let new: HashSet<Uuid> = rows.iter().map(|row| row.get("id")).collect();
    let known: Vec<Uuid> = ids.iter().filter(|id| !new.contains(id)).copied().collect();
    let disagreeing = if known.is_empty() {
        0
    } else {
        disagreeing(tx, tenant, calls, &known).await?
    };
    Ok(Recorded {
        new: new.len(),
        known: calls.len() - new.len(),
        disagreeing,
    })
}

/// How many records of calls that were recorded before say something else now.
async fn disagreeing(
    tx: &Tx,
    tenant: TenantId,
    calls: &[&CallMessage],
    known: &[Uuid],
) -> Result<usize, DatabaseError> {
    let rows = tx.query(PAYLOADS, &[&tenant.uuid(), &known]).await?;
    // What is known but not to this organization is recorded under another.
    let foreign = known
        .iter()
        .collect::<HashSet<_>>()
        .len()
        .saturating_sub(rows.len());
    if foreign > 0 {
        tracing::error!(tenant.id = %tenant, foreign, "calls are recorded under another organization");
    }
    let mut count = foreign;
    for row in &rows {
        let (id, recorded): (Uuid, Value) = (row.get("id"), row.get("payload"));
        let sent = calls.iter().filter(|call| call.record.call.uuid() == id);
        for _ in sent.filter(|call| call.payload != recorded) {
            tracing::warn!(call.id = %ids::CallId::from_uuid(id), "a second record of a call differs from the first");
            count += 1;
        }
    }
    Ok(count)
}

/// Each organization's calls by id: two recorders that take locks in one order never wait for each
/// other in a circle.
fn by_tenant(mut calls: Vec<&CallMessage>) -> Vec<(TenantId, Vec<&CallMessage>)> {
    calls.sort_by_key(|call| (call.record.tenant, call.record.call));
    calls
        .chunk_by(|one, next| one.record.tenant == next.record.tenant)
        .filter_map(|chunk| {
            chunk
                .first()
                .map(|first| (first.record.tenant, chunk.to_vec()))
        })
        .collect()
}

fn months_of(batch: &[&CallMessage]) -> HashSet<Date> {
    let began = batch
        .iter()
        .filter_map(|call| call.record.call.uuid().get_timestamp());
    began
        .filter_map(|made| i64::try_from(made.to_unix().0).ok())
        .filter_map(|seconds| Timestamp::from_second(seconds).ok())
        .map(month_of)
        .collect()
}

/// From a year ago to next month.
fn is_near(month: Date, now: Timestamp) -> bool {
    let this = month_of(now);
    let first = this.checked_sub(12.months()).unwrap_or(this);
    let last = this.checked_add(1.month()).unwrap_or(this);
    (first..=last).contains(&month)
}

fn state_of(error: &DatabaseError) -> Option<&SqlState> {
    match error {
        DatabaseError::Statement { source, .. } => source.code(),
        _ => None,
    }
}

impl From<DatabaseError> for RecordError {
    fn from(error: DatabaseError) -> Self {
        // SQLSTATE classes 22 (data exception) and 23 (integrity constraint violation).
        let of_data = state_of(&error)
            .is_some_and(|state| state.code().starts_with("22") || state.code().starts_with("23"));
        if of_data {
            Self::Record(error)
        } else {
            Self::Database(error)
        }
    }
}
