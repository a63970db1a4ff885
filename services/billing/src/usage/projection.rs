//! `billing.usage`, `billing.usage_by_day`, `billing.budget_use_by_day` and `billing.shadow_use_by_day`:
//! rows that call events add up to.

use std::{sync::Arc, time::Duration};

use event_store::{Follower, Log, RecordedEvent};
use events::{CallEvent, Unreadable};
use ids::TenantId;
use postgres::{DatabaseError, Postgres, Scope, Tx};
use server::Shutdown;
use tokio::{sync::Notify, time::sleep};
use tokio_postgres::types::Json;

use crate::usage::row::UsageRow;

/// The name of the projection's checkpoint.
pub const NAME: &str = "billing.usage";

/// Events of one transaction.
pub(super) const BATCH: i64 = 500;
/// How long to wait for a wake-up before looking anyway.
const IDLE: Duration = Duration::from_secs(1);
/// How often to look while waiting for a transaction that still runs.
const GLANCE: Duration = Duration::from_millis(20);
/// How long to wait for transactions that began before the question.
const PATIENCE: Duration = Duration::from_secs(30);

/// The door to what calls cost. Cheap to clone.
#[derive(Clone)]
pub struct Usage {
    pub(super) postgres: Postgres,
    pub(super) follower: Follower,
    new_calls: Arc<Notify>,
}

/// Why the books cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    /// This version cannot read a call event: the projection stops there.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The database was not reached or refused.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A transaction elsewhere would not end, so that calls may be missing.
    #[error("the books could not be brought up to date in time")]
    Behind,
}

// The roll-ups take their numbers from the very rows that went in, so that they always agree. Which
// spelling of an app's name stands does not depend on the order of events, so a rebuild gives the
// same.
const BOOK: &str = "
    -- billing.book_usage
    WITH booked AS (
        INSERT INTO billing.usage
               (day, call_id, tenant_id, grant_id, ancestors, budgets, shadows, user_id, app_id, app_name, provider, key_id, model,
                capability, route, stream, cached, outcome, measurement, provider_status, input_tokens,
                cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens,
                reserved_nanodollars, cost_nanodollars, price_version, request_id, began_at, ended_at)
        SELECT day, call_id, tenant_id, grant_id, ancestors, budgets, shadows, user_id, app_id, app_name, provider, key_id, model,
               capability, route, stream, cached, outcome, measurement, provider_status, input_tokens,
               cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens,
               reserved_nanodollars, cost_nanodollars, price_version, request_id, began_at, ended_at
          FROM jsonb_populate_recordset(NULL::billing.usage, $1)
            ON CONFLICT DO NOTHING
     RETURNING tenant_id, day, grant_id, ancestors, budgets, shadows, provider, model, user_id, app_name, measurement,
               input_tokens, output_tokens, cost_nanodollars, began_at),
    of_budgets AS (
        INSERT INTO billing.budget_use_by_day AS known (tenant_id, budget_id, day, calls, cost_nanodollars)
        SELECT tenant_id, budget_id, day, count(*), sum(cost_nanodollars)
          FROM booked, UNNEST(budgets) AS counted (budget_id)
         GROUP BY tenant_id, budget_id, day
            ON CONFLICT (tenant_id, budget_id, day) DO UPDATE
           SET calls = known.calls + excluded.calls,
               cost_nanodollars = known.cost_nanodollars + excluded.cost_nanodollars),
    of_shadows AS (
        INSERT INTO billing.shadow_use_by_day AS known
               (tenant_id, shadow_id, day, would_refuse, user_id, calls, cost_nanodollars, first_at, last_at)
        SELECT tenant_id, word.shadow_id, day, word.would_refuse, user_id, count(*), sum(cost_nanodollars),
               min(began_at), max(began_at)
          FROM booked, jsonb_to_recordset(shadows) AS word (shadow_id uuid, would_refuse text)
         GROUP BY tenant_id, word.shadow_id, day, word.would_refuse, user_id
            ON CONFLICT (tenant_id, shadow_id, day, would_refuse, user_id) DO UPDATE
           SET calls = known.calls + excluded.calls,
               cost_nanodollars = known.cost_nanodollars + excluded.cost_nanodollars,
               first_at = LEAST(known.first_at, excluded.first_at),
               last_at = GREATEST(known.last_at, excluded.last_at))
    INSERT INTO billing.usage_by_day AS known
           (tenant_id, day, grant_id, ancestors, provider, model, user_id, app_name, calls, estimated_calls,
            input_tokens, output_tokens, cost_nanodollars)
    SELECT tenant_id, day, grant_id, max(ancestors), provider, model, min(user_id::text)::uuid, min(app_name), count(*),
           count(*) FILTER (WHERE measurement = 'estimated'), sum(input_tokens), sum(output_tokens),
           sum(cost_nanodollars)
      FROM booked
     GROUP BY tenant_id, day, grant_id, provider, model
        ON CONFLICT (tenant_id, day, grant_id, provider, model) DO UPDATE
       SET ancestors = GREATEST(known.ancestors, excluded.ancestors),
           user_id = LEAST(known.user_id, excluded.user_id),
           app_name = LEAST(known.app_name, excluded.app_name),
           calls = known.calls + excluded.calls,
           estimated_calls = known.estimated_calls + excluded.estimated_calls,
           input_tokens = known.input_tokens + excluded.input_tokens,
           output_tokens = known.output_tokens + excluded.output_tokens,
           cost_nanodollars = known.cost_nanodollars + excluded.cost_nanodollars";

// A number of its own, above that of every transaction that has begun to write. The end of a
// snapshot would not do: it stands after the last transaction that *ended*.
const HORIZON: &str = "
    -- billing.usage_horizon
    SELECT pg_current_xact_id()::text AS horizon";

const IS_PAST: &str = "
    -- billing.usage_horizon_is_past
    SELECT pg_snapshot_xmin(pg_current_snapshot()) > $1::text::xid8 AS past";

impl Usage {
    /// The books kept in this database.
    #[must_use]
    pub fn new(postgres: Postgres) -> Self {
        let follower = Follower::new(NAME, Log::Calls);
        Self {
            postgres,
            follower,
            new_calls: Arc::new(Notify::new()),
        }
    }

    /// Tells the projection that calls were recorded.
    pub fn wake(&self) {
        self.new_calls.notify_one();
    }

    /// Books what is recorded, as it comes, until the shutdown.
    pub async fn follow(&self, shutdown: Shutdown) {
        let mut failing = false;
        while !shutdown.is_requested() {
            match self.book_next().await {
                Ok(booked) if booked > 0 => {
                    failing = false;
                    continue;
                }
                Ok(_) => failing = false,
                Err(error) if !failing => {
                    failing = true;
                    let error: &dyn std::error::Error = &error;
                    tracing::error!(error, "recorded calls cannot be booked");
                }
                Err(_) => {}
            }
            tokio::select! {
                () = self.new_calls.notified(), if !failing => {}
                () = sleep(IDLE) => {}
                () = shutdown.requested() => {}
            }
        }
    }

    /// Books all calls whose recording began before this was called.
    ///
    /// # Errors
    /// When the database refuses, an event cannot be read, or a transaction elsewhere does not end.
    pub async fn catch_up(&self) -> Result<(), UsageError> {
        let tx = self.postgres.begin("usage horizon", Scope::None).await?;
        let horizon: String = tx.query_one(HORIZON, &[]).await?.get("horizon");
        tx.commit().await?;
        let reach = async {
            loop {
                // Asked before the reading: what was hidden then is visible to it.
                let past = self.is_past(&horizon).await?;
                match (self.book_next().await?, past) {
                    (0, true) => return Ok(()),
                    (0, false) => sleep(GLANCE).await,
                    _ => {}
                }
            }
        };
        tokio::time::timeout(PATIENCE, reach)
            .await
            .unwrap_or(Err(UsageError::Behind))
    }

    async fn is_past(&self, horizon: &str) -> Result<bool, DatabaseError> {
        let tx = self.postgres.begin("usage horizon", Scope::None).await?;
        let past = tx.query_one(IS_PAST, &[&horizon]).await?.get("past");
        tx.commit().await?;
        Ok(past)
    }

    /// Books the next calls and moves the checkpoint, in one transaction; tells how many.
    ///
    /// # Errors
    /// When the database refuses or an event cannot be read; then nothing has changed.
    pub async fn book_next(&self) -> Result<usize, UsageError> {
        let tx = self.postgres.begin("book usage", Scope::None).await?;
        let booked = self.book_batch(&tx).await?;
        tx.commit().await?;
        let calls = u64::try_from(booked).unwrap_or(u64::MAX);
        metrics::counter!("latchkey_calls_booked_total").increment(calls);
        Ok(booked)
    }

    pub(super) async fn book_batch(&self, tx: &Tx) -> Result<usize, UsageError> {
        let events = self.follower.next(tx, BATCH).await?.events;
        for (tenant, rows) in by_tenant(&events)? {
            book(tx, tenant, &rows).await?;
        }
        if let Some(last) = events.last() {
            self.follower.advance(tx, last).await?;
        }
        Ok(events.len())
    }
}

/// Writes rows of one organization.
pub(super) async fn book(
    tx: &Tx,
    tenant: TenantId,
    rows: &[UsageRow],
) -> Result<(), DatabaseError> {
    tx.set_scope(Scope::Tenant(tenant)).await?;
    tx.execute(BOOK, &[&Json(rows)]).await?;
    Ok(())
}

fn by_tenant(events: &[RecordedEvent]) -> Result<Vec<(TenantId, Vec<UsageRow>)>, Unreadable> {
    let mut groups: Vec<(TenantId, Vec<UsageRow>)> = Vec::new();
    for event in events {
        let Some(CallEvent::Recorded(record)) = event.read::<CallEvent>()? else {
            continue;
        };
        let row = UsageRow::of(&record);
        match groups
            .iter_mut()
            .find(|(tenant, _)| *tenant == event.tenant)
        {
            Some((_, rows)) => rows.push(row),
            None => groups.push((event.tenant, vec![row])),
        }
    }
    Ok(groups)
}
