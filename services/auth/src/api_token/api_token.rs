//! Issuing and revoking API tokens of one's own.

use std::str::FromStr;

use clock::Clock;
use event_store::{Context, StreamId};
use events::UserEvent;
use ids::{ApiTokenId, TenantId, UserId};
use postgres::{DatabaseError, Postgres, Scope, Tx};
use server::RequestId;
use sessions::{
    ApiTokenRecord, ApiTokenSummary, IssuedApiToken, Role, SessionError, Sessions, SignedIn,
};

use crate::{
    records::{self, RecordError, Retriable, decide},
    text,
    user::{self, TokenLifetime, User},
};

/// What a person calls a token: 1 to 60 visible characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label(String);

/// The text cannot be a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a label has 1 to 60 characters, and none that are invisible")]
pub struct LabelError;

impl FromStr for Label {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        text::plain_line(text, 60).map(Self).ok_or(LabelError)
    }
}

/// A token to issue.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// What the person calls it.
    pub label: Label,
    /// What it may do.
    pub role: Role,
    /// How long it works.
    pub lifetime: TokenLifetime,
}

/// Why no token was issued or revoked.
#[derive(Debug, thiserror::Error)]
pub enum ApiTokenError {
    /// The rules say no.
    #[error(transparent)]
    Refused(#[from] user::Refusal),
    /// The token could not be written.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The decision could not be recorded.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The database was not reached or refused.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl Retriable for ApiTokenError {
    fn is_conflict(&self) -> bool {
        matches!(self, Self::Record(error) if error.is_conflict())
    }
}

/// The door to API tokens. Cheap to clone.
#[derive(Clone)]
pub struct ApiTokens {
    postgres: Postgres,
    sessions: Sessions,
    clock: Clock,
}

impl ApiTokens {
    /// Reads and writes through this pool.
    #[must_use]
    pub const fn new(postgres: Postgres, sessions: Sessions, clock: Clock) -> Self {
        Self {
            postgres,
            sessions,
            clock,
        }
    }

    /// The present instant, from which a lifetime counts.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The newest tokens of a person, ended ones included.
    ///
    /// # Errors
    /// When the database is not reached.
    pub async fn of(&self, person: &SignedIn) -> Result<Vec<ApiTokenSummary>, ApiTokenError> {
        let tx = self
            .postgres
            .begin("list api tokens", Scope::Tenant(person.tenant))
            .await?;
        let tokens = self.sessions.api_tokens_of(&tx, person.user).await?;
        tx.commit().await?;
        Ok(tokens)
    }

    /// Issues a token. What it is, is known only now.
    ///
    /// # Errors
    /// When the rules say no, or the database is not reached.
    pub async fn issue(
        &self,
        person: &SignedIn,
        new: &NewToken,
        request: RequestId,
    ) -> Result<(ApiTokenSummary, IssuedApiToken), ApiTokenError> {
        decide(async || {
            let tx = self
                .postgres
                .begin("issue api token", Scope::Tenant(person.tenant))
                .await?;
            let context = self.context(person, request);
            let owner = (person.tenant, person.user, person.role);
            let issued = issue(&tx, &self.sessions, owner, new, &context).await?;
            tx.commit().await?;
            let summary = ApiTokenSummary {
                id: issued.id,
                role: new.role,
                label: new.label.0.clone(),
                created_at: context.at,
                expires_at: new.lifetime.expires_at(),
                revoked_at: None,
            };
            Ok((summary, issued))
        })
        .await
    }

    /// Ends a token of one's own.
    ///
    /// # Errors
    /// When there is no such token, or the database is not reached.
    pub async fn revoke(
        &self,
        person: &SignedIn,
        token: ApiTokenId,
        request: RequestId,
    ) -> Result<(), ApiTokenError> {
        decide(async || {
            let tx = self
                .postgres
                .begin("revoke api token", Scope::Tenant(person.tenant))
                .await?;
            let stream = StreamId::of::<UserEvent, _>(person.user);
            let (user, version) = records::load::<User>(&tx, &stream).await?;
            let event = user.revoke_token(token)?;
            let context = self.context(person, request);
            records::record(&tx, &stream, version, &[event], &context).await?;
            self.sessions
                .revoke_api_token(&tx, person.user, token)
                .await?;
            tx.commit().await?;
            Ok(())
        })
        .await
    }

    fn context(&self, person: &SignedIn, request: RequestId) -> Context {
        Context {
            tenant: person.tenant,
            actor: person.user.to_string(),
            correlation_id: request.to_string(),
            at: self.clock.now(),
        }
    }
}

/// Issues a token in a transaction of its person's organization.
///
/// # Errors
/// When the rules say no, or the database refuses.
pub async fn issue(
    tx: &Tx,
    sessions: &Sessions,
    (tenant, user, own): (TenantId, UserId, Role),
    new: &NewToken,
    context: &Context,
) -> Result<IssuedApiToken, ApiTokenError> {
    let stream = StreamId::of::<UserEvent, _>(user);
    let (member, version) = records::load::<User>(tx, &stream).await?;
    member.may_issue_token(own, new.role, context.at)?;
    let expires_at = new.lifetime.expires_at();
    let record = ApiTokenRecord {
        tenant,
        user,
        role: new.role,
        label: new.label.0.clone(),
        expires_at,
    };
    let issued = sessions.issue_api_token(tx, &record).await?;
    let label = new.label.0.clone();
    let event = UserEvent::ApiTokenIssued {
        token: issued.id,
        label,
        expires_at,
    };
    records::record(tx, &stream, version, &[event], context).await?;
    Ok(issued)
}
