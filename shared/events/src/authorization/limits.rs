//! The five limits of an authorization detail.

use std::fmt;

use money::Nanodollars;
use serde::{Deserialize, Serialize};

/// Seconds in a UTC calendar day.
pub const SECONDS_PER_DAY: u32 = 86_400;

/// The name of a limit, the same on the wire, in errors and on pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitName {
    /// USD in a UTC calendar month.
    MonthlySpend,
    /// USD in a UTC calendar day.
    DailySpend,
    /// Calls in any 60 seconds.
    RequestsPerMinute,
    /// Calls in a UTC calendar day.
    RequestsPerDay,
    /// Input and output tokens of one call.
    TokensPerRequest,
}

impl LimitName {
    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MonthlySpend => "monthly_spend",
            Self::DailySpend => "daily_spend",
            Self::RequestsPerMinute => "requests_per_minute",
            Self::RequestsPerDay => "requests_per_day",
            Self::TokensPerRequest => "tokens_per_request",
        }
    }
}

impl fmt::Display for LimitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The limits an app proposed; `None` where it said nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RequestedLimits {
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

/// The limits in force. Every money and rate limit has a value: missing never means unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantedLimits {
    /// USD in a UTC calendar month.
    pub monthly_spend: Nanodollars,
    /// USD in a UTC calendar day.
    pub daily_spend: Nanodollars,
    /// Calls in any 60 seconds.
    pub requests_per_minute: u32,
    /// Calls in a UTC calendar day.
    pub requests_per_day: u32,
    /// Input and output tokens of one call.
    pub tokens_per_request: u32,
}

impl RequestedLimits {
    /// What the app proposed, completed by the vault's default where it said nothing.
    ///
    /// An app that proposes a monthly limit but no daily one is held to the monthly one within a
    /// day as well, so that a default below it does not surprise anybody.
    #[must_use]
    pub fn or_default(&self, default: &GrantedLimits) -> GrantedLimits {
        let monthly_spend = self.monthly_spend.unwrap_or(default.monthly_spend);
        GrantedLimits {
            monthly_spend,
            daily_spend: self
                .daily_spend
                .unwrap_or(monthly_spend.min(match self.monthly_spend {
                    Some(_) => monthly_spend,
                    None => default.daily_spend,
                })),
            requests_per_minute: self
                .requests_per_minute
                .unwrap_or(default.requests_per_minute),
            requests_per_day: self.requests_per_day.unwrap_or(default.requests_per_day),
            tokens_per_request: self
                .tokens_per_request
                .unwrap_or(default.tokens_per_request),
        }
    }
}

impl GrantedLimits {
    /// Whether no limit is above its counterpart in `other`.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.monthly_spend <= other.monthly_spend
            && self.daily_spend <= other.daily_spend
            && self.requests_per_minute <= other.requests_per_minute
            && self.requests_per_day <= other.requests_per_day
            && self.tokens_per_request <= other.tokens_per_request
    }

    /// The lower of both, limit by limit.
    #[must_use]
    pub fn lower_of(&self, other: &Self) -> Self {
        Self {
            monthly_spend: self.monthly_spend.min(other.monthly_spend),
            daily_spend: self.daily_spend.min(other.daily_spend),
            requests_per_minute: self.requests_per_minute.min(other.requests_per_minute),
            requests_per_day: self.requests_per_day.min(other.requests_per_day),
            tokens_per_request: self.tokens_per_request.min(other.tokens_per_request),
        }
    }
}
