//! The life of a grant.

use events::{AppIdentity, AuthorizationDetail, GrantEvent};
use event_store::Aggregate;
use ids::{RequestId, UserId};

/// A grant, as its events add up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Grant {
    /// Not granted yet.
    #[default]
    None,
    /// In force until its details expire.
    Live {
        /// Who granted it.
        user: UserId,
        /// To whom.
        app: AppIdentity,
        /// What exactly.
        details: Vec<AuthorizationDetail>,
        /// Whether its token went out.
        token_issued: bool,
    },
    /// Ended for good.
    Revoked,
}

/// Why nothing was done with a grant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such grant.
    #[error("there is no such grant")]
    Unknown,
    /// It was revoked; nothing brings it back.
    #[error("this grant is revoked")]
    Revoked,
    /// It exists already.
    #[error("this grant exists already")]
    Exists,
    /// Its one token was handed out before.
    #[error("the token of this grant was handed out already")]
    TokenIssued,
    /// The change would give something that the person never allowed.
    #[error("a live grant may be narrowed or its limits moved, not given {0}")]
    Beyond(&'static str),
}

impl Grant {
    /// A person grants.
    ///
    /// # Errors
    /// When a grant of this id exists.
    pub fn grant(
        &self,
        user: UserId,
        app: AppIdentity,
        request: RequestId,
        details: Vec<AuthorizationDetail>,
    ) -> Result<GrantEvent, Refusal> {
        match self {
            Self::None => Ok(GrantEvent::Granted { user, app, request, details }),
            _ => Err(Refusal::Exists),
        }
    }

    /// The token goes out: once.
    ///
    /// # Errors
    /// When it went out before, or the grant is not live.
    pub fn issue_token(&self) -> Result<GrantEvent, Refusal> {
        match self {
            Self::Live { token_issued: false, .. } => Ok(GrantEvent::TokenIssued {}),
            Self::Live { .. } => Err(Refusal::TokenIssued),
            Self::Revoked => Err(Refusal::Revoked),
            Self::None => Err(Refusal::Unknown),
        }
    }

    /// The person moves limits or expiry, or narrows models and capabilities; the token stays.
    ///
    /// # Errors
    /// When the grant is not live, or the change names another provider, model or capability.
    pub fn change(&self, new: Vec<AuthorizationDetail>) -> Result<GrantEvent, Refusal> {
        let Self::Live { details, .. } = self else { return Err(self.not_live()) };
        if new.len() != details.len() {
            return Err(Refusal::Beyond("other providers"));
        }
        for (old, new) in details.iter().zip(&new) {
            if old.provider != new.provider {
                return Err(Refusal::Beyond("other providers"));
            }
            if !new.models.is_within(&old.models) {
                return Err(Refusal::Beyond("more models"));
            }
            if !new.capabilities.is_subset(&old.capabilities) {
                return Err(Refusal::Beyond("more capabilities"));
            }
        }
        Ok(GrantEvent::Changed { details: new })
    }

    /// It ends. Revoking what is revoked changes nothing and is no fault.
    ///
    /// # Errors
    /// When there is no such grant.
    pub fn revoke(&self, reason: &str) -> Result<Option<GrantEvent>, Refusal> {
        match self {
            Self::Live { .. } => Ok(Some(GrantEvent::Revoked { reason: reason.to_owned() })),
            Self::Revoked => Ok(None),
            Self::None => Err(Refusal::Unknown),
        }
    }

    fn not_live(&self) -> Refusal {
        match self {
            Self::Revoked => Refusal::Revoked,
            _ => Refusal::Unknown,
        }
    }
}

impl Aggregate for Grant {
    type Event = GrantEvent;

    fn apply(&mut self, event: &GrantEvent) {
        match (event, &mut *self) {
            (GrantEvent::Granted { user, app, details, .. }, Self::None) => {
                *self = Self::Live {
                    user: *user,
                    app: app.clone(),
                    details: details.clone(),
                    token_issued: false,
                };
            }
            (GrantEvent::TokenIssued {}, Self::Live { token_issued, .. }) => *token_issued = true,
            (GrantEvent::Changed { details: new }, Self::Live { details, .. }) => details.clone_from(new),
            // Revocation is terminal and wins over whatever comes later.
            (GrantEvent::Revoked { .. }, _) => *self = Self::Revoked,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::Verification;

    fn at() -> jiff::Timestamp {
        "2026-11-22T00:00:00Z".parse().unwrap()
    }

    fn detail(models: &[&str]) -> AuthorizationDetail {
        serde_json::from_value(serde_json::json!({
            "provider": "openai", "models": models, "capabilities": ["chat"],
            "limits": {"monthly_spend": "10", "daily_spend": "10", "requests_per_minute": 60,
                       "requests_per_day": 100, "tokens_per_request": 1000},
            "expires": "2027-01-01T00:00:00Z", "key_id": ids::ProviderKeyId::new(at()),
        }))
        .unwrap()
    }

    fn granted() -> GrantEvent {
        GrantEvent::Granted {
            user: UserId::new(at()),
            app: AppIdentity { app: None, name: "App".into(), url: None, verification: Verification::Unverified },
            request: RequestId::new(at()),
            details: vec![detail(&["gpt-4o*"])],
        }
    }

    fn given(events: &[GrantEvent]) -> Grant {
        let mut grant = Grant::default();
        events.iter().for_each(|event| grant.apply(event));
        grant
    }

    #[test]
    fn a_token_goes_out_once() {
        assert_eq!(given(&[granted()]).issue_token(), Ok(GrantEvent::TokenIssued {}));
        assert_eq!(given(&[granted(), GrantEvent::TokenIssued {}]).issue_token(), Err(Refusal::TokenIssued));
        assert_eq!(given(&[]).issue_token(), Err(Refusal::Unknown));
    }

    #[test]
    fn a_revoked_grant_stays_revoked() {
        let revoked = GrantEvent::Revoked { reason: "test".into() };
        let grant = given(&[granted(), revoked.clone(), granted(), GrantEvent::Changed { details: vec![] }]);
        assert_eq!(grant, Grant::Revoked);
        assert_eq!(grant.issue_token(), Err(Refusal::Revoked));
        assert_eq!(grant.change(vec![detail(&["gpt-4o"])]), Err(Refusal::Revoked));
        assert_eq!(grant.revoke("again"), Ok(None));
    }

    #[test]
    fn a_live_grant_can_be_narrowed_and_not_widened() {
        let grant = given(&[granted()]);
        assert!(grant.change(vec![detail(&["gpt-4o-mini"])]).is_ok());
        assert_eq!(grant.change(vec![detail(&["o1"])]), Err(Refusal::Beyond("more models")));
        assert_eq!(grant.change(vec![]), Err(Refusal::Beyond("other providers")));
    }
}
