//! What happens when somebody comes in or leaves.

use clock::Clock;
use event_store::{Context, StreamId};
use events::UserEvent;
use ids::{SignInLink, TenantId, UserId};
use postgres::{DatabaseError, Postgres, Scope, Tx};
use server::RequestId;
use sessions::{OpenedSession, SessionError, SessionRecord, Sessions, SignedIn};

use super::links;
use crate::{
    organization,
    records::{self, RecordError, Retriable, decide},
    user::{self, User, Via},
};

/// The door by which people come in: sessions are opened here and nowhere else.
#[derive(Clone)]
pub struct SignIns {
    postgres: Postgres,
    sessions: Sessions,
    clock: Clock,
}

/// Whom a link would sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Their name.
    pub name: String,
    /// Their organization's name.
    pub organization: String,
}

/// Somebody who has shown who they are.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// The organization.
    pub tenant: TenantId,
    /// The member.
    pub user: UserId,
    /// How they showed it.
    pub via: Via,
    /// Upon which request.
    pub request: RequestId,
}

/// A session just opened.
pub struct Welcome {
    /// Holds the token for the cookie.
    pub session: OpenedSession,
}

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// There is no such link, or it was forgotten.
    #[error("there is no such sign-in link")]
    UnknownLink,
    /// The link was used, or is too old.
    #[error("this sign-in link was used already or is too old")]
    SpentLink,
    /// The person is not a member (any more).
    #[error(transparent)]
    Refused(#[from] user::Refusal),
    /// The session could not be written.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The decision could not be recorded.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The database was not reached or refused.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl Retriable for SignInError {
    fn is_conflict(&self) -> bool {
        matches!(self, Self::Record(error) if error.is_conflict())
    }
}

impl SignIns {
    /// Reads and writes through this pool.
    #[must_use]
    pub const fn new(postgres: Postgres, sessions: Sessions, clock: Clock) -> Self {
        Self {
            postgres,
            sessions,
            clock,
        }
    }

    /// Whom a link would sign in. Looking does not use it up, because programs that preview links
    /// look, too.
    ///
    /// # Errors
    /// When the link does not work (any more), or the database is not reached.
    pub async fn offer(&self, link: &SignInLink) -> Result<Offer, SignInError> {
        let (tx, found) = self.open_link("look at sign-in link", link).await?;
        let user = user::projection::one(&tx, found.user).await?;
        let organization = organization::projection::name_of(&tx, found.tenant).await?;
        tx.commit().await?;
        match (user, organization) {
            (Some(user), Some(organization)) => Ok(Offer {
                name: user.name,
                organization,
            }),
            _ => Err(SignInError::UnknownLink),
        }
    }

    /// Uses a link up and signs its person in. Of any number of callers one succeeds.
    ///
    /// # Errors
    /// When the link does not work (any more), or the database is not reached.
    pub async fn follow(
        &self,
        link: &SignInLink,
        request: RequestId,
    ) -> Result<Welcome, SignInError> {
        decide(async || {
            let (tx, found) = self.open_link("follow sign-in link", link).await?;
            // The row stays locked until the transaction ends: the others wait, then see it used.
            if !links::use_up(&tx, link.digest(), self.clock.now()).await? {
                return Err(SignInError::SpentLink);
            }
            let arrival = Arrival {
                tenant: found.tenant,
                user: found.user,
                via: Via::Link,
                request,
            };
            let welcome = self.welcome(&tx, arrival).await?;
            tx.commit().await?;
            Ok(welcome)
        })
        .await
    }

    async fn open_link(
        &self,
        name: &'static str,
        link: &SignInLink,
    ) -> Result<(Tx, links::LinkRow), SignInError> {
        let tx = self
            .postgres
            .begin(name, Scope::Holder(link.digest()))
            .await?;
        let found = links::find(&tx, link.digest())
            .await?
            .ok_or(SignInError::UnknownLink)?;
        if !found.works(self.clock.now()) {
            return Err(SignInError::SpentLink);
        }
        tx.set_scope(Scope::Tenant(found.tenant)).await?;
        Ok((tx, found))
    }

    /// Records that somebody signed in and opens a session with a fresh token, in a transaction of
    /// their organization.
    ///
    /// # Errors
    /// When they are no member, or the database refuses.
    pub async fn welcome(&self, tx: &Tx, arrival: Arrival) -> Result<Welcome, SignInError> {
        let Arrival {
            tenant,
            user,
            via,
            request,
        } = arrival;
        let person = user::projection::one(tx, user)
            .await?
            .ok_or(user::Refusal::Unknown)?;
        let stream = StreamId::of::<UserEvent, _>(user);
        let (member, version) = records::load::<User>(tx, &stream).await?;
        let context = Context {
            tenant,
            actor: user.to_string(),
            correlation_id: request.to_string(),
            at: self.clock.now(),
        };
        records::record(tx, &stream, version, &[member.sign_in(via)?], &context).await?;
        let record = SessionRecord {
            tenant,
            user,
            role: person.role,
            name: person.name,
        };
        let session = self.sessions.open(tx, &record).await?;
        metrics::counter!("latchkey_sign_ins_total", "via" => via.as_str()).increment(1);
        Ok(Welcome { session })
    }

    /// Ends the session that somebody came with: at signing out, and when they sign in anew.
    ///
    /// # Errors
    /// When the database is not reached.
    pub async fn end(&self, person: &SignedIn) -> Result<(), SignInError> {
        let Some(session) = person.session() else {
            return Ok(());
        };
        let tx = self
            .postgres
            .begin("end session", Scope::Tenant(person.tenant))
            .await?;
        self.sessions.end(&tx, session).await?;
        tx.commit().await?;
        Ok(())
    }
}
