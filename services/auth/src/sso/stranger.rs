//! Somebody whom only their identity provider knows so far.

use super::{id_token::Claims, oidc::UserInfo};

/// Who somebody is, as their provider says.
pub struct Stranger {
    /// The provider's own name for them: never changes, never given to somebody else.
    pub subject: String,
    /// What they are called.
    pub name: Option<String>,
    /// Their address.
    pub email: Option<String>,
    /// Whether the provider says that it is theirs.
    pub email_verified: bool,
}

impl Stranger {
    /// As their ID token has them.
    pub(super) fn of(claims: &Claims) -> Self {
        Self {
            subject: claims.subject().to_string(),
            name: claims
                .name()
                .and_then(|name| name.get(None))
                .map(|name| name.to_string()),
            email: claims.email().map(|email| email.to_string()),
            // Absent counts as no.
            email_verified: claims.email_verified() == Some(true),
        }
    }

    /// With what the provider says beyond the token, where the token says nothing.
    pub(super) fn or(self, more: &UserInfo) -> Self {
        let name = more
            .name()
            .and_then(|name| name.get(None))
            .map(|name| name.to_string());
        // An address and whether it is verified belong together.
        let (email, email_verified) = match self.email {
            Some(email) => (Some(email), self.email_verified),
            None => (
                more.email().map(|email| email.to_string()),
                more.email_verified() == Some(true),
            ),
        };
        Self {
            subject: self.subject,
            name: self.name.or(name),
            email,
            email_verified,
        }
    }
}
