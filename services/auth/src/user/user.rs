//! The rules of a membership: pure.

use std::collections::BTreeMap;

use event_store::Aggregate;
use events::UserEvent;
use ids::{ApiTokenId, ConnectionId};
use jiff::{SignedDuration, Timestamp};
use sessions::Role;

use super::PersonName;

/// The most API tokens of one person that work at the same time.
pub const MOST_TOKENS: usize = 50;

/// A person in an organization, as their events add up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum User {
    /// Not there yet.
    #[default]
    None,
    /// A member.
    Member {
        /// The identity providers they are known at.
        identities: Vec<ConnectionId>,
        /// Their API tokens that were not revoked, and when each expires.
        tokens: BTreeMap<ApiTokenId, Timestamp>,
    },
}

/// How a person signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// By a one-time link.
    Link,
    /// By their organization's identity provider.
    Sso,
}

impl Via {
    /// Its word in events and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Sso => "sso",
        }
    }
}

/// How long an API token works: up to a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenLifetime {
    expires_at: Timestamp,
}

impl TokenLifetime {
    /// The longest life of a token.
    pub const LONGEST: SignedDuration = SignedDuration::from_hours(366 * 24);

    /// From now until then.
    ///
    /// # Errors
    /// When that is past, or more than a year away.
    pub fn until(expires_at: Timestamp, now: Timestamp) -> Result<Self, Refusal> {
        let length = expires_at.duration_since(now);
        if length <= SignedDuration::ZERO || length > Self::LONGEST {
            return Err(Refusal::Lifetime);
        }
        Ok(Self { expires_at })
    }

    /// Its end.
    #[must_use]
    pub const fn expires_at(self) -> Timestamp {
        self.expires_at
    }
}

/// Why nothing was done for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// They are a member already.
    #[error("this person is a member already")]
    Exists,
    /// There is no such person.
    #[error("there is no such person")]
    Unknown,
    /// They are known at this identity provider already, as somebody else.
    #[error("this person already signs in through this identity provider")]
    Linked,
    /// The token would be able to do more than they are.
    #[error("a token can do at most what its owner can")]
    Role,
    /// The token would have expired before it began, or live longer than a year.
    #[error("a token expires in the future, at most a year from now")]
    Lifetime,
    /// They have enough.
    #[error("a person has at most 50 tokens that work")]
    TooManyTokens,
    /// There is no such token of theirs, or it was revoked.
    #[error("there is no such token")]
    UnknownToken,
}

impl User {
    /// They become a member.
    ///
    /// # Errors
    /// When they are one.
    pub fn join(&self, name: &PersonName, role: Role) -> Result<UserEvent, Refusal> {
        match self {
            Self::None => Ok(UserEvent::Joined {
                name: name.as_str().to_owned(),
                role: role.to_string(),
            }),
            Self::Member { .. } => Err(Refusal::Exists),
        }
    }

    /// Their sign-in at an identity provider becomes theirs here. One person has one at each.
    ///
    /// # Errors
    /// When another was linked before: whoever comes second with their e-mail address is not them.
    pub fn link(&self, connection: ConnectionId) -> Result<UserEvent, Refusal> {
        match self {
            Self::None => Err(Refusal::Unknown),
            Self::Member { identities, .. } if identities.contains(&connection) => {
                Err(Refusal::Linked)
            }
            Self::Member { .. } => Ok(UserEvent::IdentityLinked { connection }),
        }
    }

    /// They sign in.
    ///
    /// # Errors
    /// When they are nobody here.
    pub fn sign_in(&self, via: Via) -> Result<UserEvent, Refusal> {
        match self {
            Self::None => Err(Refusal::Unknown),
            Self::Member { .. } => Ok(UserEvent::SignedIn {
                via: via.as_str().to_owned(),
            }),
        }
    }

    /// They get an API token.
    ///
    /// # Errors
    /// When it would do more than `own` allows them, or they have enough.
    pub fn may_issue_token(&self, own: Role, asked: Role, now: Timestamp) -> Result<(), Refusal> {
        let Self::Member { tokens, .. } = self else {
            return Err(Refusal::Unknown);
        };
        if !own.covers(asked) {
            return Err(Refusal::Role);
        }
        if tokens
            .values()
            .filter(|expires_at| **expires_at > now)
            .count()
            >= MOST_TOKENS
        {
            return Err(Refusal::TooManyTokens);
        }
        Ok(())
    }

    /// They end one of their API tokens.
    ///
    /// # Errors
    /// When it is not theirs, or was revoked.
    pub fn revoke_token(&self, token: ApiTokenId) -> Result<UserEvent, Refusal> {
        match self {
            Self::Member { tokens, .. } if tokens.contains_key(&token) => {
                Ok(UserEvent::ApiTokenRevoked { token })
            }
            _ => Err(Refusal::UnknownToken),
        }
    }
}

impl Aggregate for User {
    type Event = UserEvent;

    fn apply(&mut self, event: &UserEvent) {
        match (event, &mut *self) {
            (UserEvent::Joined { .. }, Self::None) => {
                *self = Self::Member {
                    identities: Vec::new(),
                    tokens: BTreeMap::new(),
                };
            }
            (UserEvent::IdentityLinked { connection }, Self::Member { identities, .. }) => {
                identities.push(*connection);
            }
            (
                UserEvent::ApiTokenIssued {
                    token, expires_at, ..
                },
                Self::Member { tokens, .. },
            ) => {
                tokens.insert(*token, *expires_at);
            }
            (UserEvent::ApiTokenRevoked { token }, Self::Member { tokens, .. }) => {
                tokens.remove(token);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T00:00:00Z".parse().unwrap()
    }

    fn joined() -> UserEvent {
        UserEvent::Joined {
            name: "Ada".to_owned(),
            role: "admin".to_owned(),
        }
    }

    fn given(events: &[UserEvent]) -> User {
        let mut user = User::default();
        events.iter().for_each(|event| user.apply(event));
        user
    }

    fn issued(token: ApiTokenId, expires_at: Timestamp) -> UserEvent {
        UserEvent::ApiTokenIssued {
            token,
            label: "laptop".to_owned(),
            expires_at,
        }
    }

    #[test]
    fn a_person_joins_once() {
        let name = "Ada".parse().unwrap();
        assert_eq!(given(&[]).join(&name, Role::Admin), Ok(joined()));
        assert_eq!(
            given(&[joined()]).join(&name, Role::Owner),
            Err(Refusal::Exists)
        );
    }

    #[test]
    fn nobody_signs_in_before_joining() {
        assert_eq!(given(&[]).sign_in(Via::Link), Err(Refusal::Unknown));
        let signed_in = given(&[joined()]).sign_in(Via::Sso);
        assert_eq!(
            signed_in,
            Ok(UserEvent::SignedIn {
                via: "sso".to_owned()
            })
        );
    }

    #[test]
    fn a_second_identity_at_the_same_provider_is_never_linked() {
        let (one, other) = (ConnectionId::new(now()), ConnectionId::new(now()));
        let linked = UserEvent::IdentityLinked { connection: one };
        let user = given(&[joined(), linked]);
        assert_eq!(user.link(one), Err(Refusal::Linked));
        assert_eq!(
            user.link(other),
            Ok(UserEvent::IdentityLinked { connection: other })
        );
        assert_eq!(given(&[]).link(one), Err(Refusal::Unknown));
    }

    #[test]
    fn a_token_does_at_most_what_its_owner_does() {
        let user = given(&[joined()]);
        assert_eq!(
            user.may_issue_token(Role::Admin, Role::Owner, now()),
            Err(Refusal::Role)
        );
        assert_eq!(
            user.may_issue_token(Role::Member, Role::Finance, now()),
            Err(Refusal::Role)
        );
        assert_eq!(
            user.may_issue_token(Role::Admin, Role::Finance, now()),
            Ok(())
        );
        assert_eq!(
            given(&[]).may_issue_token(Role::Owner, Role::Owner, now()),
            Err(Refusal::Unknown)
        );
    }

    #[test]
    fn expired_and_revoked_tokens_make_room() {
        let hour = SignedDuration::from_hours(1);
        let tokens: Vec<_> = (0..MOST_TOKENS).map(|_| ApiTokenId::new(now())).collect();
        let mut events = vec![joined()];
        events.extend(tokens.iter().map(|token| issued(*token, now() + hour)));
        let full = given(&events);
        let ask = |user: &User, at| user.may_issue_token(Role::Admin, Role::Admin, at);
        assert_eq!(ask(&full, now()), Err(Refusal::TooManyTokens));
        assert_eq!(ask(&full, now() + hour), Ok(()));
        events.push(UserEvent::ApiTokenRevoked { token: tokens[0] });
        assert_eq!(ask(&given(&events), now()), Ok(()));
    }

    #[test]
    fn a_token_is_revoked_once_and_by_its_owner() {
        let (one, other) = (ApiTokenId::new(now()), ApiTokenId::new(now()));
        let user = given(&[joined(), issued(one, now())]);
        let revoked = UserEvent::ApiTokenRevoked { token: one };
        assert_eq!(user.revoke_token(one), Ok(revoked.clone()));
        assert_eq!(user.revoke_token(other), Err(Refusal::UnknownToken));
        let user = given(&[joined(), issued(one, now()), revoked]);
        assert_eq!(user.revoke_token(one), Err(Refusal::UnknownToken));
    }

    #[test]
    fn a_token_lives_up_to_a_year_from_now() {
        let until = |hours| TokenLifetime::until(now() + SignedDuration::from_hours(hours), now());
        assert_eq!(until(0), Err(Refusal::Lifetime));
        assert_eq!(until(-1), Err(Refusal::Lifetime));
        assert_eq!(until(367 * 24), Err(Refusal::Lifetime));
        assert!(until(365 * 24).is_ok());
        assert_eq!(
            TokenLifetime::until(Timestamp::MAX, now()),
            Err(Refusal::Lifetime)
        );
        assert_eq!(
            TokenLifetime::until(Timestamp::MIN, now()),
            Err(Refusal::Lifetime)
        );
    }
}
