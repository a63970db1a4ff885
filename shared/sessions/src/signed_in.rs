//! A person the vault knows, for the length of one request.

use ids::{ApiTokenId, SessionId, TenantId, UserId};

use crate::{
    csrf::CsrfToken,
    role::{Permission, Role},
};

/// A person who is signed in, and how they showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// The organization they act in.
    pub tenant: TenantId,
    /// Who they are.
    pub user: UserId,
    /// What they may do there. For an API token: what the token may do.
    pub role: Role,
    /// How a page addresses them; the label of the token when they use one.
    pub name: String,
    /// What they showed.
    pub via: Via,
}

/// What a signed-in person showed with the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    /// The cookie of a browser session. Unsafe requests must also show `csrf`.
    Session { id: SessionId, csrf: CsrfToken },
    /// An `lk_…` token in `Authorization`.
    ApiToken { id: ApiTokenId },
}

impl SignedIn {
    /// Whether they may do this.
    #[must_use]
    pub const fn can(&self, permission: Permission) -> bool {
        self.role.can(permission)
    }

    /// The token their forms carry; `None` for an API token, which has no forms.
    #[must_use]
    pub const fn csrf(&self) -> Option<&CsrfToken> {
        match &self.via {
            Via::Session { csrf, .. } => Some(csrf),
            Via::ApiToken { .. } => None,
        }
    }

    /// Their browser session, if that is how they came.
    #[must_use]
    pub const fn session(&self) -> Option<SessionId> {
        match &self.via {
            Via::Session { id, .. } => Some(*id),
            Via::ApiToken { .. } => None,
        }
    }
}
