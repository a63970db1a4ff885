//! Questions about single calls: `billing.usage`.

use std::{fmt, str::FromStr};

use ids::GrantId;
use jiff::Timestamp;
use postgres::{DatabaseError, Scope};
use tokio_postgres::{
    Row,
    types::{FromSql, Json},
};
use uuid::Uuid;

use crate::usage::{projection::Usage, reading::Asker, row::UsageRow, span::Span};

/// Which calls are asked for: the newest first.
#[derive(Debug, Clone, Copy)]
pub struct CallQuestion {
    /// The days in which they began.
    pub span: Span,
    /// Under this grant only.
    pub grant: Option<GrantId>,
    /// After this one.
    pub after: Option<CallCursor>,
    /// At most so many.
    pub most: i64,
}

/// Where a list of calls goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallCursor {
    began_at: Timestamp,
    call: Uuid,
}

impl From<&UsageRow> for CallCursor {
    fn from(row: &UsageRow) -> Self {
        Self {
            began_at: row.began_at,
            call: row.call_id,
        }
    }
}

impl fmt::Display for CallCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}.{}",
            self.began_at.as_microsecond(),
            self.call.simple()
        )
    }
}

/// The text is not a cursor of a list of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of this list")]
pub struct NotACursor;

impl FromStr for CallCursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let (micros, call) = text.split_once('.').ok_or(NotACursor)?;
        let began_at = micros
            .parse()
            .ok()
            .and_then(|micros| Timestamp::from_microsecond(micros).ok());
        let cursor = Self {
            began_at: began_at.ok_or(NotACursor)?,
            call: Uuid::try_parse(call).map_err(|_| NotACursor)?,
        };
        // One place has one spelling.
        if cursor.to_string() == text {
            Ok(cursor)
        } else {
            Err(NotACursor)
        }
    }
}

const CALLS: &str = "
    -- billing.usage_calls
    SELECT day, call_id, tenant_id, grant_id, ancestors, budgets, shadows, user_id, app_id, app_name, provider, key_id, model,
           capability, route, stream, cached, outcome, measurement, provider_status, input_tokens,
           cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens,
           reserved_nanodollars, cost_nanodollars, price_version, request_id, began_at, ended_at
      FROM billing.usage
     WHERE tenant_id = $1
       AND began_at >= $2
       AND began_at < $3
       AND ($4::uuid IS NULL OR user_id = $4)
       AND ($5::uuid IS NULL OR grant_id = $5)
       AND ($6::timestamptz IS NULL OR (began_at, call_id) < ($6, $7))
     ORDER BY began_at DESC, call_id DESC
     LIMIT $8";

impl Usage {
    /// The calls of a span of days, the newest first.
    ///
    /// # Errors
    /// When the database is not reached or a row cannot be read.
    pub async fn calls(
        &self,
        asker: Asker,
        question: &CallQuestion,
    ) -> Result<Vec<UsageRow>, DatabaseError> {
        let tx = self
            .postgres
            .begin("usage calls", Scope::Tenant(asker.tenant))
            .await?;
        let rows = tx
            .query(
                CALLS,
                &[
                    &asker.tenant.uuid(),
                    &question.span.start(),
                    &question.span.end(),
                    &asker.only(),
                    &question.grant.map(ids::Id::uuid),
                    &question.after.map(|after| after.began_at),
                    &question.after.map(|after| after.call),
                    &question.most,
                ],
            )
            .await?;
        tx.commit().await?;
        rows.iter().map(UsageRow::from_row).collect()
    }
}

impl UsageRow {
    /// The row as selected with all its columns.
    ///
    /// # Errors
    /// Names the column that cannot be read.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            day: column(row, "day")?,
            call_id: column(row, "call_id")?,
            tenant_id: column(row, "tenant_id")?,
            grant_id: column(row, "grant_id")?,
            ancestors: column(row, "ancestors")?,
            budgets: column(row, "budgets")?,
            shadows: column::<Option<Json<_>>>(row, "shadows")?.map(|Json(shadows)| shadows),
            user_id: column(row, "user_id")?,
            app_id: column(row, "app_id")?,
            app_name: column(row, "app_name")?,
            provider: column(row, "provider")?,
            key_id: column(row, "key_id")?,
            model: column(row, "model")?,
            capability: column(row, "capability")?,
            route: column(row, "route")?,
            stream: column(row, "stream")?,
            cached: column(row, "cached")?,
            outcome: column(row, "outcome")?,
            measurement: column(row, "measurement")?,
            provider_status: column::<Option<i16>>(row, "provider_status")?.map(i16::unsigned_abs),
            input_tokens: count(row, "input_tokens")?,
            cached_input_tokens: count(row, "cached_input_tokens")?,
            cache_write_tokens: count(row, "cache_write_tokens")?,
            output_tokens: count(row, "output_tokens")?,
            reasoning_tokens: count(row, "reasoning_tokens")?,
            reserved_nanodollars: column(row, "reserved_nanodollars")?,
            cost_nanodollars: column(row, "cost_nanodollars")?,
            price_version: column(row, "price_version")?,
            request_id: column(row, "request_id")?,
            began_at: column(row, "began_at")?,
            ended_at: column(row, "ended_at")?,
        })
    }
}

fn column<'row, T: FromSql<'row>>(row: &'row Row, name: &'static str) -> Result<T, DatabaseError> {
    row.try_get(name).map_err(|_| DatabaseError::Row {
        table: "billing.usage",
        column: name,
    })
}

fn count(row: &Row, name: &'static str) -> Result<u64, DatabaseError> {
    u64::try_from(column::<i64>(row, name)?).map_err(|_| DatabaseError::Row {
        table: "billing.usage",
        column: name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_nothing_else_is_one() {
        let cursor = CallCursor {
            began_at: "2026-11-22T10:00:00.000001Z".parse().unwrap(),
            call: Uuid::from_u128(7),
        };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for bad in [
            "",
            ".",
            "1",
            "1.x",
            "+1.00000000000000000000000000000007",
            "99999999999999999999.0",
        ] {
            assert_eq!(bad.parse::<CallCursor>(), Err(NotACursor), "{bad}");
        }
    }
}
