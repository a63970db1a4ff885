//! Who may come in with a sign-in at an identity provider: pure.

use ids::UserId;

/// Whether people whom nobody invited become members by signing in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joining {
    /// They do, with the role `member`.
    Open,
    /// They do not.
    InvitedOnly,
}

/// What is known here about somebody who has signed in at an identity provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Whose identity this is: by connection and subject, never by e-mail address.
    pub identity: Option<UserId>,
    /// Whom the provider's e-mail address was an invitation for, and nobody came yet.
    pub invited: Option<UserId>,
    /// Whether the provider says that the address is theirs. Saying nothing counts as no.
    pub email_verified: bool,
}

/// How they come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// As the member they always were.
    Known(UserId),
    /// As the member who was invited by their address; from now on known by their identity.
    Invited(UserId),
    /// As a new member.
    New,
}

/// Why they do not come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody invited them, and the organization takes nobody uninvited.
    #[error("only people who were invited may join this organization")]
    NotInvited,
}

impl Known {
    /// Decides how they come in.
    ///
    /// # Errors
    /// When they do not.
    pub fn admit(self, joining: Joining) -> Result<Admission, Refusal> {
        match (self.identity, self.invited) {
            (Some(user), _) => Ok(Admission::Known(user)),
            (None, Some(user)) if self.email_verified => Ok(Admission::Invited(user)),
            // With an address that is not verified they are a stranger: never the invited person.
            (None, _) => match joining {
                Joining::Open => Ok(Admission::New),
                Joining::InvitedOnly => Err(Refusal::NotInvited),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user() -> UserId {
        UserId::new("2026-11-22T00:00:00Z".parse().unwrap())
    }

    fn known(identity: Option<UserId>, invited: Option<UserId>, email_verified: bool) -> Known {
        Known {
            identity,
            invited,
            email_verified,
        }
    }

    #[test]
    fn an_identity_decides_alone() {
        let (one, other) = (user(), user());
        for verified in [true, false] {
            for joining in [Joining::Open, Joining::InvitedOnly] {
                let admitted = known(Some(one), Some(other), verified).admit(joining);
                assert_eq!(admitted, Ok(Admission::Known(one)));
            }
        }
    }

    #[test]
    fn an_invitation_needs_a_verified_address() {
        let one = user();
        for joining in [Joining::Open, Joining::InvitedOnly] {
            let admitted = known(None, Some(one), true).admit(joining);
            assert_eq!(admitted, Ok(Admission::Invited(one)));
        }
        let unverified = known(None, Some(one), false);
        assert_eq!(unverified.admit(Joining::Open), Ok(Admission::New));
        assert_eq!(
            unverified.admit(Joining::InvitedOnly),
            Err(Refusal::NotInvited)
        );
    }

    #[test]
    fn strangers_join_only_where_they_may() {
        for verified in [true, false] {
            let stranger = known(None, None, verified);
            assert_eq!(stranger.admit(Joining::Open), Ok(Admission::New));
            assert_eq!(
                stranger.admit(Joining::InvitedOnly),
                Err(Refusal::NotInvited)
            );
        }
    }
}
