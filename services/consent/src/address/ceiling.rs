//! The ceiling of a connect ticket or an approval rule: within it, that is the person's yes.

use std::{collections::BTreeSet, time::Duration};

use events::{
    AuthorizationDetail, Capability, Ceiling, GrantedLimits, Models, Provider, RequestedDetail,
};
use ids::ProviderKeyId;
use jiff::Timestamp;
use money::{LARGEST_LIMIT, Nanodollars};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::policy::{LARGEST_LIMITS, Policy, after};

/// A ceiling on the wire.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WireCeiling {
    /// The providers it is for.
    pub providers: Vec<String>,
    /// Model ids or `prefix*`; none means every model.
    #[serde(default)]
    pub models: Vec<String>,
    /// Kinds of work; none means `chat` alone.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// USD in a UTC calendar month at each provider, as a decimal string.
    pub monthly_spend: String,
    /// Calls in a minute; left out: the vault's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u32>,
    /// Calls in a UTC day; left out: the vault's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_day: Option<u32>,
    /// Tokens in one call; left out: the vault's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_request: Option<u32>,
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
        if providers.is_empty() || providers.len() > Provider::BUILT_IN.len() {
            return Err("1 to 10 providers are needed");
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
        let capabilities: Result<BTreeSet<Capability>, ()> =
            wire.capabilities.iter().map(|name| name.parse()).collect();
        let mut capabilities = capabilities.map_err(|()| "unknown capability")?;
        if capabilities.is_empty() {
            capabilities = Ceiling::only_chat();
        }
        let outside = |count: Option<u32>, most| count.is_some_and(|c| !(1..=most).contains(&c));
        if outside(wire.requests_per_minute, LARGEST_LIMITS.requests_per_minute)
            || outside(wire.requests_per_day, LARGEST_LIMITS.requests_per_day)
            || outside(wire.tokens_per_request, LARGEST_LIMITS.tokens_per_request)
        {
            return Err(
                "a number of calls or tokens is above 0 and not larger than a limit can be",
            );
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
            capabilities,
            monthly_spend,
            requests_per_minute: wire.requests_per_minute,
            requests_per_day: wire.requests_per_day,
            tokens_per_request: wire.tokens_per_request,
            days: wire.days,
        })
    }
}

impl From<&Ceiling> for WireCeiling {
    fn from(ceiling: &Ceiling) -> Self {
        let models = ceiling.models.patterns().iter();
        Self {
            providers: ceiling.providers.iter().map(ToString::to_string).collect(),
            models: models.map(ToString::to_string).collect(),
            capabilities: ceiling
                .capabilities
                .iter()
                .map(ToString::to_string)
                .collect(),
            monthly_spend: ceiling.monthly_spend.to_string(),
            requests_per_minute: ceiling.requests_per_minute,
            requests_per_day: ceiling.requests_per_day,
            tokens_per_request: ceiling.tokens_per_request,
            days: ceiling.days,
        }
    }
}

/// What is granted at once, if all that was asked lies within the ceiling and the
/// organization's policy; else the person decides.
#[must_use]
pub fn granted_within(
    ceiling: &Ceiling,
    policy: &Policy,
    asked: &RequestedDetail,
    key: ProviderKeyId,
    now: Timestamp,
) -> Option<AuthorizationDetail> {
    let default = policy.default_limits;
    let most = GrantedLimits {
        monthly_spend: ceiling.monthly_spend,
        daily_spend: ceiling.monthly_spend.min(default.daily_spend),
        requests_per_minute: ceiling
            .requests_per_minute
            .unwrap_or(default.requests_per_minute),
        requests_per_day: ceiling.requests_per_day.unwrap_or(default.requests_per_day),
        tokens_per_request: ceiling
            .tokens_per_request
            .unwrap_or(default.tokens_per_request),
    };
    let limits = asked.limits.or_default(&most);
    let days = Duration::from_secs(u64::from(ceiling.days) * 86_400);
    let ends = after(now, days.min(policy.longest));
    let expires = asked.expires.unwrap_or(ends);
    let within = ceiling.providers.contains(&asked.provider)
        && asked.models.is_within(&ceiling.models)
        && (policy.every_model || !asked.models.is_every())
        && asked.capabilities.is_subset(&ceiling.capabilities)
        && limits.monthly_spend <= most.monthly_spend
        && limits.daily_spend <= most.monthly_spend
        && limits.requests_per_minute <= most.requests_per_minute
        && limits.requests_per_day <= most.requests_per_day
        && limits.tokens_per_request <= most.tokens_per_request
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access_request::details;

    fn now() -> Timestamp {
        "2026-11-22T00:00:00Z".parse().unwrap()
    }

    fn ceiling() -> Ceiling {
        let wire = serde_json::json!({"providers": ["openai"], "models": ["gpt-4o*"], "capabilities": ["chat", "vision"],
            "monthly_spend": "10", "requests_per_minute": 7, "tokens_per_request": 1000, "days": 30});
        serde_json::from_value::<WireCeiling>(wire)
            .unwrap()
            .try_into()
            .unwrap()
    }

    fn granted(detail: &str) -> Option<AuthorizationDetail> {
        let asked = details::parse(&format!("[{detail}]"), now())
            .unwrap()
            .remove(0);
        granted_within(
            &ceiling(),
            &Policy::default(),
            &asked,
            ProviderKeyId::new(now()),
            now(),
        )
    }

    #[test]
    fn a_ceiling_names_known_kinds_of_work_and_possible_numbers() {
        let with = |member: &str, value: serde_json::Value| {
            let mut wire =
                serde_json::json!({"providers": ["openai"], "monthly_spend": "10", "days": 30});
            wire[member] = value;
            Ceiling::try_from(serde_json::from_value::<WireCeiling>(wire).unwrap())
        };
        assert_eq!(
            with("capabilities", serde_json::json!([]))
                .unwrap()
                .capabilities,
            Ceiling::only_chat()
        );
        assert!(with("capabilities", serde_json::json!(["fly"])).is_err());
        for name in [
            "requests_per_minute",
            "requests_per_day",
            "tokens_per_request",
        ] {
            assert!(with(name, serde_json::json!(1)).is_ok(), "{name}");
            for wrong in [0, 100_000_001] {
                assert!(
                    with(name, serde_json::json!(wrong)).is_err(),
                    "{name} {wrong}"
                );
            }
        }
    }

    #[test]
    fn a_ceiling_that_was_stored_without_them_has_chat_and_the_defaults() {
        let stored = serde_json::json!({"providers": ["openai"], "models": [], "monthly_spend": "10", "days": 30});
        let ceiling: Ceiling = serde_json::from_value(stored).unwrap();
        assert_eq!(
            (ceiling.capabilities, ceiling.requests_per_day),
            (Ceiling::only_chat(), None)
        );
    }

    #[test]
    fn what_lies_within_is_granted_and_the_rest_waits() {
        let within = granted(
            r#"{"type":"ai_model_access","provider":"openai","models":["gpt-4o-mini"],"limits":{"monthly_spend":10}}"#,
        );
        assert_eq!(
            within.as_ref().unwrap().limits.monthly_spend,
            Nanodollars::from_dollars(10)
        );
        let limits = within.unwrap().limits;
        assert_eq!(
            (limits.requests_per_minute, limits.requests_per_day),
            (7, Policy::default().default_limits.requests_per_day)
        );
        for above in [
            r#"{"type":"ai_model_access","provider":"anthropic","models":["gpt-4o-mini"]}"#,
            r#"{"type":"ai_model_access","provider":"openai","models":["o1"]}"#,
            r#"{"type":"ai_model_access","provider":"openai"}"#,
            r#"{"type":"ai_model_access","provider":"openai","models":["gpt-4o"],"limits":{"monthly_spend":10.000000001}}"#,
            r#"{"type":"ai_model_access","provider":"openai","models":["gpt-4o"],"limits":{"daily_spend":11}}"#,
            r#"{"type":"ai_model_access","provider":"openai","models":["gpt-4o"],"expires":"2026-12-23"}"#,
            r#"{"type":"ai_model_access","provider":"openai","models":["gpt-4o"],"capabilities":["chat","embeddings"]}"#,
            r#"{"type":"ai_model_access","provider":"openai","models":["gpt-4o"],"limits":{"requests_per_minute":8}}"#,
            r#"{"type":"ai_model_access","provider":"openai","models":["gpt-4o"],"limits":{"requests_per_day":5001}}"#,
            r#"{"type":"ai_model_access","provider":"openai","models":["gpt-4o"],"limits":{"tokens_per_request":1001}}"#,
        ] {
            assert_eq!(granted(above), None, "{above}");
        }
    }
}
