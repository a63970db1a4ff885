//! Apps: who asks, and the life of one that is registered.

use std::collections::BTreeSet;

use ids::AppId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::payload::EventPayload;

/// How sure Latchkey is that an app is who it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verification {
    /// A name that anyone can type.
    Unverified,
    /// It has shown that it controls its domain.
    DomainVerified,
    /// An administrator of the organization registered it.
    OrganizationApproved,
}

/// Who asks, as the person saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppIdentity {
    /// The registered app, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<AppId>,
    /// Its name.
    pub name: String,
    /// Its web address, if it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// How sure we are.
    pub verification: Verification,
    /// How it made itself known, if it did so itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<SelfRegistration>,
}

/// How an OAuth client made itself known, where no administrator registered it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum SelfRegistration {
    /// It registered with a token of the organization (RFC 7591).
    Token {},
    /// It registered with the vault, as anybody may (RFC 7591).
    Anybody {},
    /// Its client id is the address of a document about it.
    Document {
        /// The address.
        client_id: String,
        /// The digest of what people were told by it: name, redirect URIs, grant types and keys.
        says: String,
    },
}

/// Where the public keys of a client are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientKeys {
    /// Here: a JWK set (RFC 7517).
    #[serde(rename = "jwks")]
    Jwks(Value),
    /// At an address of the client.
    #[serde(rename = "jwks_uri")]
    JwksUri(String),
}

/// What an OAuth client may come to the token endpoint with (RFC 7591 section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum GrantType {
    /// The code of a person's approval.
    #[serde(rename = "authorization_code")]
    AuthorizationCode,
    /// A refresh token. Who has this gets access tokens of an hour, and the means to renew them.
    #[serde(rename = "refresh_token")]
    RefreshToken,
    /// The code of a device that has no browser.
    #[serde(rename = "urn:ietf:params:oauth:grant-type:device_code")]
    DeviceCode,
    /// A token of its own, for one that may do less (RFC 8693).
    #[serde(rename = "urn:ietf:params:oauth:grant-type:token-exchange")]
    TokenExchange,
}

impl GrantType {
    /// What a client has that named none.
    #[must_use]
    pub fn code_alone() -> BTreeSet<Self> {
        BTreeSet::from([Self::AuthorizationCode])
    }

    /// Whether a client named none, or what stands for none.
    #[must_use]
    pub fn is_code_alone(types: &BTreeSet<Self>) -> bool {
        types.len() == 1 && types.contains(&Self::AuthorizationCode)
    }
}

/// How an OAuth client proves that it is itself (RFC 7591 section 2, `token_endpoint_auth_method`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum ClientAuthentication {
    /// Not at all: it cannot keep a secret, and PKCE and its redirect URI stand for it.
    #[default]
    None,
    /// A secret in `Authorization: Basic`.
    ClientSecretBasic,
    /// A secret in the body.
    ClientSecretPost,
    /// A signature of its own (RFC 7523).
    PrivateKeyJwt {
        /// Its public keys.
        #[serde(flatten)]
        keys: ClientKeys,
    },
}

impl ClientAuthentication {
    /// Its name in OAuth.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::PrivateKeyJwt { .. } => "private_key_jwt",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
        }
    }

    /// Whether the client has a secret that we gave it.
    #[must_use]
    pub const fn has_secret(&self) -> bool {
        matches!(self, Self::ClientSecretBasic | Self::ClientSecretPost)
    }

    /// Whether the client is a public one.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
}

/// The life of a registered app (an OAuth client).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "payload")]
pub enum AppEvent {
    /// An administrator registered it, or it did so itself.
    #[serde(rename = "app.registered")]
    Registered {
        /// Its name.
        name: String,
        /// Its web address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url: Option<String>,
        /// Where browsers may be sent back to; compared exactly.
        redirect_uris: Vec<String>,
        /// What it may come to the token endpoint with.
        #[serde(
            default = "GrantType::code_alone",
            skip_serializing_if = "GrantType::is_code_alone"
        )]
        grant_types: BTreeSet<GrantType>,
        /// How it proves that it is itself. A secret is nowhere in events.
        #[serde(default, skip_serializing_if = "ClientAuthentication::is_none")]
        authentication: ClientAuthentication,
        /// How it registered itself; absent where an administrator registered it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        registration: Option<SelfRegistration>,
        /// Whether every token of it is bound to a key (RFC 9449 section 5.2).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        dpop_bound: bool,
    },
    /// An administrator changed what it is registered with: all of it as it is from now on.
    #[serde(rename = "app.changed")]
    Changed {
        /// Its name.
        name: String,
        /// Its web address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url: Option<String>,
        /// Where browsers may be sent back to; compared exactly.
        redirect_uris: Vec<String>,
        /// What it may come to the token endpoint with.
        grant_types: BTreeSet<GrantType>,
        /// How it proves that it is itself. A secret is nowhere in events.
        authentication: ClientAuthentication,
        /// Whether every token of it is bound to a key (RFC 9449 section 5.2).
        dpop_bound: bool,
    },
    /// Removed; what it was granted ends with events of its own.
    #[serde(rename = "app.removed")]
    Removed {},
}

impl EventPayload for AppEvent {
    const STREAM: &'static str = "app";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_client_stand_beside_its_method() {
        for text in [
            r#"{"method":"private_key_jwt","jwks":{"keys":[]}}"#,
            r#"{"method":"private_key_jwt","jwks_uri":"https://app.test/keys"}"#,
        ] {
            let read: ClientAuthentication = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), text);
        }
    }
}
