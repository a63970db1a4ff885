//! Shadow limits: tighter ones that a call is counted against and never refused by, tried before they
//! are made to bite.

use ids::ShadowId;
use money::Nanodollars;
use serde::{Deserialize, Serialize};

use crate::authorization::{GrantedLimits, LimitName, Provider, RequestedLimits};

/// Of the five limits those that are tried, each at most what it is in force; `None` where nothing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ShadowLimits {
    /// USD in a UTC calendar month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monthly_spend: Option<Nanodollars>,
    /// USD in a UTC calendar day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily_spend: Option<Nanodollars>,
    /// Calls in any 60 seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u32>,
    /// Calls in a UTC calendar day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_day: Option<u32>,
    /// Input and output tokens of one call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_request: Option<u32>,
}

/// The shadow limits of a grant at one provider. Others in their place are another shadow, which
/// counts from its own beginning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shadow {
    /// Which.
    pub id: ShadowId,
    /// At which provider.
    pub provider: Provider,
    /// What they are.
    pub limits: ShadowLimits,
}

/// What shadow limits say of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowVerdict {
    /// Whose word it is.
    pub shadow: ShadowId,
    /// The limit that would have refused the call, and then it is not counted against them; `None`
    /// for a call that fits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub would_refuse: Option<LimitName>,
}

impl From<&RequestedLimits> for ShadowLimits {
    fn from(limits: &RequestedLimits) -> Self {
        Self {
            monthly_spend: limits.monthly_spend,
            daily_spend: limits.daily_spend,
            requests_per_minute: limits.requests_per_minute,
            requests_per_day: limits.requests_per_day,
            tokens_per_request: limits.tokens_per_request,
        }
    }
}

impl ShadowLimits {
    /// Whether nothing is tried.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The first that is above its counterpart in force: no tightening.
    #[must_use]
    pub fn above(&self, in_force: &GrantedLimits) -> Option<LimitName> {
        let Self {
            monthly_spend,
            daily_spend,
            requests_per_minute,
            requests_per_day,
            tokens_per_request,
        } = *self;
        let above = [
            (
                monthly_spend > Some(in_force.monthly_spend),
                LimitName::MonthlySpend,
            ),
            (
                daily_spend > Some(in_force.daily_spend),
                LimitName::DailySpend,
            ),
            (
                requests_per_minute > Some(in_force.requests_per_minute),
                LimitName::RequestsPerMinute,
            ),
            (
                requests_per_day > Some(in_force.requests_per_day),
                LimitName::RequestsPerDay,
            ),
            (
                tokens_per_request > Some(in_force.tokens_per_request),
                LimitName::TokensPerRequest,
            ),
        ];
        above
            .into_iter()
            .find_map(|(above, name)| above.then_some(name))
    }

    /// What is in force once these are: of each limit the lower.
    #[must_use]
    pub fn upon(&self, in_force: &GrantedLimits) -> GrantedLimits {
        fn lower<T: Ord>(tried: Option<T>, in_force: T) -> T {
            match tried {
                Some(tried) => tried.min(in_force),
                None => in_force,
            }
        }
        GrantedLimits {
            monthly_spend: lower(self.monthly_spend, in_force.monthly_spend),
            daily_spend: lower(self.daily_spend, in_force.daily_spend),
            requests_per_minute: lower(self.requests_per_minute, in_force.requests_per_minute),
            requests_per_day: lower(self.requests_per_day, in_force.requests_per_day),
            tokens_per_request: lower(self.tokens_per_request, in_force.tokens_per_request),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_force() -> GrantedLimits {
        GrantedLimits {
            monthly_spend: Nanodollars::from_dollars(10),
            daily_spend: Nanodollars::from_dollars(5),
            requests_per_minute: 60,
            requests_per_day: 1_000,
            tokens_per_request: 100_000,
        }
    }

    #[test]
    fn only_a_tightening_is_tried() {
        assert_eq!(ShadowLimits::default().above(&in_force()), None);
        let mut limits = ShadowLimits {
            monthly_spend: Some(Nanodollars::from_dollars(10)),
            requests_per_day: Some(1),
            ..ShadowLimits::default()
        };
        assert_eq!(limits.above(&in_force()), None);
        limits.tokens_per_request = Some(100_001);
        assert_eq!(limits.above(&in_force()), Some(LimitName::TokensPerRequest));
        limits.daily_spend = Some(Nanodollars::from_nanos(5_000_000_001));
        assert_eq!(limits.above(&in_force()), Some(LimitName::DailySpend));
    }

    #[test]
    fn adopted_they_lower_and_never_raise() {
        let limits = ShadowLimits {
            monthly_spend: Some(Nanodollars::from_dollars(2)),
            // What is in force was lowered since.
            requests_per_minute: Some(61),
            ..ShadowLimits::default()
        };
        let adopted = GrantedLimits {
            monthly_spend: Nanodollars::from_dollars(2),
            ..in_force()
        };
        assert_eq!(limits.upon(&in_force()), adopted);
    }
}
