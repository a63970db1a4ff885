//! The life of a grant.

use event_store::Aggregate;
use events::{AppIdentity, AuthorizationDetail, GrantEvent, LimitName, Shadow};
use ids::{KeyThumbprint, RequestId, UserId};
use jiff::Timestamp;

use crate::policy::Policy;

/// Why a grant ended whose app did not come for the token in time.
pub const NEVER_COLLECTED: &str = "never collected";

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
        /// Whether a token of it went out.
        token_issued: bool,
        /// How many decisions of the person still have a token to give.
        due: u32,
        /// The shadow limits that are tried, at most one set at each provider.
        shadows: Vec<Shadow>,
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
    /// It is not what was looked at any more.
    #[error("this grant changed meanwhile; look again")]
    Moved,
    /// Its one token was handed out before.
    #[error("the token of this grant was handed out already")]
    TokenIssued,
    /// Its app was removed; nothing hands out another token of it.
    #[error("the app was removed")]
    AppRemoved,
    /// The change would give something that the person never allowed.
    #[error("a live grant may be narrowed and its limits moved, not given {0}")]
    Beyond(&'static str),
    /// The change would give a child more than the grants above it allow.
    #[error("this grant was made from another and may have no more {0} than that one")]
    BeyondParent(&'static str),
    /// Shadow limits are at a provider that was granted.
    #[error("nothing was granted at this provider")]
    NothingAt,
    /// Shadow limits name at least one.
    #[error("name at least one limit to try")]
    NoShadowLimit,
    /// Only a tightening is tried.
    #[error("shadow limits are tighter than those in force: {0} is above its limit")]
    ShadowAbove(LimitName),
    /// There are none to make bite.
    #[error("no shadow limits are tried")]
    NoShadowLimits,
    /// Too many generations would stand between it and what a person granted.
    #[error("a token that was made by exchange three times over cannot be exchanged again")]
    TooDeep,
    /// Too many grants were made from one.
    #[error(
        "100 tokens made from this grant are live, the most at one time; revoke some or let them end"
    )]
    TooMany,
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

    /// Its app makes it from another of its grants.
    ///
    /// # Errors
    /// When a grant of this id exists.
    pub fn derive(&self, derived: GrantEvent) -> Result<GrantEvent, Refusal> {
        match self {
            Self::None => Ok(derived),
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

    /// To whom it was granted, while it is not revoked.
    #[must_use]
    pub const fn app(&self) -> Option<&AppIdentity> {
        match self {
            Self::Live { app, .. } => Some(app),
            Self::None | Self::Revoked { .. } => None,
        }
    }

    /// The shadow limits that are tried.
    #[must_use]
    pub fn shadows(&self) -> &[Shadow] {
        match self {
            Self::Live { shadows, .. } => shadows,
            Self::None | Self::Revoked { .. } => &[],
        }
    }

    /// A token goes out: once for each decision of the person. It may be bound to a key.
    ///
    /// # Errors
    /// When it went out before, or the grant is not live.
    pub fn issue_token(
        &self,
        bound_to: Option<KeyThumbprint>,
        now: Timestamp,
    ) -> Result<GrantEvent, Refusal> {
        self.live(now)?;
        match self {
            Self::Live { due: 1.., .. } => Ok(GrantEvent::TokenIssued { bound_to }),
            _ => Err(Refusal::TokenIssued),
        }
    }

    /// Its app renews the token. The next one may be bound to a key.
    ///
    /// # Errors
    /// When none went out yet, or the grant is not live.
    pub fn refresh_token(
        &self,
        bound_to: Option<KeyThumbprint>,
        now: Timestamp,
    ) -> Result<GrantEvent, Refusal> {
        match self.live(now)? {
            (_, _, true) => Ok(GrantEvent::TokenRefreshed { bound_to }),
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

    /// What is granted, of a grant that is in force.
    ///
    /// # Errors
    /// When it is not.
    pub fn granted(&self, now: Timestamp) -> Result<&[AuthorizationDetail], Refusal> {
        self.live(now).map(|(_, details, _)| details)
    }

    /// A person gives its app more: `details` is everything that is granted from then on. Whether
    /// it may be given was looked at before, against what was asked and what may be given.
    ///
    /// # Errors
    /// When the grant is not live, or a provider is missing that it has.
    pub fn widen(
        &self,
        request: Option<RequestId>,
        details: Vec<AuthorizationDetail>,
        now: Timestamp,
    ) -> Result<GrantEvent, Refusal> {
        let had = self.granted(now)?;
        let keeps = |old: &AuthorizationDetail| details.iter().any(|d| d.provider == old.provider);
        if !had.iter().all(keeps) {
            return Err(Refusal::Beyond("fewer providers"));
        }
        Ok(GrantEvent::Widened { request, details })
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

    /// Nobody came for its token in time: it ends, and says why. `None` when the token went out, or
    /// there is nothing to end.
    #[must_use]
    pub fn lapse(&self) -> Option<GrantEvent> {
        let uncollected = matches!(
            self,
            Self::Live {
                token_issued: false,
                ..
            }
        );
        uncollected.then(|| GrantEvent::Revoked {
            reason: NEVER_COLLECTED.to_owned(),
        })
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
                }
                | GrantEvent::Derived {
                    user, app, details, ..
                },
                Self::None,
            ) => {
                *self = Self::Live {
                    user: *user,
                    app: app.clone(),
                    details: details.clone(),
                    token_issued: false,
                    due: 1,
                    shadows: vec![],
                };
            }
            (
                GrantEvent::TokenIssued { .. },
                Self::Live {
                    token_issued, due, ..
                },
            ) => {
                *token_issued = true;
                *due = due.saturating_sub(1);
            }
            (
                GrantEvent::Widened {
                    request,
                    details: new,
                },
                Self::Live { details, due, .. },
            ) => {
                details.clone_from(new);
                *due += u32::from(request.is_some());
            }
            (GrantEvent::Changed { details: new }, Self::Live { details, .. }) => {
                details.clone_from(new);
            }
            (
                GrantEvent::ShadowLimitsSet {
                    shadow: id,
                    provider,
                    limits,
                },
                Self::Live { shadows, .. },
            ) => {
                shadows.retain(|tried| tried.provider != *provider);
                shadows.push(Shadow {
                    id: *id,
                    provider: provider.clone(),
                    limits: *limits,
                });
            }
            (
                GrantEvent::ShadowLimitsDropped { shadow }
                | GrantEvent::ShadowLimitsAdopted { shadow },
                Self::Live { shadows, .. },
            ) => shadows.retain(|tried| tried.id != *shadow),
            // Revocation is terminal and wins over whatever comes later.
            (GrantEvent::Revoked { .. }, Self::Live { user, .. }) => {
                *self = Self::Revoked { user: *user }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
