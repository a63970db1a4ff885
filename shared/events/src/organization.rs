//! Events of who people are: organizations and their members.

use ids::{ApiTokenId, ConnectionId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::payload::EventPayload;

/// The life of an organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "payload")]
pub enum OrganizationEvent {
    /// It came to be.
    #[serde(rename = "organization.created")]
    Created {
        /// Its name.
        name: String,
    },
    /// Its members sign in through this identity provider.
    #[serde(rename = "organization.sso_connected")]
    SsoConnected {
        /// The connection.
        connection: ConnectionId,
        /// The identity provider's issuer.
        issuer: String,
        /// What we are called there.
        client_id: String,
    },
}

impl EventPayload for OrganizationEvent {
    const STREAM: &'static str = "organization";
}

/// The life of a person's membership.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "payload")]
pub enum UserEvent {
    /// They joined.
    #[serde(rename = "user.joined")]
    Joined {
        /// Their name.
        name: String,
        /// Their role's name.
        role: String,
    },
    /// Their sign-in at an identity provider was linked to them.
    #[serde(rename = "user.identity_linked")]
    IdentityLinked {
        /// Through which connection.
        connection: ConnectionId,
    },
    /// They signed in.
    #[serde(rename = "user.signed_in")]
    SignedIn {
        /// `link` or `sso`.
        via: String,
    },
    /// They got an API token.
    #[serde(rename = "user.api_token_issued")]
    ApiTokenIssued {
        /// Which.
        token: ApiTokenId,
        /// Their name for it.
        label: String,
        /// Until when.
        expires_at: Timestamp,
    },
    /// An API token ended.
    #[serde(rename = "user.api_token_revoked")]
    ApiTokenRevoked {
        /// Which.
        token: ApiTokenId,
    },
}

impl EventPayload for UserEvent {
    const STREAM: &'static str = "user";
}
