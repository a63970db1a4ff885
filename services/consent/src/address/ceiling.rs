//! The ceiling of a connect ticket: within it, the ticket is the person's yes.

use std::time::Duration;

use events::{AuthorizationDetail, GrantedLimits, Models, Provider, RequestedDetail};
use ids::ProviderKeyId;
use jiff::Timestamp;
use money::{LARGEST_LIMIT, Nanodollars};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::policy::{Policy, after};

/// What a ticket grants at most, without asking again: where, which models, how much money and how
/// long. How often an app calls within that is its own affair, and so are the kinds of work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ceiling {
    /// The providers it may be for, and the models there.
    pub providers: Vec<Provider>,
    /// The models; none means every model of these providers.
    pub models: Models,
    /// USD in a month.
    pub monthly_spend: Nanodollars,
    /// How many days the grant may last.
    pub days: u16,
}

/// A ceiling on the wire.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WireCeiling {
    /// The providers the ticket may be used for.
    pub providers: Vec<String>,
    /// Model ids or `prefix*`; none means every model.
    #[serde(default)]
    pub models: Vec<String>,
    /// USD in a UTC calendar month, as a decimal string.
    pub monthly_spend: String,
    /// How many days the grant may last, 1 to 365.
    pub days: u16,
}

impl TryFrom<WireCeiling> for Ceiling {
    type Error = &'static str;

    fn try_from(wire: WireCeiling) -> Result<Self, &'static str> {
        let mut providers = Vec::new();
        for name in &wire.providers {
            let provider: Provider = name.parse().map_err(|_| "unknown provider")?;
            if !provider.is_built_in() {
                return Err("unknown provider");
            }
            providers.push(provider);
        }
        if providers.is_empty() || providers.len() > 8 {
            return Err("1 to 8 providers are needed");
        }
        let models: Result<Vec<_>, _> = wire
            .models
            .iter()
            .take(65)
            .map(|text| text.parse())
            .collect();
        let models = models.map_err(|_| "a model is named by its id or a prefix and *")?;
        if models.len() > 64 {
            return Err("at most 64 models");
        }
        let monthly_spend: Nanodollars = wire
            .monthly_spend
            .parse()
            .map_err(|_| "monthly_spend is a decimal amount of USD")?;
        if monthly_spend <= Nanodollars::ZERO || monthly_spend > LARGEST_LIMIT {
            return Err("monthly_spend is above 0 and at most 4000000");
        }
        if !(1..=365).contains(&wire.days) {
            return Err("days is 1 to 365");
        }
        Ok(Self {
            providers,
            models: Models::new(models),
            monthly_spend,
            days: wire.days,
        })
    }
}

impl Ceiling {
    /// What is granted at once, if all that was asked lies within the ceiling; else the person
    /// decides in the inbox.
    #[must_use]
    pub fn grant(
        &self,
        policy: &Policy,
        asked: &RequestedDetail,
        key: ProviderKeyId,
        now: Timestamp,
    ) -> Option<AuthorizationDetail> {
        let most = GrantedLimits {
            monthly_spend: self.monthly_spend,
            daily_spend: self.monthly_spend.min(policy.default_limits.daily_spend),
            ..policy.default_limits
        };
        let limits = asked.limits.or_default(&most);
        let ends = after(now, Duration::from_secs(u64::from(self.days) * 86_400));
        let expires = asked.expires.unwrap_or(ends);
        let within = self.providers.contains(&asked.provider)
            && asked.models.is_within(&self.models)
            && limits.monthly_spend <= self.monthly_spend
            && limits.daily_spend <= self.monthly_spend
            && expires <= ends;
        within.then(|| AuthorizationDetail {
            provider: asked.provider.clone(),
            models: asked.models.clone(),
            capabilities: asked.capabilities.clone(),
            limits,
            expires,
            key_id: key,
            reason: asked.reason.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access_request::details;

    fn now() -> Timestamp {
        "2026-11-22T00:00:00Z".parse().unwrap()
    }

    fn ceiling() -> Ceiling {
        let wire = serde_json::json!({"providers": ["openai"], "models": ["gpt-4o*"], "monthly_spend": "10", "days": 30});
        serde_json::from_value::<WireCeiling>(wire)
            .unwrap()
            .try_into()
            .unwrap()
    }

    fn granted(detail: &str) -> Option<AuthorizationDetail> {
        let asked = details::parse(&format!("[{detail}]"), now())
            .unwrap()
            .remove(0);
        ceiling().grant(&Policy::default(), &asked, ProviderKeyId::new(now()), now())
    }

    #[test]
    fn what_lies_within_is_granted_and_the_rest_waits() {
        let within = granted(
            r#"{"type":"ai_model_access","provider":"openai","models":["gpt-4o-mini"],"limits":{"monthly_spend":10}}"#,
        );
        assert_eq!(
            within.unwrap().limits.monthly_spend,
            Nanodollars::from_dollars(10)
        );
        for above in [
            r#"{"type":"ai_model_access","provider":"anthropic","models":["gpt-4o-mini"]}"#,
            r#"{"type":"ai_model_access","provider":"openai","models":["o1"]}"#,
            r#"{"type":"ai_model_access","provider":"openai"}"#,
            r#"{"type":"ai_model_access","provider":"openai","models":["gpt-4o"],"limits":{"monthly_spend":10.000000001}}"#,
            r#"{"type":"ai_model_access","provider":"openai","models":["gpt-4o"],"limits":{"daily_spend":11}}"#,
            r#"{"type":"ai_model_access","provider":"openai","models":["gpt-4o"],"expires":"2026-12-23"}"#,
        ] {
            assert_eq!(granted(above), None, "{above}");
        }
    }
}
