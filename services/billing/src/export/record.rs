//! What an exported row says, and in which order.

use ids::{AppId, CallId, GrantId, Id, ProviderKeyId, UserId};
use jiff::{Timestamp, civil::Date};
use money::Nanodollars;
use serde::Serialize;

use crate::usage::{Sum, UsageRow};

/// The columns of every format, in order. New ones are only ever added at the end, so that whoever
/// reads a file by position can read the next one too.
pub const COLUMNS: [&str; 27] = [
    "day",
    "began_at",
    "ended_at",
    "call_id",
    "grant_id",
    "user_id",
    "app_id",
    "app_name",
    "provider",
    "key_id",
    "model",
    "capability",
    "route",
    "stream",
    "outcome",
    "provider_status",
    "measurement",
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cost_usd",
    "price_version",
    "request_id",
    "parent_grant_id",
    "cached",
];

/// One exported row; its fields are [`COLUMNS`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExportRecord {
    day: Date,
    began_at: String,
    ended_at: String,
    call_id: CallId,
    grant_id: GrantId,
    user_id: UserId,
    app_id: Option<AppId>,
    app_name: String,
    provider: String,
    key_id: ProviderKeyId,
    model: String,
    capability: String,
    route: String,
    stream: bool,
    outcome: String,
    provider_status: Option<u16>,
    measurement: String,
    input_tokens: u64,
    cached_input_tokens: u64,
    cache_write_tokens: u64,
    output_tokens: u64,
    reasoning_tokens: u64,
    cost_usd: String,
    price_version: String,
    request_id: String,
    parent_grant_id: Option<GrantId>,
    cached: bool,
}

impl From<UsageRow> for ExportRecord {
    fn from(row: UsageRow) -> Self {
        Self {
            day: row.day,
            began_at: instant(row.began_at),
            ended_at: instant(row.ended_at),
            call_id: Id::from_uuid(row.call_id),
            grant_id: Id::from_uuid(row.grant_id),
            user_id: Id::from_uuid(row.user_id),
            app_id: row.app_id.map(Id::from_uuid),
            app_name: row.app_name,
            provider: row.provider,
            key_id: Id::from_uuid(row.key_id),
            model: row.model,
            capability: row.capability,
            route: row.route,
            stream: row.stream,
            outcome: row.outcome,
            provider_status: row.provider_status,
            measurement: row.measurement,
            input_tokens: row.input_tokens,
            cached_input_tokens: row.cached_input_tokens,
            cache_write_tokens: row.cache_write_tokens,
            output_tokens: row.output_tokens,
            reasoning_tokens: row.reasoning_tokens,
            cost_usd: Sum::from(Nanodollars::from_nanos(row.cost_nanodollars)).nine_digits(),
            price_version: row.price_version,
            request_id: row.request_id,
            parent_grant_id: row.ancestors.first().copied().map(Id::from_uuid),
            cached: row.cached,
        }
    }
}

/// RFC 3339 in UTC, always with six digits of the second, so that texts sort as instants do.
fn instant(at: Timestamp) -> String {
    format!("{at:.6}")
}
