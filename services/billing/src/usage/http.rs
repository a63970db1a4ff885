//! `/api/v1/usage`: what it cost, added up; below it, call by call.

mod calls;
mod shadow;

use actix_web::{get, web};
use clock::Clock;
use ids::{GrantId, UserId};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use server::{Person, Problem, StrictQuery};
use utoipa::{IntoParams, ToSchema};

pub use calls::list_calls;
pub(super) use shadow::shadow_id;
pub use shadow::show_shadow_use;

use crate::usage::{
    amount::Sum,
    group::{Group, Groups, GroupsError},
    projection::Usage,
    reading::{Asker, Line, total},
    span::{Span, SpanError},
};

/// More lines than anybody reads at once.
const MOST_LINES: usize = 10_000;

/// Which usage, and by what it is added up.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct UsageQuery {
    /// The first UTC day; the first of `to`'s month when absent.
    #[param(value_type = Option<Date>, example = "2026-11-01")]
    from: Option<String>,
    /// The last UTC day; today when absent.
    #[param(value_type = Option<Date>, example = "2026-11-30")]
    to: Option<String>,
    /// Any of `app`, `user`, `model`, `grant`, `day` and `provider`, with commas between; `day`
    /// when absent.
    #[param(example = "app,model")]
    group_by: Option<String>,
}

/// What it cost within a span of days.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsageReport {
    /// The first UTC day.
    from: Date,
    /// The last UTC day.
    to: Date,
    /// By day if asked for, then the dearest first.
    items: Vec<UsageItem>,
    /// Always `null`: the list is whole.
    next_cursor: Option<String>,
    /// Everything together.
    total: UsageTotal,
}

/// What calls with something in common add up to. Has the members that were asked for in `group_by`.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsageItem {
    /// The UTC day.
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<Date>,
    /// The app's name as the person saw it when they granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    app: Option<String>,
    /// Who granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "user_0198a5b0c0de7000800000000000abcd")]
    user: Option<UserId>,
    /// The model the app named.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// The grant.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "grant_0198a5b0c0de7000800000000000abcd")]
    grant: Option<GrantId>,
    /// The provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    #[serde(flatten)]
    sums: UsageTotal,
}

/// Sums over calls.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsageTotal {
    /// How many calls.
    calls: i64,
    /// Of `calls`, those whose provider never told its usage: counted at the most they can have used.
    estimated_calls: i64,
    /// Input tokens, cached ones included.
    input_tokens: i64,
    /// Output tokens, reasoning included.
    output_tokens: i64,
    /// USD, exact to the nano-dollar.
    cost: Sum,
}

/// What it cost, added up.
///
/// People with the role `member` see what their own grants cost; owners, admins and finance see
/// everything of the organization.
#[utoipa::path(
    tag = "usage",
    params(UsageQuery),
    responses(
        (status = 200, body = UsageReport),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter is not valid"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json", description = "More lines than one answer holds"),
    ),
)]
#[get("/api/v1/usage")]
pub async fn show_usage(
    person: Person,
    query: StrictQuery<UsageQuery>,
    usage: web::Data<Usage>,
    clock: web::Data<Clock>,
) -> Result<web::Json<UsageReport>, Problem> {
    let UsageQuery { from, to, group_by } = query.0;
    let span = Span::asked(from.as_deref(), to.as_deref(), clock.now())?;
    let groups = match group_by {
        Some(text) => text.parse()?,
        None => Groups::of(&[Group::Day]),
    };
    let most = i64::try_from(MOST_LINES + 1).unwrap_or(i64::MAX);
    let lines = usage
        .lines(Asker::from(&*person), span, &groups, most)
        .await;
    let lines = lines.map_err(|error| Problem::dependency(&error))?;
    if lines.len() > MOST_LINES {
        return Err(too_many_lines());
    }
    Ok(web::Json(UsageReport {
        from: span.first(),
        to: span.last(),
        total: UsageTotal::of(&total(&lines)),
        items: lines.into_iter().map(UsageItem::from).collect(),
        next_cursor: None,
    }))
}

fn too_many_lines() -> Problem {
    let detail = format!(
        "The answer would have more than {MOST_LINES} lines. Ask for fewer days or groups."
    );
    Problem::unprocessable(detail).named("too-many-lines", "Too much for one answer")
}

impl From<SpanError> for Problem {
    fn from(error: SpanError) -> Self {
        let (name, kind) = match error {
            SpanError::From => ("from", "bad-day"),
            SpanError::To => ("to", "bad-day"),
            SpanError::Backwards => ("to", "backward-span"),
            SpanError::TooLong => ("from", "span-too-long"),
        };
        Self::bad_request(format!("The days asked for are not valid: {error}."))
            .named(kind, "The days asked for are not valid")
            .at(name, error.to_string())
    }
}

impl From<GroupsError> for Problem {
    fn from(error: GroupsError) -> Self {
        Self::bad_request(format!("Usage cannot be added up like that: {error}."))
            .named("bad-group", "Usage cannot be added up like that")
            .at("group_by", error.to_string())
    }
}

impl UsageTotal {
    const fn of(line: &Line) -> Self {
        Self {
            calls: line.calls,
            estimated_calls: line.estimated_calls,
            input_tokens: line.input_tokens,
            output_tokens: line.output_tokens,
            cost: line.cost,
        }
    }
}

impl From<Line> for UsageItem {
    fn from(line: Line) -> Self {
        let sums = UsageTotal::of(&line);
        let Line {
            day,
            app,
            user,
            model,
            grant,
            provider,
            ..
        } = line;
        Self {
            day,
            app,
            user,
            model,
            grant,
            provider,
            sums,
        }
    }
}
