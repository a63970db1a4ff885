//! Receiving access requests, deciding them, and delivering what was decided.

use event_store::StreamId;
use events::{AccessRequestEvent, AppIdentity, AuthorizationDetail, RequestedDetail, Transport};
use ids::{ApprovalRuleId, GrantId, HandleId, RequestId, TenantId, TokenDigest, UserId};
use postgres::{DatabaseError, Tx};

use super::{
    AccessRequest, AccessRequestRow, Pending, Refusal, RequestState,
    delivery::{self, OauthChannel},
    details::InvalidDetails,
    projection,
};
use crate::{
    approval_rule,
    custom_provider::expect_known,
    grant::{self, GrantError, GrantState, Grants, step_up::Wanted},
    policy::after,
    projections::{RecordError, load, record},
    vault::{Actor, Change, Vault},
    way_back::{self, Channel},
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
    /// The grant that it asks to widen, if it does: one of the person asked, of the app that asks.
    pub extends: Option<GrantId>,
    /// The digest of the poll secret given on the connection, if one was.
    pub poll: Option<TokenDigest>,
    /// The OAuth side, if it came that way.
    pub oauth: Option<OauthChannel>,
    /// How else its answer goes back through the person's browser, if it does.
    pub back: Option<Channel>,
    /// The handle it asks at, if it is one.
    pub handle: Option<HandleId>,
    /// Whether a rule may decide: its person's own signed-in browser brought it.
    pub by_session: bool,
}

/// A person's yes, to exactly this.
pub struct Decision {
    /// What is granted, in the order of what was asked.
    pub details: Vec<AuthorizationDetail>,
    /// What the grant had that it widens, as the person saw it; empty for a fresh grant.
    pub upon: Vec<AuthorizationDetail>,
    /// The digest of what the page showed.
    pub shown: Option<String>,
    /// The rule that decides in the person's place, if one does.
    pub rule: Option<ApprovalRuleId>,
}

/// Where a person decides: in the browser that waits to go back to the app, or beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecidedAt {
    /// On the consent page.
    Browser,
    /// Through the management API, while a browser may be waiting on the consent page.
    Api,
}

/// What came of an approval.
#[derive(Debug)]
pub struct Approved {
    /// The grant.
    pub grant: GrantId,
    /// Where the browser goes back to the app with a code, if the request came through OAuth.
    pub back: Option<String>,
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
    /// The grant is not what the person saw any more.
    #[error("the grant changed meanwhile; look again")]
    Moved,
    /// Only a person widens a grant.
    #[error("only a person gives a grant more")]
    NeedsPerson,
    /// It asks for a provider that nobody knows, or that another organization added.
    #[error(transparent)]
    UnknownProvider(#[from] InvalidDetails),
    /// The organization does not let its people approve an app like this one.
    #[error("your organization does not let its people approve this app")]
    NotAllowed,
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
        Self {
            grants: Grants::new(vault.clone()),
            vault,
        }
    }

    /// Takes a request into a person's inbox.
    ///
    /// # Errors
    /// When the inbox is full or it cannot be recorded.
    pub async fn receive(
        &self,
        actor: &Actor,
        arrival: Arrival,
    ) -> Result<RequestId, RequestError> {
        let tx = self
            .vault
            .begin("receive access request", actor.tenant)
            .await?;
        self.look_for_room(&tx, actor.user, arrival.transport)
            .await?;
        if let Some(handle) = arrival.handle {
            self.look_for_room_at(&tx, handle).await?;
        }
        let id = self.receive_in(&tx, actor, arrival).await?;
        tx.commit().await?;
        self.vault.changed(&[Change::Inbox(actor.user)]);
        Ok(id)
    }

    /// Takes a request in within the caller's transaction, whether or not there is room. What needs
    /// no asking is decided at once: an app that is not welcome is denied, and what lies within a
    /// rule of the person's is granted.
    ///
    /// # Errors
    /// When it asks for a provider that is not known here, or cannot be recorded.
    pub async fn receive_in(
        &self,
        tx: &Tx,
        actor: &Actor,
        arrival: Arrival,
    ) -> Result<RequestId, RequestError> {
        expect_known(tx, &arrival.details).await?;
        let context = self.vault.context(actor);
        let id = RequestId::new(context.at);
        let stream = StreamId::of::<AccessRequestEvent, _>(id);
        let (request, version) = load::<AccessRequest>(tx, &stream).await?;
        let (app, details) = (arrival.app.clone(), arrival.details.clone());
        let received = request.receive(Pending {
            user: actor.user,
            transport: arrival.transport,
            app: arrival.app,
            details: arrival.details,
            extends: arrival.extends,
            expires_at: after(context.at, self.vault.policy.request_waits),
            handle: arrival.handle,
        })?;
        record(tx, &stream, version, &[received], &context).await?;
        delivery::open(tx, actor.tenant, id, arrival.poll, arrival.oauth.as_ref()).await?;
        if let Some(back) = &arrival.back {
            way_back::keep(tx, id, back).await?;
        }
        if self
            .is_unwelcome(tx, actor.user, &app, arrival.handle)
            .await?
        {
            let (request, version) = load::<AccessRequest>(tx, &stream).await?;
            let denied = request.turn_away(context.at)?;
            record(tx, &stream, version, &[denied], &context).await?;
        } else if arrival.by_session
            && arrival.extends.is_none()
            && let Some(decision) =
                approval_rule::decision(&self.vault, tx, actor.user, &app, &details).await?
        {
            self.approve_within_ceiling(tx, actor, id, decision).await?;
        }
        Ok(id)
    }

    /// Ends a request that nobody decided: its time is over, or the asker went away. One that is
    /// decided stays as it is.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub async fn close(
        &self,
        actor: &Actor,
        id: RequestId,
        abandoned: bool,
    ) -> Result<(), RequestError> {
        let tx = self
            .vault
            .begin("close access request", actor.tenant)
            .await?;
        let context = self.vault.context(actor);
        let stream = StreamId::of::<AccessRequestEvent, _>(id);
        let (request, version) = load::<AccessRequest>(&tx, &stream).await?;
        let event = if abandoned {
            request.abandon()
        } else {
            request.expire(context.at)
        };
        let Some(event) = event else { return Ok(()) };
        match record(&tx, &stream, version, &[event], &context).await {
            Ok(()) => tx.commit().await?,
            Err(error) if error.is_conflict() => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        self.vault
            .changed(&[Change::Decided(id), Change::Inbox(actor.user)]);
        Ok(())
    }

    /// Where a request stands; another person's is as unknown as none.
    ///
    /// # Errors
    /// When there is none or the database refuses.
    pub async fn one(
        &self,
        tenant: TenantId,
        user: UserId,
        id: RequestId,
    ) -> Result<AccessRequestRow, RequestError> {
        let tx = self.vault.begin("read access request", tenant).await?;
        let row = projection::one(&tx, id).await?;
        tx.commit().await?;
        let row = row.filter(|row| row.user == user).ok_or(Refusal::Unknown)?;
        Ok(self.as_of_now(row))
    }

    /// What a request is about: what was asked or, where it extends a grant, what that would be.
    /// `None` when the grant that it extends has ended: then there is nothing to give more of.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn wanted(
        &self,
        tenant: TenantId,
        row: &AccessRequestRow,
    ) -> Result<Option<Wanted>, RequestError> {
        let Some(grant) = row.extends else {
            return Ok(Some(Wanted::fresh(&row.details)));
        };
        let grant = self.grants.one(tenant, row.user, grant).await?;
        let live = grant.state == GrantState::Live;
        Ok(live.then(|| Wanted::more(&grant.details, &row.details)))
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
        Ok((
            pending,
            recent.into_iter().map(|row| self.as_of_now(row)).collect(),
        ))
    }

    /// Which of these requests a rule granted that can still be taken back: their grants are live.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn undoable(
        &self,
        tenant: TenantId,
        rows: &[AccessRequestRow],
    ) -> Result<Vec<GrantId>, DatabaseError> {
        let granted: Vec<GrantId> = rows
            .iter()
            .filter(|row| row.rule.is_some())
            .filter_map(|row| match row.state {
                RequestState::Approved(grant) => Some(grant),
                _ => None,
            })
            .collect();
        if granted.is_empty() {
            return Ok(granted);
        }
        let tx = self.vault.begin("find live grants", tenant).await?;
        let live = grant::projection::live_among(&tx, &granted, self.vault.clock.now()).await?;
        tx.commit().await?;
        Ok(live)
    }

    /// A pending request whose time is over shows as expired before anybody writes that down.
    fn as_of_now(&self, mut row: AccessRequestRow) -> AccessRequestRow {
        if row.state == RequestState::Pending && row.expires_at <= self.vault.clock.now() {
            row.state = RequestState::Expired;
        }
        row
    }
}
