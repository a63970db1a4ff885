//! The life of a grant.

use event_store::Aggregate;
use events::{AppIdentity, AuthorizationDetail, GrantEvent};
use ids::{RequestId, UserId};
use jiff::Timestamp;

use crate::policy::Policy;

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
    Revoked {
        /// Who had granted it.
        user: UserId,
    },
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
    /// Its time is over.
    #[error("this grant has expired")]
    Expired,
    /// It exists already.
    #[error("this grant exists already")]
    Exists,
    /// Its one token was handed out before.
    #[error("the token of this grant was handed out already")]
    TokenIssued,
    /// The change would give something that the person never allowed.
    #[error("a live grant may be narrowed and its limits moved, not given {0}")]
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
            Self::None => Ok(GrantEvent::Granted {
                user,
                app,
                request,
                details,
            }),
            _ => Err(Refusal::Exists),
        }
    }

    /// Who granted it; `None` when nobody did.
    #[must_use]
    pub const fn owner(&self) -> Option<UserId> {
        match self {
            Self::None => None,
            Self::Live { user, .. } | Self::Revoked { user } => Some(*user),
        }
    }

    /// The token goes out: once.
    ///
    /// # Errors
    /// When it went out before, or the grant is not live.
    pub fn issue_token(&self, now: Timestamp) -> Result<GrantEvent, Refusal> {
        match self.live(now)? {
            (_, _, false) => Ok(GrantEvent::TokenIssued {}),
            (_, _, true) => Err(Refusal::TokenIssued),
        }
    }

    /// Its app renews the token.
    ///
    /// # Errors
    /// When none went out yet, or the grant is not live.
    pub fn refresh_token(&self, now: Timestamp) -> Result<GrantEvent, Refusal> {
        match self.live(now)? {
            (_, _, true) => Ok(GrantEvent::TokenRefreshed {}),
            (_, _, false) => Err(Refusal::Unknown),
        }
    }

    /// The person moves limits or expiry as far as the policy lets them, or narrows models and
    /// capabilities; the token stays.
    ///
    /// # Errors
    /// When the grant is not live, or the change gives another provider, model or capability, or
    /// more than the policy lets a person give.
    pub fn change(
        &self,
        new: Vec<AuthorizationDetail>,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<GrantEvent, Refusal> {
        let (app, details, _) = self.live(now)?;
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
            let (most, latest) = policy.most_after_change(old, app.verification, now);
            if !new.limits.is_within(&most) {
                return Err(Refusal::Beyond("a higher limit than this app may have"));
            }
            if new.expires > latest {
                return Err(Refusal::Beyond("a longer time than this app may have"));
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
            Self::Live { .. } => Ok(Some(GrantEvent::Revoked {
                reason: reason.to_owned(),
            })),
            Self::Revoked { .. } => Ok(None),
            Self::None => Err(Refusal::Unknown),
        }
    }

    /// To whom, what exactly, and whether the token went out, of a grant that is in force.
    fn live(
        &self,
        now: Timestamp,
    ) -> Result<(&AppIdentity, &[AuthorizationDetail], bool), Refusal> {
        match self {
            Self::Live {
                app,
                details,
                token_issued,
                ..
            } if details.iter().any(|detail| now < detail.expires) => {
                Ok((app, details, *token_issued))
            }
            Self::Live { .. } => Err(Refusal::Expired),
            Self::Revoked { .. } => Err(Refusal::Revoked),
            Self::None => Err(Refusal::Unknown),
        }
    }
}

impl Aggregate for Grant {
    type Event = GrantEvent;

    fn apply(&mut self, event: &GrantEvent) {
        match (event, &mut *self) {
            (
                GrantEvent::Granted {
                    user, app, details, ..
                },
                Self::None,
            ) => {
                *self = Self::Live {
                    user: *user,
                    app: app.clone(),
                    details: details.clone(),
                    token_issued: false,
                };
            }
            (GrantEvent::TokenIssued {}, Self::Live { token_issued, .. }) => *token_issued = true,
            (GrantEvent::Changed { details: new }, Self::Live { details, .. }) => {
                details.clone_from(new);
            }
            // Revocation is terminal and wins over whatever comes later.
            (GrantEvent::Revoked { .. }, Self::Live { user, .. }) => {
                *self = Self::Revoked { user: *user }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::Verification;

    fn at() -> Timestamp {
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
            app: AppIdentity {
                app: None,
                name: "App".into(),
                url: None,
                verification: Verification::Unverified,
            },
            request: RequestId::new(at()),
            details: vec![detail(&["gpt-4o*"])],
        }
    }

    fn change(grant: &Grant, new: Vec<AuthorizationDetail>) -> Result<GrantEvent, Refusal> {
        grant.change(new, &Policy::default(), at())
    }

    fn given(events: &[GrantEvent]) -> Grant {
        let mut grant = Grant::default();
        events.iter().for_each(|event| grant.apply(event));
        grant
    }

    #[test]
    fn a_token_goes_out_once() {
        assert_eq!(
            given(&[granted()]).issue_token(at()),
            Ok(GrantEvent::TokenIssued {})
        );
        assert_eq!(
            given(&[granted(), GrantEvent::TokenIssued {}]).issue_token(at()),
            Err(Refusal::TokenIssued)
        );
        assert_eq!(given(&[]).issue_token(at()), Err(Refusal::Unknown));
    }

    #[test]
    fn a_grant_whose_time_is_over_gives_no_token_and_is_not_brought_back() {
        let over: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
        let grant = given(&[granted()]);
        assert_eq!(grant.issue_token(over), Err(Refusal::Expired));
        assert_eq!(
            grant.change(vec![detail(&["gpt-4o"])], &Policy::default(), over),
            Err(Refusal::Expired)
        );
        assert!(matches!(grant.revoke("test"), Ok(Some(_))));
    }

    #[test]
    fn a_revoked_grant_stays_revoked() {
        let revoked = GrantEvent::Revoked {
            reason: "test".into(),
        };
        let grant = given(&[
            granted(),
            revoked.clone(),
            granted(),
            GrantEvent::Changed { details: vec![] },
        ]);
        assert!(matches!(grant, Grant::Revoked { .. }) && grant.owner().is_some());
        assert_eq!(grant.issue_token(at()), Err(Refusal::Revoked));
        assert_eq!(
            change(&grant, vec![detail(&["gpt-4o"])]),
            Err(Refusal::Revoked)
        );
        assert_eq!(grant.revoke("again"), Ok(None));
    }

    #[test]
    fn a_live_grant_can_be_narrowed_and_not_widened() {
        let grant = given(&[granted()]);
        assert!(change(&grant, vec![detail(&["gpt-4o-mini"])]).is_ok());
        assert_eq!(
            change(&grant, vec![detail(&["o1"])]),
            Err(Refusal::Beyond("more models"))
        );
        assert_eq!(
            change(&grant, vec![]),
            Err(Refusal::Beyond("other providers"))
        );
    }

    #[test]
    fn an_unverified_app_is_raised_to_its_cap_and_no_further() {
        let grant = given(&[granted()]);
        let raised = |monthly: i64, requests: u32, expires: &str| {
            let mut new = detail(&["gpt-4o*"]);
            new.limits.monthly_spend = money::Nanodollars::from_dollars(monthly);
            new.limits.requests_per_day = requests;
            new.expires = expires.parse().unwrap();
            change(&grant, vec![new])
        };
        // It has 10 USD already, which is more than its cap: that may stay and not grow.
        assert!(raised(10, 2_000, "2027-01-01T00:00:00Z").is_ok());
        let higher = Err(Refusal::Beyond("a higher limit than this app may have"));
        assert_eq!(raised(11, 100, "2027-01-01T00:00:00Z"), higher);
        assert_eq!(raised(10, 2_001, "2027-01-01T00:00:00Z"), higher);
        let longer = Err(Refusal::Beyond("a longer time than this app may have"));
        assert_eq!(raised(10, 100, "2027-01-01T00:00:01Z"), longer);
    }
}
