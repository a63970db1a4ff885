//! Events of what an organization lets be spent above its grants.

use std::fmt;

use ids::{AppId, ShadowId, UserId};
use money::Nanodollars;
use serde::{Deserialize, Serialize};

use crate::{
    authorization::{LimitName, Provider},
    payload::EventPayload,
};

/// Whose calls a budget bounds. Its text form is what tables compare: one budget for each.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum BudgetScope {
    /// Every call of the organization.
    Organization {},
    /// The calls under one person's grants.
    User {
        /// The person.
        user: UserId,
    },
    /// The calls of one registered app, whoever granted.
    App {
        /// The app.
        app: AppId,
    },
    /// The calls at one provider.
    Provider {
        /// The provider.
        provider: Provider,
    },
}

impl BudgetScope {
    /// Whether a call counts against it that is made under a grant of `user`, by this registered
    /// app, if it is one, at this provider.
    #[must_use]
    pub fn covers(&self, user: UserId, app: Option<AppId>, provider: &Provider) -> bool {
        match self {
            Self::Organization {} => true,
            Self::User { user: one } => *one == user,
            Self::App { app: one } => Some(*one) == app,
            Self::Provider { provider: one } => one == provider,
        }
    }
}

impl fmt::Display for BudgetScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Organization {} => f.write_str("organization"),
            Self::User { user } => write!(f, "user:{user}"),
            Self::App { app } => write!(f, "app:{app}"),
            Self::Provider { provider } => write!(f, "provider:{}", provider.as_str()),
        }
    }
}

/// What a budget allows, in USD. `None`: that period is not bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BudgetAmounts {
    /// In a UTC calendar month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monthly_spend: Option<Nanodollars>,
    /// In a UTC calendar day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily_spend: Option<Nanodollars>,
}

/// Lower amounts of a budget that are tried. Others in their place are another shadow, which counts
/// from its own beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetShadow {
    /// Which.
    pub id: ShadowId,
    /// What they allow.
    pub amounts: BudgetAmounts,
}

impl BudgetAmounts {
    /// Whether no period is bounded.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.monthly_spend.is_none() && self.daily_spend.is_none()
    }

    /// The first that is above its counterpart in force: no tightening. Any amount is one where that
    /// period is not bounded.
    #[must_use]
    pub fn above(&self, in_force: &Self) -> Option<LimitName> {
        let above = |tried: Option<Nanodollars>, in_force: Option<Nanodollars>| matches!((tried, in_force), (Some(tried), Some(in_force)) if tried > in_force);
        if above(self.monthly_spend, in_force.monthly_spend) {
            return Some(LimitName::MonthlySpend);
        }
        above(self.daily_spend, in_force.daily_spend).then_some(LimitName::DailySpend)
    }

    /// What is in force once these are: of each period the lower.
    #[must_use]
    pub fn upon(&self, in_force: &Self) -> Self {
        let lower = |tried: Option<Nanodollars>, in_force: Option<Nanodollars>| {
            [tried, in_force].into_iter().flatten().min()
        };
        Self {
            monthly_spend: lower(self.monthly_spend, in_force.monthly_spend),
            daily_spend: lower(self.daily_spend, in_force.daily_spend),
        }
    }
}

/// The life of a budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "payload")]
pub enum BudgetEvent {
    /// It was set. Calls count against it from then on; none that began before.
    #[serde(rename = "budget.set")]
    Set {
        /// Whose calls it bounds; never changes.
        scope: BudgetScope,
        /// What it allows.
        amounts: BudgetAmounts,
        /// Its name for people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        label: Option<String>,
    },
    /// It allows more or less, or is called otherwise. What was spent stays spent.
    #[serde(rename = "budget.changed")]
    Changed {
        /// What it allows, as a whole.
        amounts: BudgetAmounts,
        /// Its name for people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        label: Option<String>,
    },
    /// Lower amounts are tried: a call is counted against them and never refused by them.
    #[serde(rename = "budget.shadow_limits_set")]
    ShadowLimitsSet {
        /// Which: in the place of those that were tried before.
        shadow: ShadowId,
        /// What they allow.
        amounts: BudgetAmounts,
    },
    /// They are tried no longer, and nothing else changes.
    #[serde(rename = "budget.shadow_limits_dropped")]
    ShadowLimitsDropped {
        /// Which.
        shadow: ShadowId,
    },
    /// They bite from now on: `budget.changed` beside it says what it allows.
    #[serde(rename = "budget.shadow_limits_adopted")]
    ShadowLimitsAdopted {
        /// Which; they are tried no longer.
        shadow: ShadowId,
    },
    /// It bounds nothing any more.
    #[serde(rename = "budget.removed")]
    Removed {},
}

impl EventPayload for BudgetEvent {
    const STREAM: &'static str = "budget";
}
