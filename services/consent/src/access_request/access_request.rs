//! The life of an access request: pending until one decision, which is final.

use event_store::Aggregate;
use events::{AccessRequestEvent, AppIdentity, RequestedDetail, Transport};
use ids::{ApprovalRuleId, GrantId, HandleId, UserId};
use jiff::Timestamp;

/// An access request, as its events add up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AccessRequest {
    /// Not received yet.
    #[default]
    None,
    /// Waiting for a decision.
    Pending(Pending),
    /// Approved; the grant speaks from here on.
    Approved {
        /// Whose vault was asked.
        user: UserId,
        /// What came of it.
        grant: GrantId,
        /// Whether that was a grant that its app had before.
        extended: bool,
    },
    /// Denied, expired or abandoned.
    Closed {
        /// Whose vault was asked.
        user: UserId,
    },
}

/// What is waiting for a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Whose vault was asked.
    pub user: UserId,
    /// By which door it came.
    pub transport: Transport,
    /// Who asks.
    pub app: AppIdentity,
    /// What for.
    pub details: Vec<RequestedDetail>,
    /// The grant that it asks to widen, if it does.
    pub extends: Option<GrantId>,
    /// When it lapses.
    pub expires_at: Timestamp,
    /// The handle it asked at, if it was one.
    pub handle: Option<HandleId>,
}

/// Why a decision was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such request.
    #[error("there is no such access request")]
    Unknown,
    /// It was decided before.
    #[error("this access request was decided already")]
    Decided,
    /// Its time is over.
    #[error("this access request has expired")]
    Expired,
    /// It exists already.
    #[error("this access request exists already")]
    Exists,
}

impl AccessRequest {
    /// An app asks.
    ///
    /// # Errors
    /// When a request of this id exists.
    pub fn receive(&self, pending: Pending) -> Result<AccessRequestEvent, Refusal> {
        let Pending {
            user,
            transport,
            app,
            details,
            extends,
            expires_at,
            handle,
        } = pending;
        match self {
            Self::None => Ok(AccessRequestEvent::Received {
                user,
                transport,
                app,
                details,
                extends,
                expires_at,
                handle,
            }),
            _ => Err(Refusal::Exists),
        }
    }

    /// Whose vault was asked; `None` when nobody's was.
    #[must_use]
    pub const fn owner(&self) -> Option<UserId> {
        match self {
            Self::None => None,
            Self::Pending(Pending { user, .. })
            | Self::Approved { user, .. }
            | Self::Closed { user } => Some(*user),
        }
    }

    /// What may be decided now.
    ///
    /// # Errors
    /// When there is nothing to decide any more.
    pub fn pending(&self, now: Timestamp) -> Result<&Pending, Refusal> {
        match self {
            Self::None => Err(Refusal::Unknown),
            Self::Pending(pending) if now < pending.expires_at => Ok(pending),
            Self::Pending(_) => Err(Refusal::Expired),
            Self::Approved { .. } | Self::Closed { .. } => Err(Refusal::Decided),
        }
    }

    /// A yes, once.
    ///
    /// # Errors
    /// When there is nothing to decide any more.
    pub fn approve(
        &self,
        grant: GrantId,
        shown: Option<String>,
        rule: Option<ApprovalRuleId>,
        now: Timestamp,
    ) -> Result<AccessRequestEvent, Refusal> {
        self.pending(now)?;
        Ok(AccessRequestEvent::Approved { grant, shown, rule })
    }

    /// A no, once.
    ///
    /// # Errors
    /// When there is nothing to decide any more.
    pub fn deny(
        &self,
        reason: Option<String>,
        now: Timestamp,
    ) -> Result<AccessRequestEvent, Refusal> {
        self.pending(now)?;
        Ok(AccessRequestEvent::Denied {
            reason,
            unasked: false,
        })
    }

    /// A no without asking the person, once.
    ///
    /// # Errors
    /// When there is nothing to decide any more.
    pub fn turn_away(&self, now: Timestamp) -> Result<AccessRequestEvent, Refusal> {
        self.pending(now)?;
        Ok(AccessRequestEvent::Denied {
            reason: None,
            unasked: true,
        })
    }

    /// Its time is over, if it is and nobody decided.
    #[must_use]
    pub fn expire(&self, now: Timestamp) -> Option<AccessRequestEvent> {
        matches!(self, Self::Pending(pending) if now >= pending.expires_at)
            .then_some(AccessRequestEvent::Expired {})
    }

    /// The asker went away before anybody decided.
    #[must_use]
    pub fn abandon(&self) -> Option<AccessRequestEvent> {
        matches!(self, Self::Pending(_)).then_some(AccessRequestEvent::Abandoned {})
    }
}

impl Aggregate for AccessRequest {
    type Event = AccessRequestEvent;

    fn apply(&mut self, event: &AccessRequestEvent) {
        let extended = matches!(self, Self::Pending(pending) if pending.extends.is_some());
        *self = match (event, self.owner()) {
            (
                AccessRequestEvent::Received {
                    user,
                    transport,
                    app,
                    details,
                    extends,
                    expires_at,
                    handle,
                },
                _,
            ) => Self::Pending(Pending {
                user: *user,
                transport: *transport,
                app: app.clone(),
                details: details.clone(),
                extends: *extends,
                expires_at: *expires_at,
                handle: *handle,
            }),
            (AccessRequestEvent::Approved { grant, .. }, Some(user)) => Self::Approved {
                user,
                grant: *grant,
                extended,
            },
            (_, Some(user)) => Self::Closed { user },
            // Nothing is decided before it came in.
            (_, None) => Self::None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::Verification;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).unwrap()
    }

    fn pending() -> Pending {
        Pending {
            user: UserId::new(at(0)),
            transport: Transport::Okap,
            app: AppIdentity {
                app: None,
                name: "App".into(),
                url: None,
                verification: Verification::Unverified,
                registration: None,
            },
            details: vec![],
            extends: None,
            expires_at: at(60),
            handle: None,
        }
    }

    fn given(events: &[AccessRequestEvent]) -> AccessRequest {
        let mut request = AccessRequest::default();
        request.apply(&AccessRequest::default().receive(pending()).unwrap());
        events.iter().for_each(|event| request.apply(event));
        request
    }

    #[test]
    fn the_first_decision_is_final() {
        let grant = GrantId::new(at(1));
        for decided in [
            AccessRequestEvent::Approved {
                grant,
                shown: None,
                rule: None,
            },
            AccessRequestEvent::Denied {
                reason: None,
                unasked: false,
            },
            AccessRequestEvent::Denied {
                reason: None,
                unasked: true,
            },
            AccessRequestEvent::Expired {},
            AccessRequestEvent::Abandoned {},
        ] {
            let request = given(&[decided]);
            assert_eq!(
                request.approve(grant, None, None, at(1)),
                Err(Refusal::Decided)
            );
            assert_eq!(request.turn_away(at(1)), Err(Refusal::Decided));
            assert_eq!(request.deny(None, at(1)), Err(Refusal::Decided));
            assert_eq!(request.expire(at(61)), None);
            assert_eq!(request.abandon(), None);
        }
    }

    #[test]
    fn it_stays_the_same_persons_whatever_becomes_of_it() {
        let owner = pending().user;
        assert_eq!(AccessRequest::default().owner(), None);
        for decided in [
            AccessRequestEvent::Approved {
                grant: GrantId::new(at(1)),
                shown: None,
                rule: None,
            },
            AccessRequestEvent::Denied {
                reason: None,
                unasked: false,
            },
            AccessRequestEvent::Expired {},
        ] {
            let mut request = AccessRequest::default();
            request.apply(
                &request
                    .receive(Pending {
                        user: owner,
                        ..pending()
                    })
                    .unwrap(),
            );
            assert_eq!(request.owner(), Some(owner));
            request.apply(&decided);
            assert_eq!(request.owner(), Some(owner));
        }
    }

    #[test]
    fn it_lapses_at_the_instant_it_was_told_to() {
        let request = given(&[]);
        assert!(
            request
                .approve(GrantId::new(at(1)), None, None, at(59))
                .is_ok()
        );
        assert_eq!(
            request.approve(GrantId::new(at(1)), None, None, at(60)),
            Err(Refusal::Expired)
        );
        assert_eq!(request.expire(at(59)), None);
        assert_eq!(request.expire(at(60)), Some(AccessRequestEvent::Expired {}));
    }
}
