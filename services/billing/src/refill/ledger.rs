//! What the ledger knows of the running periods: sums, late records and revocations.

use std::{collections::HashMap, time::Duration};

use clock::{day_of, month_of};
use events::{Provider, ShadowVerdict};
use ids::{BudgetId, CallId, GrantId, IdError, ShadowId};
use jiff::Timestamp;
use money::Nanodollars;
use postgres::{DatabaseError, Postgres, Scope, Tx};
use spend_limits::{Bucket, Load, RECORDED_HORIZON, RecordedCall};
use tokio_postgres::{Row, types::Json};
use uuid::Uuid;

use crate::usage;

/// Far longer than any proxy remembers a grant; the store of grants refuses older ones by itself.
const REVOCATIONS_KEPT: Duration = Duration::from_secs(45 * 24 * 60 * 60);
/// How far the day in a call's id may be from the day of its end.
const DAYS_APART: i32 = 2;

/// The door to what limits are refilled from. Cheap to clone.
#[derive(Clone)]
pub struct Ledger {
    postgres: Postgres,
}

/// What was settled under one grant, or one made from it, at one provider, under one budget, or
/// within one shadow, in the running periods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spent {
    /// Under which grant at which provider, under which budget, or within which shadow.
    pub bucket: Bucket,
    /// Costs of the UTC day's calls.
    pub today: Nanodollars,
    /// Number of the UTC day's calls.
    pub calls_today: u32,
    /// Costs of the UTC month's calls, the day's included.
    pub this_month: Nanodollars,
}

/// Why the ledger could not be read. Limits stay shut.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The books could not be brought up to date.
    #[error("the books are not up to date")]
    Usage(#[from] usage::UsageError),
    /// The database was not reached or refused.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

// A call counts for its own grant and for each one above it.
const SPENT: &str = "
    -- billing.spent_in_running_periods
    SELECT counted.grant_id, provider,
           COALESCE(sum(cost_nanodollars) FILTER (WHERE day = $1), 0)::text AS today,
           COALESCE(sum(calls) FILTER (WHERE day = $1), 0)::text AS calls_today,
           sum(cost_nanodollars)::text AS this_month
      FROM billing.usage_by_day AS spent, UNNEST(spent.ancestors || spent.grant_id) AS counted (grant_id)
     WHERE day BETWEEN $2 AND $3
     GROUP BY counted.grant_id, provider
     ORDER BY counted.grant_id, provider";

const SPENT_OF_BUDGETS: &str = "
    -- billing.spent_of_budgets_in_running_periods
    SELECT budget_id,
           COALESCE(sum(cost_nanodollars) FILTER (WHERE day = $1), 0)::text AS today,
           COALESCE(sum(calls) FILTER (WHERE day = $1), 0)::text AS calls_today,
           sum(cost_nanodollars)::text AS this_month
      FROM billing.budget_use_by_day
     WHERE day BETWEEN $2 AND $3
     GROUP BY budget_id
     ORDER BY budget_id";

// What a shadow would have refused is not counted there.
const SPENT_OF_SHADOWS: &str = "
    -- billing.spent_of_shadows_in_running_periods
    SELECT shadow_id,
           COALESCE(sum(cost_nanodollars) FILTER (WHERE day = $1), 0)::text AS today,
           COALESCE(sum(calls) FILTER (WHERE day = $1), 0)::text AS calls_today,
           sum(cost_nanodollars)::text AS this_month
      FROM billing.shadow_use_by_day
     WHERE day BETWEEN $2 AND $3
       AND would_refuse = ''
     GROUP BY shadow_id
     ORDER BY shadow_id";

// The books stand still until the end of the transaction, so that the calls listed are exactly
// among those that the sums hold.
const HOLD_BOOKS: &str = "
    -- billing.hold_usage
    SELECT transaction_id::text AS xid, position FROM store.checkpoints WHERE name = $1 FOR UPDATE";

const RECORDED_LATELY: &str = "
    -- billing.calls_recorded_lately
    SELECT id, payload->>'grant' AS grant_id, payload->'ancestors' AS ancestors, payload->'budgets' AS budgets, payload->'shadows' AS shadows, payload->>'provider' AS provider, (payload->>'began_at')::timestamptz AS began_at
      FROM store.call_events
     WHERE day >= $1
       AND recorded_at >= $2
       AND (transaction_id, position) <= ($3::text::xid8, $4)
     ORDER BY id";

const LAST_RECORDED: &str = "
    -- billing.last_recorded
    SELECT recorded_at
      FROM store.call_events
     WHERE (transaction_id, position) <= ($1::text::xid8, $2)
     ORDER BY transaction_id DESC, position DESC
     LIMIT 1";

const REVOKED: &str = "
    -- billing.revoked_grants
    SELECT DISTINCT stream FROM store.events WHERE type = 'grant.revoked' AND occurred_at >= $1";

const SPOOLS: &str = "
    -- billing.spools_to_answer_for
    SELECT number FROM store.spools ORDER BY number";

const FORGET_SPOOLS: &str = "
    -- billing.forget_spools
    DELETE FROM store.spools WHERE number = ANY ($1)";

const COSTS: &str = "
    -- billing.recorded_costs
    SELECT id, payload->>'cost' AS cost
      FROM store.call_events
     WHERE day = ANY (SELECT store.day_of_uuid7(id) FROM UNNEST($1::uuid[]) AS sought (id))
       AND id = ANY ($1)";

impl Ledger {
    /// The ledger in this database.
    #[must_use]
    pub const fn new(postgres: Postgres) -> Self {
        Self { postgres }
    }

    /// What was settled in the day and month that hold `at`. Complete only when the books are up to
    /// date.
    ///
    /// # Errors
    /// When the database is not reached or a row cannot be read.
    pub async fn spent(&self, at: Timestamp) -> Result<Vec<Spent>, DatabaseError> {
        let tx = self.begin("spent in running periods").await?;
        let spent = spent(&tx, at).await?;
        tx.commit().await?;
        Ok(spent)
    }

    /// All that an epoch opened at `at` is loaded with.
    ///
    /// # Errors
    /// When the database is not reached or a row cannot be read.
    pub async fn whole(&self, at: Timestamp) -> Result<spend_limits::Ledger, LedgerError> {
        let tx = self.postgres.begin("read ledger", Scope::None).await?;
        let read = tx.query_opt(HOLD_BOOKS, &[&usage::NAME]).await?;
        let read = read.map_or_else(
            || ("0".to_owned(), 0),
            |row| (row.get("xid"), row.get("position")),
        );
        let spools = tx.query(SPOOLS, &[]).await?;
        let spools = spools.iter().map(|row| row.get::<_, i64>("number"));
        let spools = spools.map(i64::cast_unsigned).collect();
        tx.set_scope(Scope::Follower).await?;
        let spent = spent(&tx, at).await?;
        let recorded = recorded_lately(&tx, at, &read).await?;
        let since = at.checked_sub(REVOCATIONS_KEPT).unwrap_or(at);
        let revoked = tx.query(REVOKED, &[&since]).await?;
        tx.commit().await?;
        let revoked = revoked.iter().map(revoked_of).collect::<Result<_, _>>()?;
        Ok(spend_limits::Ledger {
            loads: loads(&spent, recorded),
            revoked,
            spools,
        })
    }

    /// Forgets spools that nobody answered for, so that limits wait for them no more.
    ///
    /// # Errors
    /// When the database is not reached.
    pub async fn forget_spools(&self, spools: &[u64]) -> Result<(), DatabaseError> {
        let spools: Vec<i64> = spools.iter().copied().map(u64::cast_signed).collect();
        let tx = self.postgres.begin("forget spools", Scope::None).await?;
        tx.execute(FORGET_SPOOLS, &[&spools]).await?;
        tx.commit().await
    }

    /// What calls cost, of those that are recorded.
    ///
    /// # Errors
    /// When the database is not reached or a row cannot be read.
    pub async fn costs(
        &self,
        calls: &[CallId],
    ) -> Result<HashMap<CallId, Nanodollars>, DatabaseError> {
        let sought: Vec<Uuid> = calls.iter().map(|call| call.uuid()).collect();
        let tx = self.begin("recorded costs").await?;
        let rows = tx.query(COSTS, &[&sought]).await?;
        tx.commit().await?;
        rows.iter()
            .map(|row| {
                let cost = row
                    .get::<_, &str>("cost")
                    .parse()
                    .map_err(|_| unreadable("cost"))?;
                Ok((CallId::from_uuid(row.get("id")), cost))
            })
            .collect()
    }

    async fn begin(&self, name: &'static str) -> Result<Tx, DatabaseError> {
        self.postgres.begin(name, Scope::Follower).await
    }
}

type Recorded = HashMap<Bucket, Vec<RecordedCall>>;

async fn spent(tx: &Tx, at: Timestamp) -> Result<Vec<Spent>, DatabaseError> {
    let (day, first) = (day_of(at), month_of(at));
    let rows = tx
        .query(SPENT, &[&day, &first, &first.last_of_month()])
        .await?;
    let of_grants = rows.iter().map(spent_of_grant);
    let rows = tx
        .query(SPENT_OF_BUDGETS, &[&day, &first, &first.last_of_month()])
        .await?;
    let of_budgets = rows.iter().map(|row| {
        let budget = BudgetId::from_uuid(row.get("budget_id"));
        spent_of(row, Bucket::of_budget(budget))
    });
    let rows = tx
        .query(SPENT_OF_SHADOWS, &[&day, &first, &first.last_of_month()])
        .await?;
    let of_shadows = rows.iter().map(|row| {
        let shadow = ShadowId::from_uuid(row.get("shadow_id"));
        spent_of(row, Bucket::of_shadow(shadow))
    });
    of_grants.chain(of_budgets).chain(of_shadows).collect()
}

async fn recorded_lately(
    tx: &Tx,
    at: Timestamp,
    read: &(String, i64),
) -> Result<Recorded, DatabaseError> {
    // Counted from the last one: however long everything stood still, a proxy may come back and tell
    // of calls that were recorded just before that.
    let last = tx.query_opt(LAST_RECORDED, &[&read.0, &read.1]).await?;
    let last = last.map_or(at, |row| row.get::<_, Timestamp>("recorded_at").min(at));
    let since = last.checked_sub(RECORDED_HORIZON).unwrap_or(last);
    let first_day = day_of(since).checked_sub(jiff::Span::new().days(DAYS_APART));
    let first_day = first_day.unwrap_or_else(|_| day_of(since));
    let mut calls = Recorded::new();
    for row in tx
        .query(RECORDED_LATELY, &[&first_day, &since, &read.0, &read.1])
        .await?
    {
        let grant: GrantId = row
            .get::<_, &str>("grant_id")
            .parse()
            .map_err(|_: IdError| unreadable("grant"))?;
        let provider: Provider = row
            .get::<_, &str>("provider")
            .parse()
            .map_err(|_| unreadable("provider"))?;
        let call = RecordedCall {
            call: CallId::from_uuid(row.get("id")),
            at: row.get("began_at"),
        };
        let grants = listed::<GrantId>(&row, "ancestors")?
            .into_iter()
            .chain([grant])
            .map(|grant| Bucket::new(grant, &provider));
        let budgets = listed(&row, "budgets")?.into_iter().map(Bucket::of_budget);
        let shadows = listed::<ShadowVerdict>(&row, "shadows")?
            .into_iter()
            .filter(|verdict| verdict.would_refuse.is_none())
            .map(|verdict| Bucket::of_shadow(verdict.shadow));
        for bucket in grants.chain(budgets).chain(shadows) {
            calls.entry(bucket).or_default().push(call);
        }
    }
    Ok(calls)
}

/// What stands in a list of the record; nothing where it was left out.
fn listed<T: serde::de::DeserializeOwned>(
    row: &Row,
    column: &'static str,
) -> Result<Vec<T>, DatabaseError> {
    let found: Option<Json<Vec<T>>> = row.try_get(column).map_err(|_| unreadable(column))?;
    Ok(found.map(|Json(found)| found).unwrap_or_default())
}

/// One load for each bucket that was spent from.
fn loads(spent: &[Spent], mut recorded: Recorded) -> Vec<Load> {
    spent
        .iter()
        .map(|part| Load {
            bucket: part.bucket,
            spent_today: part.today,
            requests_today: part.calls_today,
            spent_this_month: part.this_month,
            recorded: recorded.remove(&part.bucket).unwrap_or_default(),
        })
        .collect()
}

/// Beyond every limit it does not matter how far.
fn within_limits(amount: Nanodollars) -> Nanodollars {
    amount.min(money::LARGEST_LIMIT)
}

fn spent_of_grant(row: &Row) -> Result<Spent, DatabaseError> {
    let provider: Provider =
        row.get::<_, &str>("provider")
            .parse()
            .map_err(|_| DatabaseError::Row {
                table: "billing.usage_by_day",
                column: "provider",
            })?;
    let grant = GrantId::from_uuid(row.get("grant_id"));
    spent_of(row, Bucket::new(grant, &provider))
}

fn spent_of(row: &Row, bucket: Bucket) -> Result<Spent, DatabaseError> {
    let number = |name: &'static str| {
        let text: &str = row.get(name);
        text.parse::<i128>().map_err(|_| DatabaseError::Row {
            table: "the sums of the running periods",
            column: name,
        })
    };
    let amount = |nanos: i128| {
        within_limits(Nanodollars::from_nanos(
            i64::try_from(nanos).unwrap_or(i64::MAX),
        ))
    };
    Ok(Spent {
        bucket,
        today: amount(number("today")?),
        calls_today: u32::try_from(number("calls_today")?).unwrap_or(u32::MAX),
        this_month: amount(number("this_month")?),
    })
}

fn revoked_of(row: &Row) -> Result<GrantId, DatabaseError> {
    let stream: &str = row.get("stream");
    let uuid = stream
        .split_once('-')
        .and_then(|(_, uuid)| Uuid::try_parse(uuid).ok());
    uuid.map(GrantId::from_uuid).ok_or(DatabaseError::Row {
        table: "store.events",
        column: "stream",
    })
}

const fn unreadable(column: &'static str) -> DatabaseError {
    DatabaseError::Row {
        table: "store.call_events",
        column,
    }
}
