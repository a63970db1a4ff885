//! Events of what an organization lets be spent above its grants.

use std::fmt;

use ids::{AppId, UserId};
use money::Nanodollars;
use serde::{Deserialize, Serialize};

use crate::{authorization::Provider, payload::EventPayload};

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
    /// It bounds nothing any more.
    #[serde(rename = "budget.removed")]
    Removed {},
}

impl EventPayload for BudgetEvent {
    const STREAM: &'static str = "budget";
}
