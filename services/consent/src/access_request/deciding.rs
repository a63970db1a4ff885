//! A person's one decision about a request, checked against what was asked and what may be given.

use std::time::Duration;

use event_store::StreamId;
use events::{
    AccessRequestEvent, AuthorizationDetail, GrantEvent, Provider, RequestedDetail, Transport,
};
use ids::{GrantId, ProviderKeyId, RequestId, UserId};
use jiff::Timestamp;
use postgres::{DatabaseError, Tx};

use super::{
    AccessRequest, AccessRequestRow, Approved, DecidedAt, Decision, Pending, Refusal, RequestError,
    RequestState, Requests,
    delivery::{self, OauthChannel},
};
use crate::{
    grant::{Grant, GrantError, step_up::Wanted},
    oauth, organization_policy,
    policy::after,
    projections::{RecordError, load, record},
    provider_key::{self, KeyState},
    vault::{Actor, Change},
    way_back,
};

/// How soon the window that asked comes to where its person would decide.
const AT_ONCE: Duration = Duration::from_secs(60);

impl Requests {
    /// A person says yes, perhaps to less than was asked. The grant exists when this returns, and so
    /// does the code that its app redeems, if it came through OAuth: both or neither. The token is
    /// minted at delivery.
    ///
    /// # Errors
    /// When there is nothing to decide, it goes beyond what may be given, or cannot be recorded.
    pub async fn approve(
        &self,
        actor: &Actor,
        id: RequestId,
        decision: Decision,
        decided_at: DecidedAt,
    ) -> Result<Approved, RequestError> {
        let tx = self
            .vault
            .begin("approve access request", actor.tenant)
            .await?;
        let grant = self.approve_in(&tx, actor, id, decision).await?;
        let back = match self.oauth_side(&tx, id, decided_at).await? {
            Some(channel) => Some(oauth::with_code(&self.vault, &tx, id, grant, &channel).await?),
            None => way_back::after_approval(&self.vault, &tx, id).await?,
        };
        tx.commit().await?;
        self.vault
            .changed(&[Change::Decided(id), Change::Inbox(actor.user)]);
        Ok(Approved { grant, back })
    }

    /// The OAuth side of a request. A browser that decides goes back by it at once, and no other
    /// browser later.
    async fn oauth_side(
        &self,
        tx: &Tx,
        id: RequestId,
        decided_at: DecidedAt,
    ) -> Result<Option<OauthChannel>, RequestError> {
        Ok(match decided_at {
            DecidedAt::Browser => delivery::lead_back(tx, id, self.vault.clock.now()).await?,
            DecidedAt::Api => delivery::oauth(tx, id).await?,
        })
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
        let wanted = match pending.extends {
            Some(grant) => {
                self.wanted_in(tx, actor.user, grant, &pending.details)
                    .await?
            }
            None => Wanted::fresh(&pending.details),
        };
        if decision.upon != wanted.had {
            return Err(RequestError::Moved);
        }
        self.check(tx, actor.user, (pending, &wanted), &decision.details)
            .await?;
        match pending.extends {
            Some(grant) => {
                self.widen(tx, actor, (id, grant), wanted, decision).await?;
                Ok(grant)
            }
            None => self.approve_within_ceiling(tx, actor, id, decision).await,
        }
    }

    /// What a grant would be that its app asks to widen.
    ///
    /// # Errors
    /// When it is not in force, not this person's, or cannot be read.
    async fn wanted_in(
        &self,
        tx: &Tx,
        user: UserId,
        grant: GrantId,
        asked: &[RequestedDetail],
    ) -> Result<Wanted, RequestError> {
        let stream = StreamId::of::<GrantEvent, _>(grant);
        let (grant, _) = load::<Grant>(tx, &stream).await?;
        let had = grant.granted(self.vault.clock.now());
        let had = had.map_err(GrantError::from)?;
        if grant.owner() != Some(user) {
            return Err(Refusal::Unknown.into());
        }
        Ok(Wanted::more(had, asked))
    }

    /// The request is approved and its grant has more: both or neither.
    async fn widen(
        &self,
        tx: &Tx,
        actor: &Actor,
        (id, grant): (RequestId, GrantId),
        wanted: Wanted,
        decision: Decision,
    ) -> Result<(), RequestError> {
        let context = self.vault.context(actor);
        let stream = StreamId::of::<AccessRequestEvent, _>(id);
        let (request, version) = load::<AccessRequest>(tx, &stream).await?;
        let approved = request.approve(grant, decision.shown, decision.rule, context.at)?;
        record(tx, &stream, version, &[approved], &context)
            .await
            .map_err(decided_first)?;
        let whole = wanted.after(decision.details);
        self.grants
            .widen(tx, actor, grant, (Some(id), whole))
            .await?;
        Ok(())
    }

    /// Approves what a person's own ticket or rule covers: its ceiling was checked in place of the
    /// person, because they set it for this very app.
    ///
    /// # Errors
    /// When there is nothing to decide or it cannot be recorded.
    pub async fn approve_within_ceiling(
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
        if pending.extends.is_some() {
            return Err(RequestError::NeedsPerson);
        }

        let grant_id = GrantId::new(context.at);
        let granted = Grant::default()
            .grant(actor.user, pending.app.clone(), id, decision.details)
            .map_err(GrantError::from)?;
        let approved = request.approve(grant_id, decision.shown, decision.rule, context.at)?;
        record(tx, &stream, version, &[approved], &context)
            .await
            .map_err(decided_first)?;
        let grant_stream = StreamId::of::<GrantEvent, _>(grant_id);
        let (_, none) = load::<Grant>(tx, &grant_stream).await?;
        record(tx, &grant_stream, none, &[granted], &context).await?;
        Ok(grant_id)
    }

    async fn check(
        &self,
        tx: &Tx,
        user: UserId,
        (pending, wanted): (&Pending, &Wanted),
        granted: &[AuthorizationDetail],
    ) -> Result<(), RequestError> {
        let now = self.vault.clock.now();
        let rules = organization_policy::rules(tx).await?;
        if !organization_policy::allows(&rules, pending.app.registration.as_ref()) {
            return Err(RequestError::NotAllowed);
        }
        let policy = self.vault.policy.under(&rules);
        if granted.len() != wanted.details.len() {
            let reason = "other providers than asked for";
            return Err(RequestError::Beyond {
                provider: "the request".to_owned(),
                reason,
            });
        }
        for (asked, granted) in wanted.details.iter().zip(granted) {
            let provider = asked.provider.to_string();
            let ceiling = wanted.ceiling(&policy, asked, pending.app.verification, now);
            if let Some(reason) = ceiling.refusal(asked, granted) {
                return Err(RequestError::Beyond { provider, reason });
            }
            if granted.expires <= now {
                return Err(RequestError::Beyond {
                    provider,
                    reason: "nothing: the time it was asked for is over",
                });
            }
            if !pays(tx, user, &asked.provider, granted.key_id).await? {
                return Err(RequestError::NoKey(provider));
            }
        }
        Ok(())
    }

    /// A person says no. Gives where the browser goes back to the app, if the request came through
    /// OAuth.
    ///
    /// # Errors
    /// When there is nothing to decide or it cannot be recorded.
    pub async fn deny(
        &self,
        actor: &Actor,
        id: RequestId,
        reason: Option<String>,
        decided_at: DecidedAt,
    ) -> Result<Option<String>, RequestError> {
        let tx = self
            .vault
            .begin("deny access request", actor.tenant)
            .await?;
        let context = self.vault.context(actor);
        let stream = StreamId::of::<AccessRequestEvent, _>(id);
        let (request, version) = load::<AccessRequest>(&tx, &stream).await?;
        owned(&request, actor.user, context.at)?;
        let event = request.deny(reason, context.at)?;
        record(&tx, &stream, version, &[event], &context)
            .await
            .map_err(decided_first)?;
        let back = match self.oauth_side(&tx, id, decided_at).await? {
            Some(channel) => Some(oauth::with_denial(&self.vault, &channel)),
            None => way_back::after_denial(&self.vault, &tx, id).await?,
        };
        tx.commit().await?;
        self.vault
            .changed(&[Change::Decided(id), Change::Inbox(actor.user)]);
        Ok(back)
    }

    /// Where the browser that asked goes back to the app, once, when its request was decided
    /// somewhere else: by a program, in another window, or without asking. `None` when it came by no
    /// browser, is undecided, was led back before, or nobody can be waiting for it any more.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn lead_back(
        &self,
        actor: &Actor,
        row: &AccessRequestRow,
    ) -> Result<Option<String>, RequestError> {
        let (now, waits) = (self.vault.clock.now(), self.vault.policy.request_waits);
        let denied = matches!(row.state, RequestState::Denied(_));
        let grant = match row.state {
            RequestState::Approved(grant) => Some(grant),
            _ => None,
        };
        let unasked = row.unasked || row.rule.is_some();
        let leads_back = match row.transport {
            Transport::Oauth => true,
            // The window that asked comes here at once; whoever comes later looks at what was decided.
            Transport::OkapBrowser => unasked && now < after(row.received_at, AT_ONCE),
            Transport::Okap | Transport::OkapFlat => false,
        };
        if !leads_back || !(denied || grant.is_some()) || now >= after(row.expires_at, waits) {
            return Ok(None);
        }
        let tx = self.vault.begin("lead back", actor.tenant).await?;
        let channel = delivery::lead_back(&tx, row.id, now).await?;
        let back = match (grant, channel) {
            (Some(grant), Some(channel)) => {
                Some(oauth::with_code(&self.vault, &tx, row.id, grant, &channel).await?)
            }
            (None, Some(channel)) => Some(oauth::with_denial(&self.vault, &channel)),
            (Some(_), None) => way_back::after_approval(&self.vault, &tx, row.id).await?,
            (None, None) => way_back::after_denial(&self.vault, &tx, row.id).await?,
        };
        tx.commit().await?;
        Ok(back)
    }
}

/// Whether this key is the person's and works for the provider. The sandbox takes none.
async fn pays(
    tx: &Tx,
    user: UserId,
    provider: &Provider,
    key: ProviderKeyId,
) -> Result<bool, DatabaseError> {
    if provider.is_sandbox() {
        return Ok(key == ProviderKeyId::NONE);
    }
    let key = provider_key::projection::one(tx, key).await?;
    Ok(key.is_some_and(|key| {
        key.owner == user && key.provider == *provider && key.state == KeyState::Usable
    }))
}

/// What `user` may decide; another person's request is as unknown as none.
fn owned(request: &AccessRequest, user: UserId, now: Timestamp) -> Result<&Pending, Refusal> {
    if request.owner() == Some(user) {
        request.pending(now)
    } else {
        Err(Refusal::Unknown)
    }
}

/// A pending request grows by its one decision only: who comes second finds it decided.
fn decided_first(error: RecordError) -> RequestError {
    if error.is_conflict() {
        Refusal::Decided.into()
    } else {
        error.into()
    }
}
