//! Questions about sums.

use ids::{GrantId, TenantId, UserId};
use jiff::civil::Date;
use postgres::{DatabaseError, Scope};
use sessions::{Permission, SignedIn};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::usage::{
    amount::Sum,
    group::{Group, Groups},
    projection::Usage,
    span::Span,
};

/// Who asks, which decides what they see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asker {
    /// The organization they act in.
    pub tenant: TenantId,
    /// The one person whose usage they see; `None` for everybody's.
    pub only: Option<UserId>,
}

impl From<&SignedIn> for Asker {
    fn from(person: &SignedIn) -> Self {
        let only = (!person.can(Permission::SeeAllUsage)).then_some(person.user);
        Self {
            tenant: person.tenant,
            only,
        }
    }
}

impl Asker {
    pub(crate) fn only(&self) -> Option<Uuid> {
        self.only.map(ids::Id::uuid)
    }
}

/// What calls with something in common add up to. A group that was not asked for is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    pub day: Option<Date>,
    pub app: Option<String>,
    pub user: Option<UserId>,
    pub model: Option<String>,
    pub grant: Option<GrantId>,
    pub provider: Option<String>,
    pub calls: i64,
    /// Of `calls`, those whose provider never told its usage.
    pub estimated_calls: i64,
    pub input_tokens: i64,
    pub output_tokens: i64,
    pub cost: Sum,
}

const TABLE: &str = "billing.usage_by_day";

const LINES: &str = "
    -- billing.usage_lines
    SELECT CASE WHEN $5 THEN day END AS day,
           CASE WHEN $6 THEN app_name END AS app,
           CASE WHEN $7 THEN model END AS model,
           CASE WHEN $8 THEN provider END AS provider,
           CASE WHEN $9 THEN user_id END AS user_id,
           CASE WHEN $10 THEN grant_id END AS grant_id,
           LEAST(sum(calls), 9223372036854775807)::bigint AS calls,
           LEAST(sum(estimated_calls), 9223372036854775807)::bigint AS estimated_calls,
           LEAST(sum(input_tokens), 9223372036854775807)::bigint AS input_tokens,
           LEAST(sum(output_tokens), 9223372036854775807)::bigint AS output_tokens,
           sum(cost_nanodollars)::text AS cost
      FROM billing.usage_by_day
     WHERE tenant_id = $1
       AND day BETWEEN $2 AND $3
       AND ($4::uuid IS NULL OR user_id = $4)
     GROUP BY 1, 2, 3, 4, 5, 6
     ORDER BY 1, sum(cost_nanodollars) DESC, 2, 3, 4, 5, 6
     LIMIT $11";

const HAS_ANY: &str = "
    -- billing.has_any_usage
    SELECT EXISTS (SELECT 1 FROM billing.usage_by_day
                    WHERE tenant_id = $1 AND ($2::uuid IS NULL OR user_id = $2)) AS any";

impl Usage {
    /// Usage within a span of days, added up by `groups`: at most `most` lines, by day, then the
    /// dearest first.
    ///
    /// # Errors
    /// When the database is not reached or a row cannot be read.
    pub async fn lines(
        &self,
        asker: Asker,
        span: Span,
        groups: &Groups,
        most: i64,
    ) -> Result<Vec<Line>, DatabaseError> {
        let tx = self
            .postgres
            .begin("usage lines", Scope::Tenant(asker.tenant))
            .await?;
        let rows = tx
            .query(
                LINES,
                &[
                    &asker.tenant.uuid(),
                    &span.first(),
                    &span.last(),
                    &asker.only(),
                    &groups.has(Group::Day),
                    &groups.has(Group::App),
                    &groups.has(Group::Model),
                    &groups.has(Group::Provider),
                    &groups.has(Group::User),
                    &groups.has(Group::Grant),
                    &most,
                ],
            )
            .await?;
        tx.commit().await?;
        rows.iter().map(line_of).collect()
    }

    /// Whether there ever was a call that the asker may see.
    ///
    /// # Errors
    /// When the database is not reached.
    pub async fn has_any(&self, asker: Asker) -> Result<bool, DatabaseError> {
        let tx = self
            .postgres
            .begin("has any usage", Scope::Tenant(asker.tenant))
            .await?;
        let any = tx
            .query_one(HAS_ANY, &[&asker.tenant.uuid(), &asker.only()])
            .await?
            .get("any");
        tx.commit().await?;
        Ok(any)
    }
}

fn line_of(row: &Row) -> Result<Line, DatabaseError> {
    let cost: &str = row.get("cost");
    Ok(Line {
        day: row.get("day"),
        app: row.get("app"),
        user: row.get::<_, Option<Uuid>>("user_id").map(UserId::from_uuid),
        model: row.get("model"),
        grant: row
            .get::<_, Option<Uuid>>("grant_id")
            .map(GrantId::from_uuid),
        provider: row.get("provider"),
        calls: row.get("calls"),
        estimated_calls: row.get("estimated_calls"),
        input_tokens: row.get("input_tokens"),
        output_tokens: row.get("output_tokens"),
        cost: Sum::from_numeric(cost).ok_or(DatabaseError::Row {
            table: TABLE,
            column: "cost_nanodollars",
        })?,
    })
}

/// What all lines together add up to.
#[must_use]
pub fn total(lines: &[Line]) -> Line {
    lines.iter().fold(Line::default(), |total, line| Line {
        calls: total.calls.saturating_add(line.calls),
        estimated_calls: total.estimated_calls.saturating_add(line.estimated_calls),
        input_tokens: total.input_tokens.saturating_add(line.input_tokens),
        output_tokens: total.output_tokens.saturating_add(line.output_tokens),
        cost: total.cost.plus(line.cost),
        ..total
    })
}
