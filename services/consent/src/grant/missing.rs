//! The one thing that a refused call lacked, and the grant with it. Pure.

use events::{
    AuthorizationDetail, Capability, LimitName, ModelPattern, Models, Provider, Verification,
};
use jiff::Timestamp;
use money::Nanodollars;
use serde::Serialize;

use crate::policy::Policy;

/// What a call lacked at one provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// A model, by its own name.
    Model(ModelPattern),
    /// A kind of work.
    Capability(Capability),
    /// Room in a spend limit.
    Spend(LimitName),
}

/// What the link of a refused call says, as it stands there.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    /// A model.
    pub model: Option<&'a str>,
    /// A kind of work.
    pub capability: Option<&'a str>,
    /// A limit.
    pub limit: Option<&'a str>,
}

impl Missing {
    /// The one thing that a link names; `None` when it names none, several, or none that exists.
    #[must_use]
    pub fn read(named: Named<'_>) -> Option<Self> {
        match (named.model, named.capability, named.limit) {
            (Some(model), None, None) => {
                let model: ModelPattern = model.parse().ok()?;
                // One model, never all whose names begin so.
                (!model.as_str().ends_with('*')).then_some(Self::Model(model))
            }
            (None, Some(capability), None) => capability.parse().ok().map(Self::Capability),
            (None, None, Some("monthly_spend")) => Some(Self::Spend(LimitName::MonthlySpend)),
            (None, None, Some("daily_spend")) => Some(Self::Spend(LimitName::DailySpend)),
            _ => None,
        }
    }

    /// Whether the grant has it by now. More room in a limit may always be wanted.
    #[must_use]
    pub fn is_in(&self, had: &AuthorizationDetail) -> bool {
        match self {
            Self::Model(model) => had.models.covers(model.as_str()),
            Self::Capability(capability) => had.capabilities.contains(capability),
            Self::Spend(_) => false,
        }
    }

    /// What a limit is now, and the most that it may be raised to.
    #[must_use]
    pub fn room(
        &self,
        had: &AuthorizationDetail,
        (policy, verification): (&Policy, Verification),
        now: Timestamp,
    ) -> Option<(Nanodollars, Nanodollars)> {
        let (most, _) = policy.most_after_change(had, verification, now);
        match self {
            Self::Spend(LimitName::MonthlySpend) => {
                Some((had.limits.monthly_spend, most.monthly_spend))
            }
            Self::Spend(_) => Some((had.limits.daily_spend, most.daily_spend)),
            Self::Model(_) | Self::Capability(_) => None,
        }
    }

    /// What is granted at the provider once it is allowed; a limit becomes `limit`.
    #[must_use]
    pub fn allowed(
        &self,
        had: &AuthorizationDetail,
        limit: Option<Nanodollars>,
    ) -> AuthorizationDetail {
        let mut then = had.clone();
        match self {
            Self::Model(model) => {
                let all = had.models.patterns().iter().chain([model]).cloned();
                then.models = Models::new(all.collect());
            }
            Self::Capability(capability) => {
                then.capabilities.insert(*capability);
            }
            Self::Spend(LimitName::MonthlySpend) => {
                then.limits.monthly_spend = limit.unwrap_or(had.limits.monthly_spend);
            }
            Self::Spend(_) => {
                then.limits.daily_spend = limit.unwrap_or(had.limits.daily_spend);
            }
        }
        then
    }
}

/// The whole grant with another detail at its provider.
#[must_use]
pub fn with(had: &[AuthorizationDetail], then: &AuthorizationDetail) -> Vec<AuthorizationDetail> {
    let provider: Provider = then.provider.clone();
    had.iter()
        .map(|old| {
            if old.provider == provider {
                then.clone()
            } else {
                old.clone()
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T00:00:00Z".parse().unwrap()
    }

    fn had(models: &[&str]) -> AuthorizationDetail {
        serde_json::from_value(serde_json::json!({
            "provider": "openai", "models": models, "capabilities": ["chat"],
            "limits": {"monthly_spend": "5", "daily_spend": "5", "requests_per_minute": 60,
                       "requests_per_day": 100, "tokens_per_request": 1000},
            "expires": "2027-01-01T00:00:00Z", "key_id": ids::ProviderKeyId::new(now()),
        }))
        .unwrap()
    }

    fn model(name: &str) -> Option<Missing> {
        Missing::read(Named {
            model: Some(name),
            capability: None,
            limit: None,
        })
    }

    #[test]
    fn a_link_names_one_thing_that_exists() {
        assert!(model("gpt-4o").is_some());
        for odd in ["gpt-4*", "*", "", "a b", "<script>"] {
            assert_eq!(model(odd), None, "{odd}");
        }
        let none = Named {
            model: None,
            capability: None,
            limit: None,
        };
        assert_eq!(Missing::read(none), None);
        let two = Named {
            model: Some("o1"),
            capability: Some("chat"),
            limit: None,
        };
        assert_eq!(Missing::read(two), None);
        for (limit, good) in [
            ("monthly_spend", true),
            ("daily_spend", true),
            ("requests_per_day", false),
        ] {
            let named = Named {
                limit: Some(limit),
                ..none
            };
            assert_eq!(Missing::read(named).is_some(), good, "{limit}");
        }
    }

    #[test]
    fn what_is_allowed_is_that_and_nothing_else() {
        let (had, model) = (had(&["gpt-4o-mini"]), model("o1").unwrap());
        assert!(!model.is_in(&had));
        let then = model.allowed(&had, None);
        assert!(model.is_in(&then) && then.models.patterns().len() == 2);
        let same = AuthorizationDetail {
            models: had.models.clone(),
            ..then
        };
        assert_eq!(same, had);
        let work = Missing::Capability(Capability::Images);
        let then = work.allowed(&had, None);
        assert!(work.is_in(&then) && then.models == had.models && then.limits == had.limits);
    }

    #[test]
    fn a_limit_is_raised_to_the_cap_of_its_app_and_no_further() {
        let (policy, had) = (Policy::default(), had(&["o1"]));
        let month = Missing::Spend(LimitName::MonthlySpend);
        let room = |sure| month.room(&had, (&policy, sure), now()).unwrap();
        let five = Nanodollars::from_dollars(5);
        assert_eq!(room(Verification::Unverified), (five, five));
        assert!(room(Verification::DomainVerified).1 > five);
    }
}
