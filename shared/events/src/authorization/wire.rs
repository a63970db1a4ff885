//! Authorization details as the wire shows them (RFC 9396 section 7): amounts as exact JSON numbers.

use std::collections::BTreeSet;

use jiff::Timestamp;
use money::Nanodollars;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{
    AuthorizationDetail, Capability, GrantedLimits, Models, Provider, RequestedDetail,
    RequestedLimits, TYPE,
};
use crate::shadow::ShadowLimits;

/// An amount of USD as a JSON number with exactly its digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dollars(pub Nanodollars);

impl Serialize for Dollars {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The digits go through as they are: no float on the way.
        let number =
            RawValue::from_string(self.0.to_string()).map_err(serde::ser::Error::custom)?;
        number.serialize(serializer)
    }
}

/// The five limits; what nobody set is left out.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WireLimits {
    /// USD in a UTC calendar month.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub monthly_spend: Option<Dollars>,
    /// USD in a UTC calendar day.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    pub daily_spend: Option<Dollars>,
    /// Calls in any 60 seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u32>,
    /// Calls in a UTC calendar day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_day: Option<u32>,
    /// Input and output tokens of one call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_request: Option<u32>,
}

/// One authorization details object, as asked for or as granted.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WireDetail {
    /// Always `ai_model_access`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The provider.
    #[schema(value_type = String)]
    pub provider: Provider,
    /// Model ids or `prefix*`; none means every model.
    #[schema(value_type = Vec<String>)]
    pub models: Models,
    /// Kinds of work.
    #[schema(value_type = Vec<String>)]
    pub capabilities: BTreeSet<Capability>,
    /// The limits.
    pub limits: WireLimits,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires: Option<Timestamp>,
    /// The app's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where calls of this provider go; only in what was granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
}

impl From<&GrantedLimits> for WireLimits {
    fn from(limits: &GrantedLimits) -> Self {
        Self {
            monthly_spend: Some(Dollars(limits.monthly_spend)),
            daily_spend: Some(Dollars(limits.daily_spend)),
            requests_per_minute: Some(limits.requests_per_minute),
            requests_per_day: Some(limits.requests_per_day),
            tokens_per_request: Some(limits.tokens_per_request),
        }
    }
}

impl From<&RequestedLimits> for WireLimits {
    fn from(limits: &RequestedLimits) -> Self {
        Self {
            monthly_spend: limits.monthly_spend.map(Dollars),
            daily_spend: limits.daily_spend.map(Dollars),
            requests_per_minute: limits.requests_per_minute,
            requests_per_day: limits.requests_per_day,
            tokens_per_request: limits.tokens_per_request,
        }
    }
}

impl WireDetail {
    /// What was granted, enriched with where to call (RFC 9396 section 7.1).
    #[must_use]
    pub fn granted(detail: &AuthorizationDetail, public_url: &str) -> Self {
        Self {
            kind: TYPE,
            provider: detail.provider.clone(),
            models: detail.models.clone(),
            capabilities: detail.capabilities.clone(),
            limits: (&detail.limits).into(),
            expires: Some(detail.expires),
            reason: detail.reason.clone(),
            base_url: Some(base_url(public_url, &detail.provider)),
        }
    }

    /// What an app asked for.
    #[must_use]
    pub fn requested(detail: &RequestedDetail) -> Self {
        Self {
            kind: TYPE,
            provider: detail.provider.clone(),
            models: detail.models.clone(),
            capabilities: detail.capabilities.clone(),
            limits: (&detail.limits).into(),
            expires: detail.expires,
            reason: detail.reason.clone(),
            base_url: None,
        }
    }
}

impl From<&ShadowLimits> for WireLimits {
    fn from(limits: &ShadowLimits) -> Self {
        Self {
            monthly_spend: limits.monthly_spend.map(Dollars),
            daily_spend: limits.daily_spend.map(Dollars),
            requests_per_minute: limits.requests_per_minute,
            requests_per_day: limits.requests_per_day,
            tokens_per_request: limits.tokens_per_request,
        }
    }
}

/// Where an app calls a provider through this vault.
#[must_use]
pub fn base_url(public_url: &str, provider: &Provider) -> String {
    format!("{public_url}/v1/{provider}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_numbers_with_exactly_their_digits() {
        let amount = Dollars(Nanodollars::from_nanos(10_000_000_001));
        assert_eq!(serde_json::to_string(&amount).unwrap(), "10.000000001");
        assert_eq!(
            serde_json::to_string(&Dollars(Nanodollars::from_dollars(10))).unwrap(),
            "10"
        );
    }
}
