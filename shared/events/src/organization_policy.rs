//! Events of what an organization lets its people allow.

use serde::{Deserialize, Serialize};

use crate::payload::EventPayload;

/// Which apps that registered themselves (RFC 7591) an organization's people may approve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DynamicApps {
    /// None.
    None,
    /// Those that registered with a token of the organization.
    #[default]
    WithToken,
    /// Any, also those that registered with the vault without one.
    Any,
}

/// Whether apps may have answers kept, to be given again to the very same call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseCache {
    /// No answer is kept.
    #[default]
    Off,
    /// Answers of calls that ask for it, each for its own grant alone.
    Allowed,
}

impl ResponseCache {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde asks for a reference"
    )]
    fn is_off(&self) -> bool {
        *self == Self::Off
    }
}

/// What an organization lets its people allow. What it never said is as here by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PolicyRules {
    /// Whether apps that are known by a client id metadata document alone may be approved.
    pub client_documents: bool,
    /// Which apps that registered themselves may be approved.
    pub dynamic_apps: DynamicApps,
    /// Whether a grant may be for every model of a provider.
    pub every_model: bool,
    /// The longest that a grant may last, in days.
    pub longest_grant_days: u16,
    /// Whether apps may have answers kept.
    #[serde(skip_serializing_if = "ResponseCache::is_off")]
    pub response_cache: ResponseCache,
}

impl Default for PolicyRules {
    fn default() -> Self {
        Self {
            client_documents: true,
            dynamic_apps: DynamicApps::default(),
            every_model: true,
            longest_grant_days: 365,
            response_cache: ResponseCache::Off,
        }
    }
}

/// The life of an organization's policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "payload")]
pub enum OrganizationPolicyEvent {
    /// Somebody who may set it set it anew, as a whole.
    #[serde(rename = "organization_policy.set")]
    Set {
        /// What counts from now on.
        rules: PolicyRules,
    },
}

impl EventPayload for OrganizationPolicyEvent {
    const STREAM: &'static str = "organization_policy";
}
