//! The record of one call through the proxy: what reached a provider, or was answered from its cache, and
//! what it cost.

use ids::{AppId, BudgetId, CallId, GrantId, ProviderKeyId, ShadowId, TenantId, UserId};
use jiff::Timestamp;
use money::Nanodollars;
use serde::{Deserialize, Serialize};

use crate::{
    authorization::{Capability, Provider},
    payload::EventPayload,
    shadow::ShadowVerdict,
};

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallOutcome {
    /// The provider's whole answer reached the app.
    Completed,
    /// The app went away before the end.
    ClientGone,
    /// The grant was revoked while the answer ran.
    CutByRevocation,
    /// The provider answered with an error.
    ProviderError,
    /// The provider could not be reached, or broke off.
    ProviderUnreachable,
    /// The proxy died while the call ran; told by the next proxy that found its traces.
    ProxyLost,
}

/// Where the token counts come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measurement {
    /// The provider told its usage.
    Measured,
    /// The provider never told; the counts are the most the call can have used.
    Estimated,
}

/// Tokens of one call. `input` includes cached and cache-write tokens, `output` includes reasoning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenUsage {
    /// All input tokens.
    pub input: u64,
    /// Of `input`, read from the provider's cache.
    #[serde(skip_serializing_if = "is_zero")]
    pub cached_input: u64,
    /// Of `input`, written to the provider's cache.
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_write: u64,
    /// Of `cache_write`, written for an hour.
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_write_1h: u64,
    /// All output tokens.
    pub output: u64,
    /// Of `output`, spent on reasoning.
    #[serde(skip_serializing_if = "is_zero")]
    pub reasoning: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn is_false(flag: &bool) -> bool {
    !*flag
}

/// One call that reached, or may have reached, a provider, or that was answered from the proxy's cache in
/// its stead. Exactly one exists for each such call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecord {
    /// The call; a second record of it is the same record.
    pub call: CallId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Under which grant.
    pub grant: GrantId,
    /// The grants above it, the parent first: the call counts against their limits too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ancestors: Vec<GrantId>,
    /// The organization's budgets that it counts against.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub budgets: Vec<BudgetId>,
    /// What the shadow limits of its grant, of those above and of the budgets say of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shadows: Vec<ShadowVerdict>,
    /// Who granted it.
    pub user: UserId,
    /// The registered app, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<AppId>,
    /// The app's name as the person saw it.
    pub app_name: String,
    /// Where it went.
    pub provider: Provider,
    /// Whose key paid.
    pub key: ProviderKeyId,
    /// The version of that key; 0 where none was opened.
    pub key_version: i32,
    /// The model the app named.
    pub model: String,
    /// The kind of work.
    pub capability: Capability,
    /// The route template, such as `/chat/completions`.
    pub route: String,
    /// Whether the answer was a stream.
    pub stream: bool,
    /// Whether it was answered from the proxy's cache: no provider was asked, and it cost nothing.
    #[serde(default, skip_serializing_if = "is_false")]
    pub cached: bool,
    /// When the call was reserved.
    pub began_at: Timestamp,
    /// When its end was known.
    pub ended_at: Timestamp,
    /// The provider's HTTP status, if it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_status: Option<u16>,
    /// How it ended.
    pub outcome: CallOutcome,
    /// The tokens it used.
    pub usage: TokenUsage,
    /// Whether the provider told them.
    pub measurement: Measurement,
    /// What was held for it.
    pub reserved: Nanodollars,
    /// What it cost.
    pub cost: Nanodollars,
    /// The price book version it was charged at.
    pub price_version: String,
    /// The request id, from edge to event.
    pub request_id: String,
}

impl CallRecord {
    /// The shadows that it was counted against: those whose limits it fits into.
    pub fn counted_shadows(&self) -> impl Iterator<Item = ShadowId> {
        let fits = |verdict: &&ShadowVerdict| verdict.would_refuse.is_none();
        self.shadows
            .iter()
            .filter(fits)
            .map(|verdict| verdict.shadow)
    }

    /// Whether it cost more than was held: booked whole, and worth an alarm.
    #[must_use]
    pub fn exceeded_its_reservation(&self) -> bool {
        self.cost > self.reserved
    }
}

/// The one event of a call's stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "payload")]
pub enum CallEvent {
    /// The call came to its end.
    #[serde(rename = "call.recorded")]
    Recorded(Box<CallRecord>),
}

impl EventPayload for CallEvent {
    const STREAM: &'static str = "call";
}
