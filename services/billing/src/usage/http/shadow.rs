//! `/api/v1/usage/shadow-limits`: what shadow limits would have refused.

use actix_web::{get, web};
use ids::ShadowId;
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use server::{Person, Problem, StrictQuery};
use utoipa::{IntoParams, ToSchema};

use crate::usage::{
    amount::Sum,
    projection::Usage,
    reading::Asker,
    shadow::{Calls, ShadowDay, ShadowReport},
};

/// Which shadow limits.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ShadowQuery {
    /// Their id, as the grant tells it under `shadow_limits`.
    #[param(example = "shadow_0198a5b0c0de7000800000000000abcd")]
    shadow: String,
}

/// What shadow limits would have refused, of the calls that they watched.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShadowUse {
    /// The shadow limits.
    #[schema(value_type = String, example = "shadow_0198a5b0c0de7000800000000000abcd")]
    shadow: ShadowId,
    /// All calls that were made under them. None was refused by them.
    watched: WatchedCalls,
    /// Those of them that would have been refused.
    would_refuse: WatchedCalls,
    /// `would_refuse` by the limit; of several in the way, the one that lasts longest.
    by_limit: Vec<ShadowLimitUse>,
    /// Day by day, without days that have no call.
    by_day: Vec<ShadowDayUse>,
}

/// Calls that shadow limits watched.
#[derive(Debug, Serialize, ToSchema)]
pub struct WatchedCalls {
    /// How many.
    calls: i64,
    /// USD, exact to the nano-dollar.
    cost: Sum,
    /// When the first of them began; `null` where there is none.
    first_at: Option<Timestamp>,
    /// When the last of them began; `null` where there is none.
    last_at: Option<Timestamp>,
}

/// Calls that one limit would have refused.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShadowLimitUse {
    /// Which limit.
    #[schema(example = "monthly_spend")]
    limit: String,
    #[serde(flatten)]
    calls: WatchedCalls,
}

/// The calls of one UTC day.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShadowDayUse {
    /// Which.
    day: Date,
    /// All calls that were watched.
    watched: WatchedCalls,
    /// Those of them that would have been refused.
    would_refuse: WatchedCalls,
}

/// What shadow limits would have refused.
///
/// People with the role `member` see the calls under their own grants. Of shadow limits that nobody
/// called under, or that there never were, everything is zero.
#[utoipa::path(
    tag = "usage",
    params(ShadowQuery),
    responses(
        (status = 200, body = ShadowUse),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter is not valid"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
    ),
)]
#[get("/api/v1/usage/shadow-limits")]
pub async fn show_shadow_use(
    person: Person,
    query: StrictQuery<ShadowQuery>,
    usage: web::Data<Usage>,
) -> Result<web::Json<ShadowUse>, Problem> {
    let shadow = shadow_id(&query.0.shadow)?;
    let report = usage.shadow(Asker::from(&*person), shadow).await;
    let report = report.map_err(|error| Problem::dependency(&error))?;
    Ok(web::Json(ShadowUse::of(shadow, report)))
}

/// The shadow that a parameter names.
///
/// # Errors
/// When it names none.
pub(in crate::usage) fn shadow_id(text: &str) -> Result<ShadowId, Problem> {
    text.parse().map_err(|error: ids::IdError| {
        Problem::bad_request("`shadow` is not the id of shadow limits.")
            .at("shadow", error.to_string())
    })
}

impl ShadowUse {
    fn of(shadow: ShadowId, report: ShadowReport) -> Self {
        let by_limit = |(limit, calls): (String, Calls)| ShadowLimitUse {
            limit,
            calls: calls.into(),
        };
        Self {
            shadow,
            watched: report.watched.into(),
            would_refuse: report.refused.into(),
            by_limit: report.by_limit.into_iter().map(by_limit).collect(),
            by_day: report.by_day.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<ShadowDay> for ShadowDayUse {
    fn from(day: ShadowDay) -> Self {
        Self {
            day: day.day,
            watched: day.watched.into(),
            would_refuse: day.refused.into(),
        }
    }
}

impl From<Calls> for WatchedCalls {
    fn from(calls: Calls) -> Self {
        Self {
            calls: calls.calls,
            cost: calls.cost,
            first_at: calls.between.map(|(first, _)| first),
            last_at: calls.between.map(|(_, last)| last),
        }
    }
}
