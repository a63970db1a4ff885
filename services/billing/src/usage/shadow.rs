//! What shadow limits would have refused: sums over the calls that they watched.

use ids::ShadowId;
use jiff::{Timestamp, civil::Date};
use postgres::{DatabaseError, Scope};
use tokio_postgres::Row;

use crate::usage::{amount::Sum, projection::Usage, reading::Asker};

/// More days and limits than any trial has.
const MOST_LINES: i64 = 10_000;

/// Calls with something in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Calls {
    /// How many.
    pub calls: i64,
    /// What they cost.
    pub cost: Sum,
    /// When the first and the last of them began; `None` where there is none.
    pub between: Option<(Timestamp, Timestamp)>,
}

/// The calls of one UTC day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShadowDay {
    /// Which.
    pub day: Date,
    /// All that were watched.
    pub watched: Calls,
    /// Those of them that would have been refused.
    pub refused: Calls,
}

/// What came of the calls that the limits of one shadow watched.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ShadowReport {
    /// All of them.
    pub watched: Calls,
    /// Those that would have been refused.
    pub refused: Calls,
    /// The same by the limit that would have refused them, by name.
    pub by_limit: Vec<(String, Calls)>,
    /// Day by day.
    pub by_day: Vec<ShadowDay>,
}

const LINES: &str = "
    -- billing.shadow_use
    SELECT day, would_refuse,
           LEAST(sum(calls), 9223372036854775807)::bigint AS calls,
           sum(cost_nanodollars)::text AS cost,
           min(first_at) AS first_at,
           max(last_at) AS last_at
      FROM billing.shadow_use_by_day
     WHERE tenant_id = $1
       AND shadow_id = $2
       AND ($3::uuid IS NULL OR user_id = $3)
     GROUP BY day, would_refuse
     ORDER BY day, would_refuse
     LIMIT $4";

impl Usage {
    /// What the limits of this shadow would have refused, of the calls that the asker may see.
    ///
    /// # Errors
    /// When the database is not reached or a row cannot be read.
    pub async fn shadow(
        &self,
        asker: Asker,
        shadow: ShadowId,
    ) -> Result<ShadowReport, DatabaseError> {
        let tx = self
            .postgres
            .begin("shadow use", Scope::Tenant(asker.tenant))
            .await?;
        let rows = tx
            .query(
                LINES,
                &[
                    &asker.tenant.uuid(),
                    &shadow.uuid(),
                    &asker.only(),
                    &MOST_LINES,
                ],
            )
            .await?;
        tx.commit().await?;
        let mut report = ShadowReport::default();
        for row in &rows {
            report.add(row.get("day"), row.get("would_refuse"), calls_of(row)?);
        }
        Ok(report)
    }
}

impl ShadowReport {
    fn add(&mut self, day: Date, would_refuse: &str, calls: Calls) {
        let refused = if would_refuse.is_empty() {
            Calls::default()
        } else {
            calls
        };
        self.watched = self.watched.and(calls);
        self.refused = self.refused.and(refused);
        match self.by_day.last_mut().filter(|last| last.day == day) {
            Some(last) => {
                last.watched = last.watched.and(calls);
                last.refused = last.refused.and(refused);
            }
            None => self.by_day.push(ShadowDay {
                day,
                watched: calls,
                refused,
            }),
        }
        if would_refuse.is_empty() {
            return;
        }
        let known = (self.by_limit.iter_mut()).find(|(name, _)| name == would_refuse);
        match known {
            Some((_, of_limit)) => *of_limit = of_limit.and(calls),
            None => self.by_limit.push((would_refuse.to_owned(), calls)),
        }
    }
}

impl Calls {
    fn and(self, other: Self) -> Self {
        let between = match (self.between, other.between) {
            (Some((first, last)), Some((other_first, other_last))) => {
                Some((first.min(other_first), last.max(other_last)))
            }
            (one, other) => one.or(other),
        };
        Self {
            calls: self.calls.saturating_add(other.calls),
            cost: self.cost.plus(other.cost),
            between,
        }
    }
}

fn calls_of(row: &Row) -> Result<Calls, DatabaseError> {
    Ok(Calls {
        calls: row.get("calls"),
        cost: Sum::from_numeric(row.get("cost")).ok_or(DatabaseError::Row {
            table: "billing.shadow_use_by_day",
            column: "cost_nanodollars",
        })?,
        between: Some((row.get("first_at"), row.get("last_at"))),
    })
}
