//! Receiving access requests, deciding them, and delivering what was decided.

use event_store::StreamId;
use events::{AccessRequestEvent, AppIdentity, AuthorizationDetail, GrantEvent, RequestedDetail, Transport};
use ids::{GrantId, RequestId, TenantId, TokenDigest, UserId};
use jiff::Timestamp;
use postgres::{DatabaseError, Tx};

use super::{
    AccessRequest, AccessRequestRow, Pending, Refusal, RequestState,
    delivery::{self, OauthChannel},
    projection,
};
use crate::{
    grant::{Grant, GrantError, Grants},
    policy::after,
    projections::{RecordError, load, record},
    provider_key::{self, KeyState},
    vault::{Actor, Change, Vault, one_at_a_time},
};

/// The access requests that reach people.
#[derive(Clone)]
pub struct Requests {
    pub(super) vault: Vault,
    pub(super) grants: Grants,
}

/// What comes in at one of the doors.
pub struct Arrival {
    /// By which door.
    pub transport: Transport,
    /// Who asks.
    pub app: AppIdentity,
    /// What for.
    pub details: Vec<RequestedDetail>,
    /// The digest of the poll secret given on the connection, if one was.
    pub poll: Option<TokenDigest>,
    /// The OAuth side, if it came that way.
    pub oauth: Option<OauthChannel>,
}

/// A person's yes, to exactly this.
pub struct Decision {
    /// What is granted, in the order of what was asked.
    pub details: Vec<AuthorizationDetail>,
    /// The digest of what the page showed.
    pub shown: Option<String>,
}

/// Why nothing was decided.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The rules forbid it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The decision goes beyond what was asked or may be given.
    #[error("{provider}: this would give {reason}")]
    Beyond {
        /// At which provider.
        provider: String,
        /// What it would give.
        reason: &'static str,
    },
    /// The key named to pay is not there, not this person's, of another provider, or does not work.
    #[error("{0}: no usable key of yours is named to pay")]
    NoKey(String),
    /// The person has too many undecided requests.
    #[error("too many requests wait for this person's decision")]
    Full,
    /// It was delivered before.
    #[error("the answer was collected already")]
    Delivered,
    /// The grant could not be made or handed out.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// It could not be recorded.
    #[error("the decision could not be recorded")]
    Record(#[from] RecordError),
    /// The database refused.
    #[error("the database refused")]
    Database(#[from] DatabaseError),
}

impl RequestError {
    /// Whether somebody else changed the same thing first: what is there now can be decided anew.
    #[must_use]
    pub const fn is_conflict(&self) -> bool {
        match self {
            Self::Record(error) | Self::Grant(GrantError::Record(error)) => error.is_conflict(),
            _ => false,
        }
    }
}

impl Requests {
    /// The access requests of this vault.
    #[must_use]
    pub fn new(vault: Vault) -> Self {
        Self { grants: Grants::new(vault.clone()), vault }
    }

    /// Takes a request into a person's inbox.
    ///
    /// # Errors
    /// When the inbox is full or it cannot be recorded.
    pub async fn receive(&self, actor: &Actor, arrival: Arrival) -> Result<RequestId, RequestError> {
        let tx = self.vault.begin("receive access request", actor.tenant).await?;
        self.look_for_room(&tx, actor.user).await?;
        let id = self.receive_in(&tx, actor, arrival).await?;
        tx.commit().await?;
        self.vault.changed(&[Change::Inbox(actor.user)]);
        Ok(id)
    }

    /// Refuses when a person has as many undecided requests as one may have. Whoever adds one in
    /// the same transaction is the only one to do so until it ends.
    ///
    /// # Errors
    /// When the inbox is full or the database refuses.
    pub async fn look_for_room(&self, tx: &Tx, user: UserId) -> Result<(), RequestError> {
        one_at_a_time(tx, user).await?;
        let waiting = projection::count_pending(tx, user, self.vault.clock.now()).await?;
        if waiting < self.vault.policy.pending_requests { Ok(()) } else { Err(RequestError::Full) }
    }

    /// Takes a request in within the caller's transaction, whether or not there is room.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub async fn receive_in(&self, tx: &Tx, actor: &Actor, arrival: Arrival) -> Result<RequestId, RequestError> {
        let context = self.vault.context(actor);
        let id = RequestId::new(context.at);
        let stream = StreamId::of::<AccessRequestEvent, _>(id);
        let (request, version) = load::<AccessRequest>(tx, &stream).await?;
        let event = request.receive(Pending {
            user: actor.user,
            transport: arrival.transport,
            app: arrival.app,
            details: arrival.details,
            expires_at: after(context.at, self.vault.policy.request_waits),
        })?;
        record(tx, &stream, version, &[event], &context).await?;
        delivery::open(tx, actor.tenant, id, arrival.poll, arrival.oauth.as_ref()).await?;
        Ok(id)
    }

    /// A person says yes, perhaps to less than was asked. The grant exists when this returns; its
    /// token is minted at delivery.
    ///
    /// # Errors
    /// When there is nothing to decide, it goes beyond what may be given, or cannot be recorded.
    pub async fn approve(&self, actor: &Actor, id: RequestId, decision: Decision) -> Result<GrantId, RequestError> {
        let tx = self.vault.begin("approve access request", actor.tenant).await?;
        let grant = self.approve_in(&tx, actor, id, decision).await?;
        tx.commit().await?;
        self.vault.changed(&[Change::Decided(id), Change::Inbox(actor.user)]);
        Ok(grant)
    }

    /// The same within the caller's transaction.
    ///
    /// # Errors
    /// When there is nothing to decide, it goes beyond what may be given, or cannot be recorded.
    pub async fn approve_in(
        &self,
        tx: &Tx,
        actor: &Actor,
        id: RequestId,
        decision: Decision,
    ) -> Result<GrantId, RequestError> {
        let stream = StreamId::of::<AccessRequestEvent, _>(id);
        let (request, _) = load::<AccessRequest>(tx, &stream).await?;
        let pending = owned(&request, actor.user, self.vault.clock.now())?;
        self.check(tx, actor.user, pending, &decision.details).await?;
        self.approve_within_ticket(tx, actor, id, decision).await
    }

    /// Approves what a person's own ticket covers: its ceiling was checked in place of the
    /// policy's, because the person set it for this very app.
    ///
    /// # Errors
    /// When there is nothing to decide or it cannot be recorded.
    pub async fn approve_within_ticket(
        &self,
        tx: &Tx,
        actor: &Actor,
        id: RequestId,
        decision: Decision,
    ) -> Result<GrantId, RequestError> {
        let context = self.vault.context(actor);
        let stream = StreamId::of::<AccessRequestEvent, _>(id);
        let (request, version) = load::<AccessRequest>(tx, &stream).await?;
        let pending = owned(&request, actor.user, context.at)?;

        let grant_id = GrantId::new(context.at);
        let granted = Grant::default()
            .grant(actor.user, pending.app.clone(), id, decision.details)
            .map_err(GrantError::from)?;
        let approved = request.approve(grant_id, decision.shown, context.at)?;
        record(tx, &stream, version, &[approved], &context).await.map_err(decided_first)?;
        let grant_stream = StreamId::of::<GrantEvent, _>(grant_id);
        let (_, none) = load::<Grant>(tx, &grant_stream).await?;
        record(tx, &grant_stream, none, &[granted], &context).await?;
        Ok(grant_id)
    }

    async fn check(
        &self,
        tx: &Tx,
        user: UserId,
        pending: &Pending,
        granted: &[AuthorizationDetail],
    ) -> Result<(), RequestError> {
        let now = self.vault.clock.now();
        if granted.len() != pending.details.len() {
            let reason = "other providers than asked for";
            return Err(RequestError::Beyond { provider: "the request".to_owned(), reason });
        }
        for (asked, granted) in pending.details.iter().zip(granted) {
            let provider = asked.provider.to_string();
            let ceiling = self.vault.policy.ceiling(asked, pending.app.verification, now);
            if let Some(reason) = ceiling.refusal(asked, granted) {
                return Err(RequestError::Beyond { provider, reason });
            }
            if granted.expires <= now {
                return Err(RequestError::Beyond { provider, reason: "nothing: the time it was asked for is over" });
            }
            let key = provider_key::projection::one(tx, granted.key_id).await?;
            let pays = key.is_some_and(|key| {
                key.owner == user && key.provider == asked.provider && key.state == KeyState::Usable
            });
            if !pays {
                return Err(RequestError::NoKey(provider));
            }
        }
        Ok(())
    }

    /// A person says no.
    ///
    /// # Errors
    /// When there is nothing to decide or it cannot be recorded.
    pub async fn deny(&self, actor: &Actor, id: RequestId, reason: Option<String>) -> Result<(), RequestError> {
        let tx = self.vault.begin("deny access request", actor.tenant).await?;
        let context = self.vault.context(actor);
        let stream = StreamId::of::<AccessRequestEvent, _>(id);
        let (request, version) = load::<AccessRequest>(&tx, &stream).await?;
        owned(&request, actor.user, context.at)?;
        let event = request.deny(reason, context.at)?;
        record(&tx, &stream, version, &[event], &context).await.map_err(decided_first)?;
        tx.commit().await?;
        self.vault.changed(&[Change::Decided(id), Change::Inbox(actor.user)]);
        Ok(())
    }

    /// Ends a request that nobody decided: its time is over, or the asker went away. One that is
    /// decided stays as it is.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub async fn close(&self, actor: &Actor, id: RequestId, abandoned: bool) -> Result<(), RequestError> {
        let tx = self.vault.begin("close access request", actor.tenant).await?;
        let context = self.vault.context(actor);
        let stream = StreamId::of::<AccessRequestEvent, _>(id);
        let (request, version) = load::<AccessRequest>(&tx, &stream).await?;
        let event = if abandoned { request.abandon() } else { request.expire(context.at) };
        let Some(event) = event else { return Ok(()) };
        match record(&tx, &stream, version, &[event], &context).await {
            Ok(()) => tx.commit().await?,
            Err(error) if error.is_conflict() => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        self.vault.changed(&[Change::Decided(id), Change::Inbox(actor.user)]);
        Ok(())
    }

    /// Where a request stands; another person's is as unknown as none.
    ///
    /// # Errors
    /// When there is none or the database refuses.
    pub async fn one(&self, tenant: TenantId, user: UserId, id: RequestId) -> Result<AccessRequestRow, RequestError> {
        let tx = self.vault.begin("read access request", tenant).await?;
        let row = projection::one(&tx, id).await?;
        tx.commit().await?;
        let row = row.filter(|row| row.user == user).ok_or(Refusal::Unknown)?;
        Ok(self.as_of_now(row))
    }

    /// What waits for a person, and what was decided of late.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn inbox(
        &self,
        tenant: TenantId,
        user: UserId,
    ) -> Result<(Vec<AccessRequestRow>, Vec<AccessRequestRow>), RequestError> {
        let now = self.vault.clock.now();
        let tx = self.vault.begin("read inbox", tenant).await?;
        let pending = projection::pending(&tx, user, now).await?;
        let recent = projection::recent(&tx, user, now).await?;
        tx.commit().await?;
        Ok((pending, recent.into_iter().map(|row| self.as_of_now(row)).collect()))
    }

    /// A pending request whose time is over shows as expired before anybody writes that down.
    fn as_of_now(&self, mut row: AccessRequestRow) -> AccessRequestRow {
        if row.state == RequestState::Pending && row.expires_at <= self.vault.clock.now() {
            row.state = RequestState::Expired;
        }
        row
    }
}

/// What `user` may decide; another person's request is as unknown as none.
fn owned(request: &AccessRequest, user: UserId, now: Timestamp) -> Result<&Pending, Refusal> {
    if request.owner() == Some(user) { request.pending(now) } else { Err(Refusal::Unknown) }
}

/// A pending request grows by its one decision only: who comes second finds it decided.
fn decided_first(error: RecordError) -> RequestError {
    if error.is_conflict() { Refusal::Decided.into() } else { error.into() }
}
