//! `/api/v1/usage/calls`: the calls themselves.

use actix_web::{get, web};
use clock::Clock;
use ids::{AppId, CallId, GrantId, Id, ProviderKeyId, ShadowId, UserId};
use jiff::Timestamp;
use money::Nanodollars;
use serde::{Deserialize, Serialize};
use server::{Page, PageQuery, Person, Problem, StrictQuery};
use utoipa::{IntoParams, ToSchema};

use crate::usage::{
    calls::{CallCursor, CallQuestion},
    projection::Usage,
    reading::Asker,
    row::{ShadowWord, UsageRow},
    span::Span,
};

/// Which calls.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct CallsQuery {
    /// The first UTC day; the first of `to`'s month when absent.
    #[param(value_type = Option<Date>, example = "2026-11-01")]
    from: Option<String>,
    /// The last UTC day; today when absent.
    #[param(value_type = Option<Date>, example = "2026-11-30")]
    to: Option<String>,
    /// Only calls under this grant.
    grant: Option<String>,
    /// The `next_cursor` of the piece before; absent for the first.
    cursor: Option<String>,
    /// The most items to send: 1 to 200, 50 when absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
}

/// One call that reached, or may have reached, a provider, or was answered from the proxy's cache.
#[derive(Debug, Serialize, ToSchema)]
pub struct CallItem {
    #[schema(value_type = String, example = "call_0198a5b0c0de7000800000000000abcd")]
    id: CallId,
    /// When it was reserved: its day and month are the ones that pay.
    began_at: Timestamp,
    /// When its end was known.
    ended_at: Timestamp,
    #[schema(value_type = String)]
    grant: GrantId,
    /// Who granted.
    #[schema(value_type = String)]
    user: UserId,
    /// The registered app, if it is one.
    #[schema(value_type = Option<String>)]
    app: Option<AppId>,
    /// The app's name as the person saw it when they granted.
    app_name: String,
    provider: String,
    /// The provider key that paid.
    #[schema(value_type = String)]
    key: ProviderKeyId,
    /// The model the app named.
    model: String,
    capability: String,
    /// The route template, such as `/chat/completions`.
    route: String,
    stream: bool,
    /// Whether it was answered from the proxy's cache: no provider was asked, and it cost nothing.
    cached: bool,
    /// How it ended.
    outcome: String,
    /// `measured`, or `estimated` when the provider never told its usage.
    measurement: String,
    /// The provider's HTTP status, if it answered.
    provider_status: Option<u16>,
    tokens: CallTokens,
    /// USD.
    #[schema(value_type = String, example = "0.001234")]
    cost: Nanodollars,
    /// Whether it cost more than was held for it.
    exceeded_reservation: bool,
    /// What the shadow limits that watched it say of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shadow_limits: Vec<CallShadow>,
    /// The price book version it was charged at.
    price_version: String,
    /// The request id, from edge to event.
    request_id: String,
}

/// What shadow limits say of a call.
#[derive(Debug, Serialize, ToSchema)]
pub struct CallShadow {
    /// Which shadow limits.
    #[schema(value_type = String)]
    shadow: ShadowId,
    /// The limit that would have refused the call; `null` for one that fits.
    would_refuse: Option<String>,
}

/// Tokens of one call.
#[derive(Debug, Serialize, ToSchema)]
pub struct CallTokens {
    /// All input tokens.
    input: u64,
    /// Of `input`, read from the provider's cache.
    cached_input: u64,
    /// Of `input`, written to the provider's cache.
    cache_write: u64,
    /// All output tokens.
    output: u64,
    /// Of `output`, spent on reasoning.
    reasoning: u64,
}

/// The calls themselves, the newest first.
///
/// People with the role `member` see calls under their own grants.
#[utoipa::path(
    tag = "usage",
    params(CallsQuery),
    responses(
        (status = 200, body = Page<CallItem>),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "A parameter is not valid"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
    ),
)]
#[get("/api/v1/usage/calls")]
pub async fn list_calls(
    person: Person,
    query: StrictQuery<CallsQuery>,
    usage: web::Data<Usage>,
    clock: web::Data<Clock>,
) -> Result<web::Json<Page<CallItem>>, Problem> {
    let CallsQuery {
        from,
        to,
        grant,
        cursor,
        limit,
    } = query.0;
    let piece = PageQuery { cursor, limit };
    let limit = piece.limit()?;
    let question = CallQuestion {
        span: Span::asked(from.as_deref(), to.as_deref(), clock.now())?,
        grant: grant.as_deref().map(grant_id).transpose()?,
        after: piece.cursor::<CallCursor>()?,
        most: i64::from(limit) + 1,
    };
    let rows = usage.calls(Asker::from(&*person), &question).await;
    let rows = rows.map_err(|error| Problem::dependency(&error))?;
    let Page { items, next_cursor } =
        Page::of(rows, limit, |row| CallCursor::from(row).to_string());
    let items = items.into_iter().map(CallItem::from).collect();
    Ok(web::Json(Page { items, next_cursor }))
}

fn grant_id(text: &str) -> Result<GrantId, Problem> {
    text.parse().map_err(|error: ids::IdError| {
        Problem::bad_request("`grant` is not the id of a grant.").at("grant", error.to_string())
    })
}

impl From<UsageRow> for CallItem {
    fn from(row: UsageRow) -> Self {
        Self {
            id: Id::from_uuid(row.call_id),
            began_at: row.began_at,
            ended_at: row.ended_at,
            grant: Id::from_uuid(row.grant_id),
            user: Id::from_uuid(row.user_id),
            app: row.app_id.map(Id::from_uuid),
            app_name: row.app_name,
            provider: row.provider,
            key: Id::from_uuid(row.key_id),
            model: row.model,
            capability: row.capability,
            route: row.route,
            stream: row.stream,
            cached: row.cached,
            outcome: row.outcome,
            measurement: row.measurement,
            provider_status: row.provider_status,
            tokens: CallTokens {
                input: row.input_tokens,
                cached_input: row.cached_input_tokens,
                cache_write: row.cache_write_tokens,
                output: row.output_tokens,
                reasoning: row.reasoning_tokens,
            },
            cost: Nanodollars::from_nanos(row.cost_nanodollars),
            exceeded_reservation: row.cost_nanodollars > row.reserved_nanodollars,
            shadow_limits: row.shadows.into_iter().flatten().map(Into::into).collect(),
            price_version: row.price_version,
            request_id: row.request_id,
        }
    }
}

impl From<ShadowWord> for CallShadow {
    fn from(word: ShadowWord) -> Self {
        Self {
            shadow: Id::from_uuid(word.shadow_id),
            would_refuse: Some(word.would_refuse).filter(|limit| !limit.is_empty()),
        }
    }
}
