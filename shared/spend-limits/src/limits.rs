//! The limits that hold for one call, and how much of them is used.

use std::fmt;

use events::{BudgetAmounts, GrantedLimits, LimitName, ShadowLimits};
use jiff::Timestamp;
use money::Nanodollars;

use crate::words::Words;

/// The limits of a grant that are counted over calls. `None`: that limit does not apply.
///
/// The number of tokens of one call is not counted here: it needs no memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CallLimits {
    /// Calls in any 60 seconds. Requests are remembered only while this limit applies.
    pub requests_per_minute: Option<u32>,
    /// Calls in a UTC calendar day.
    pub requests_per_day: Option<u32>,
    /// USD in a UTC calendar day; more than [`money::LARGEST_LIMIT`] is taken as that.
    pub daily_spend: Option<Nanodollars>,
    /// USD in a UTC calendar month; more than [`money::LARGEST_LIMIT`] is taken as that.
    pub monthly_spend: Option<Nanodollars>,
}

impl From<&GrantedLimits> for CallLimits {
    fn from(granted: &GrantedLimits) -> Self {
        Self {
            requests_per_minute: Some(granted.requests_per_minute),
            requests_per_day: Some(granted.requests_per_day),
            daily_spend: Some(granted.daily_spend),
            monthly_spend: Some(granted.monthly_spend),
        }
    }
}

impl From<&BudgetAmounts> for CallLimits {
    fn from(budget: &BudgetAmounts) -> Self {
        Self {
            daily_spend: budget.daily_spend,
            monthly_spend: budget.monthly_spend,
            ..Self::NONE
        }
    }
}

impl From<&ShadowLimits> for CallLimits {
    fn from(shadow: &ShadowLimits) -> Self {
        Self {
            requests_per_minute: shadow.requests_per_minute,
            requests_per_day: shadow.requests_per_day,
            daily_spend: shadow.daily_spend,
            monthly_spend: shadow.monthly_spend,
        }
    }
}

impl CallLimits {
    /// No limit applies.
    pub const NONE: Self = Self {
        requests_per_minute: None,
        requests_per_day: None,
        daily_spend: None,
        monthly_spend: None,
    };

    /// The daily spend limit as it is enforced.
    pub(crate) fn daily(&self) -> Option<Nanodollars> {
        self.daily_spend.map(enforceable)
    }

    /// The monthly spend limit as it is enforced.
    pub(crate) fn monthly(&self) -> Option<Nanodollars> {
        self.monthly_spend.map(enforceable)
    }

    /// The four limits in the order in which the scripts take them.
    pub(crate) fn numbers(&self) -> [Option<i64>; 4] {
        [
            self.requests_per_minute.map(i64::from),
            self.requests_per_day.map(i64::from),
            self.daily().map(Nanodollars::nanos),
            self.monthly().map(Nanodollars::nanos),
        ]
    }

    /// Adds the four limits as the scripts take them, nothing for one that does not apply.
    pub(crate) fn add_to(&self, words: &mut Words) {
        for limit in self.numbers() {
            match limit {
                Some(limit) => words.number(limit),
                None => words.push(""),
            }
        }
    }
}

fn enforceable(limit: Nanodollars) -> Nanodollars {
    limit.clamp(Nanodollars::ZERO, money::LARGEST_LIMIT)
}

/// An amount of what a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Amount {
    /// Of a spend limit.
    Money(Nanodollars),
    /// Of a limit on requests.
    Requests(u64),
}

impl fmt::Display for Amount {
    /// Decimal dollars or a count, as on the wire.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Money(amount) => amount.fmt(f),
            Self::Requests(count) => count.fmt(f),
        }
    }
}

/// How one limit stands, read from the very counters that enforce it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitStanding {
    /// Which limit.
    pub name: LimitName,
    /// What it allows.
    pub limit: Amount,
    /// What is settled; for requests, all that were counted.
    pub spent: Amount,
    /// What running calls hold; zero for requests.
    pub reserved: Amount,
    /// What is left for new calls, never below zero.
    pub remaining: Amount,
    /// When the period ends. For requests per minute: when the oldest counted request leaves.
    pub resets_at: Timestamp,
}
