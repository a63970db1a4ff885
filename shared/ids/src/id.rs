//! Typed identifiers: a UUID v7 that knows what it names.

use std::{fmt, hash, marker::PhantomData, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

/// What an [`Id`] names; gives the prefix of its text form.
pub trait Kind: 'static {
    /// The prefix before the underscore, such as `grant` in `grant_0198…`.
    const PREFIX: &'static str;
}

/// An identifier of one kind of thing. Sorts by the time it was made.
pub struct Id<K>(Uuid, PhantomData<fn() -> K>);

/// Why a text is not an [`Id`] of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The prefix is missing or of another kind.
    #[error("an id that begins with `{expected}_` is needed")]
    Prefix { expected: &'static str },
    /// What follows the prefix is not 32 hexadecimal digits.
    #[error("32 hexadecimal digits must follow `{expected}_`")]
    Digits { expected: &'static str },
}

impl<K: Kind> Id<K> {
    /// The id of nothing: stands where there has to be an id and there is no thing.
    pub const NONE: Self = Self(Uuid::nil(), PhantomData);

    /// A new id made at `now` with fresh randomness.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        let seconds = u64::try_from(now.as_second()).unwrap_or(0);
        let nanos = u32::try_from(now.subsec_nanosecond()).unwrap_or(0);
        let at = uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos);
        Self(Uuid::new_v7(at), PhantomData)
    }

    /// The id stored as this `uuid` in a column of this kind.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }

    /// The plain `uuid`, for a database column.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.0
    }

    /// In one piece: whoever takes it in several looks through each for what must be escaped.
    fn text(self) -> String {
        let mut text = String::with_capacity(K::PREFIX.len() + 33);
        text.push_str(K::PREFIX);
        text.push('_');
        text.push_str(self.0.simple().encode_lower(&mut Uuid::encode_buffer()));
        text
    }
}

impl<K: Kind> FromStr for Id<K> {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let digits = text
            .strip_prefix(K::PREFIX)
            .and_then(|rest| rest.strip_prefix('_'))
            .ok_or(IdError::Prefix {
                expected: K::PREFIX,
            })?;
        // The length is checked because `Uuid` would also take hyphens and braces:
        // one thing has one spelling.
        if digits.len() != 32 || digits.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(IdError::Digits {
                expected: K::PREFIX,
            });
        }
        Uuid::try_parse(digits)
            .map(Self::from_uuid)
            .map_err(|_| IdError::Digits {
                expected: K::PREFIX,
            })
    }
}

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<K> hash::Hash for Id<K> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $prefix:literal $id:ident;)*) => {
        /// The kinds of things that have an id.
        pub mod kinds {
            $($(#[$doc])* #[derive(Debug)] pub enum $kind {})*
        }
        $(impl Kind for kinds::$kind { const PREFIX: &'static str = $prefix; }
        $(#[$doc])* pub type $id = Id<kinds::$kind>;)*
    };
}

// Append only: a prefix that was ever shown stays what it was.
kinds! {
    /// An organization, or one person's own vault.
    Tenant "org" TenantId;
    /// A person who signs in.
    User "user" UserId;
    /// A third-party program that asks for access (an OAuth client).
    App "app" AppId;
    /// A provider's real API key, in all its versions.
    ProviderKey "key" ProviderKeyId;
    /// An access request.
    Request "req" RequestId;
    /// A grant.
    Grant "grant" GrantId;
    /// One call through the proxy.
    Call "call" CallId;
    /// A connect ticket.
    Ticket "ticket" TicketId;
    /// A vault address.
    Handle "handle" HandleId;
    /// A signed-in browser.
    Session "session" SessionId;
    /// A person's API token.
    ApiToken "apitoken" ApiTokenId;
    /// A single sign-on connection to an identity provider.
    Connection "sso" ConnectionId;
    /// A registration token.
    RegistrationToken "regtoken" RegistrationTokenId;
    /// One event in the store.
    Event "event" EventId;
    /// An app that a person blocks.
    BlockedApp "block" BlockedAppId;
    /// A provider that an organization added.
    CustomProvider "provider" CustomProviderId;
    /// A rule that a person wrote: what an app is granted without asking again.
    ApprovalRule "rule" ApprovalRuleId;
    /// A limit that an organization sets above grants.
    Budget "budget" BudgetId;
    /// Limits that watch without refusing.
    Shadow "shadow" ShadowId;
    /// A name that an organization gives to several models together.
    ModelAlias "alias" ModelAliasId;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_second(1_790_000_000).unwrap()
    }

    #[test]
    fn an_id_reads_back_from_its_text() {
        let id = GrantId::new(now());
        assert_eq!(id.to_string().parse::<GrantId>().unwrap(), id);
    }

    #[test]
    fn an_id_of_another_kind_is_refused() {
        let text = GrantId::new(now()).to_string();
        assert_eq!(
            text.parse::<UserId>(),
            Err(IdError::Prefix { expected: "user" })
        );
    }

    #[test]
    fn one_id_has_one_spelling() {
        let id = GrantId::new(now());
        for other in [
            format!("grant_{}", id.uuid()),
            format!("grant_{}", id.uuid().simple().to_string().to_uppercase()),
            format!("grant_{{{}}}", id.uuid()),
            "grant_".to_owned(),
        ] {
            assert!(
                other.parse::<GrantId>().is_err() || other == id.to_string(),
                "{other}"
            );
        }
    }
}
