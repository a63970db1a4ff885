//! Events of what a person decided once for all later requests of an app: a block, or a rule.

use std::fmt;

use ids::{AppId, HandleId, UserId};
use money::Nanodollars;
use serde::{Deserialize, Serialize};

use crate::{app::AppIdentity, authorization::Ceiling, payload::EventPayload};

/// What identifies an app that asks, as far as anything does. Its text form is what tables compare.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum AppKey {
    /// The client id of a registered app.
    Client {
        /// The app.
        app: AppId,
    },
    /// A domain that it has shown to control, in ASCII.
    Domain {
        /// The host name.
        domain: String,
    },
    /// Nothing but a name that anyone can type, and the one handle at which it was typed: whoever
    /// else has that name, anywhere else, is somebody else.
    Name {
        /// The name, in small letters.
        name: String,
        /// Where it was typed.
        handle: HandleId,
    },
}

impl fmt::Display for AppKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client { app } => write!(f, "client:{app}"),
            Self::Domain { domain } => write!(f, "domain:{domain}"),
            Self::Name { name, handle } => write!(f, "name:{handle}:{name}"),
        }
    }
}

/// The life of a block: the app's requests are denied without asking the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "payload")]
pub enum BlockedAppEvent {
    /// A person blocked it.
    #[serde(rename = "blocked_app.blocked")]
    Blocked {
        /// Who.
        user: UserId,
        /// By what it is known.
        key: AppKey,
        /// As the person saw it.
        app: AppIdentity,
    },
    /// It may ask again.
    #[serde(rename = "blocked_app.unblocked")]
    Unblocked {},
}

impl EventPayload for BlockedAppEvent {
    const STREAM: &'static str = "blocked_app";
}

/// What a rule grants at once, and how much of it at the same time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleTerms {
    /// The most that one grant may be.
    pub ceiling: Ceiling,
    /// How many live grants of this rule there may be at a time.
    pub live_grants: u16,
    /// What the monthly limits of all its live grants may add up to, in USD.
    pub monthly_total: Nanodollars,
}

/// The life of a rule by which an app's requests are granted at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "payload")]
pub enum ApprovalRuleEvent {
    /// A person wrote it.
    #[serde(rename = "approval_rule.written")]
    Written {
        /// Who.
        user: UserId,
        /// For which app: never one that is known by a name alone.
        key: AppKey,
        /// The app's name when it was written, for people.
        name: String,
        /// What it grants.
        terms: Box<RuleTerms>,
    },
    /// It decides nothing any more. What it granted stays.
    #[serde(rename = "approval_rule.removed")]
    Removed {},
}

impl EventPayload for ApprovalRuleEvent {
    const STREAM: &'static str = "approval_rule";
}
