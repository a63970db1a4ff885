//! A call as one row of the books.

use clock::day_of;
use events::{CallRecord, ShadowVerdict};
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// The most characters of a name that an app or a caller made up, such as a model's. The whole
/// name stays in the event; an index takes no more than this.
pub const LONGEST_NAME: usize = 200;

/// One row of `billing.usage`; fields are named as its columns are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageRow {
    /// The UTC day in which the call was reserved: the day that pays.
    pub day: Date,
    pub call_id: Uuid,
    pub tenant_id: Uuid,
    pub grant_id: Uuid,
    /// The grants above it, the parent first.
    pub ancestors: Vec<Uuid>,
    /// The budgets that it counts against.
    pub budgets: Vec<Uuid>,
    /// What shadow limits say of it; `None` where none are tried.
    pub shadows: Option<Vec<ShadowWord>>,
    pub user_id: Uuid,
    pub app_id: Option<Uuid>,
    pub app_name: String,
    pub provider: String,
    pub key_id: Uuid,
    pub model: String,
    pub capability: String,
    pub route: String,
    pub stream: bool,
    /// Answered from a proxy's cache.
    pub cached: bool,
    pub outcome: String,
    pub measurement: String,
    pub provider_status: Option<u16>,
    pub input_tokens: u64,
    pub cached_input_tokens: u64,
    pub cache_write_tokens: u64,
    pub output_tokens: u64,
    pub reasoning_tokens: u64,
    pub reserved_nanodollars: i64,
    pub cost_nanodollars: i64,
    pub price_version: String,
    pub request_id: String,
    pub began_at: Timestamp,
    pub ended_at: Timestamp,
}

/// What the shadow limits of one shadow say of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowWord {
    pub shadow_id: Uuid,
    /// The limit that would have refused it; empty for a call that fits.
    pub would_refuse: String,
}

impl From<&ShadowVerdict> for ShadowWord {
    fn from(verdict: &ShadowVerdict) -> Self {
        Self {
            shadow_id: verdict.shadow.uuid(),
            would_refuse: verdict
                .would_refuse
                .map_or_else(String::new, |limit| limit.name().to_owned()),
        }
    }
}

impl UsageRow {
    /// The row of a call.
    #[must_use]
    pub fn of(record: &CallRecord) -> Self {
        // The day is taken from the very instant that the column will hold.
        let began_at = to_the_microsecond(record.began_at);
        Self {
            day: day_of(began_at),
            call_id: record.call.uuid(),
            tenant_id: record.tenant.uuid(),
            grant_id: record.grant.uuid(),
            ancestors: record.ancestors.iter().map(|grant| grant.uuid()).collect(),
            budgets: record.budgets.iter().map(|budget| budget.uuid()).collect(),
            shadows: (!record.shadows.is_empty())
                .then(|| record.shadows.iter().map(ShadowWord::from).collect()),
            user_id: record.user.uuid(),
            app_id: record.app.map(ids::Id::uuid),
            app_name: shortened(&record.app_name),
            provider: record.provider.to_string(),
            key_id: record.key.uuid(),
            model: shortened(&record.model),
            capability: record.capability.to_string(),
            route: shortened(&record.route),
            stream: record.stream,
            cached: record.cached,
            outcome: word(record.outcome),
            measurement: word(record.measurement),
            provider_status: record.provider_status,
            input_tokens: record.usage.input,
            cached_input_tokens: record.usage.cached_input,
            cache_write_tokens: record.usage.cache_write,
            output_tokens: record.usage.output,
            reasoning_tokens: record.usage.reasoning,
            reserved_nanodollars: record.reserved.nanos(),
            cost_nanodollars: record.cost.nanos(),
            price_version: shortened(&record.price_version),
            request_id: shortened(&record.request_id),
            began_at,
            ended_at: to_the_microsecond(record.ended_at),
        }
    }
}

/// As Postgres keeps it, cut and not rounded: rounding could move a call into the next month.
fn to_the_microsecond(at: Timestamp) -> Timestamp {
    let nanos = i64::from(at.subsec_nanosecond() % 1_000);
    at.checked_sub(jiff::SignedDuration::from_nanos(nanos))
        .unwrap_or(at)
}

fn shortened(name: &str) -> String {
    match name.char_indices().nth(LONGEST_NAME) {
        Some(_) => name.chars().take(LONGEST_NAME - 1).chain(['…']).collect(),
        None => name.to_owned(),
    }
}

/// The word by which an event names it.
fn word(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_belongs_to_the_day_of_its_last_whole_microsecond() {
        let last: Timestamp = "2026-10-31T23:59:59.999999999Z".parse().unwrap();
        let kept = to_the_microsecond(last);
        assert_eq!(kept.to_string(), "2026-10-31T23:59:59.999999Z");
        assert_eq!(day_of(kept).to_string(), "2026-10-31");
        let before_epoch: Timestamp = "1969-12-31T23:59:59.9999995Z".parse().unwrap();
        assert!(to_the_microsecond(before_epoch) >= before_epoch);
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        assert_eq!(shortened("gpt-4o"), "gpt-4o");
        let exact = "é".repeat(LONGEST_NAME);
        assert_eq!(shortened(&exact), exact);
        let cut = shortened(&"é".repeat(LONGEST_NAME + 1));
        assert_eq!(cut.chars().count(), LONGEST_NAME);
        assert!(cut.ends_with('…'));
    }
}
