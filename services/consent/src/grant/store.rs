//! Reading and changing grants.

use event_store::StreamId;
use events::{AuthorizationDetail, GrantEvent};
use ids::{GrantId, NoRandomness, RequestId, TenantId, UserId};
use jiff::Timestamp;
use postgres::{DatabaseError, Tx};
use spend_limits::StoreError;

use super::{
    Grant, GrantRow, Refusal,
    family::{allowed, check_change},
    lines,
    narrowing::left_of,
    projection,
};
use crate::{
    access_request::details::InvalidDetails,
    organization_policy,
    projections::{RecordError, load, record},
    vault::{Actor, Vault},
};

/// The grants of people.
#[derive(Clone)]
pub struct Grants(Vault);

/// Why nothing was done with a grant.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// The rules forbid it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It could not be recorded.
    #[error("the grant could not be recorded")]
    Record(#[from] RecordError),
    /// The database refused.
    #[error("the database refused")]
    Database(#[from] DatabaseError),
    /// The revocation is recorded, but the proxies could not be told at once.
    #[error("the revocation is recorded, but not every proxy could be told at once; revoke again")]
    Mark(#[from] StoreError),
    /// The app asks for a token that may do more than the grant.
    #[error(transparent)]
    Narrowing(#[from] InvalidDetails),
    /// The app asks for a token for a provider that is not in the grant.
    #[error("nothing was granted at this provider")]
    OtherResource,
    /// No token could be made.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

impl GrantError {
    /// Whether somebody else changed the same grant first: it can be tried anew.
    #[must_use]
    pub const fn is_conflict(&self) -> bool {
        matches!(self, Self::Record(error) if error.is_conflict())
    }
}

impl Grants {
    /// The grants of this vault.
    #[must_use]
    pub const fn new(vault: Vault) -> Self {
        Self(vault)
    }

    pub(super) const fn vault(&self) -> &Vault {
        &self.0
    }

    /// A person's grants, newest first, those before `before`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn of(
        &self,
        tenant: TenantId,
        user: UserId,
        before: Option<GrantId>,
        limit: i64,
    ) -> Result<Vec<GrantRow>, DatabaseError> {
        let tx = self.0.begin("list grants", tenant).await?;
        let rows = projection::of_user(&tx, user, before, limit, self.0.clock.now()).await?;
        tx.commit().await?;
        Ok(rows)
    }

    /// The grants that a person gave, newest first, then the live ones that were made from these.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn families_of(
        &self,
        tenant: TenantId,
        user: UserId,
        limit: i64,
    ) -> Result<Vec<GrantRow>, DatabaseError> {
        let tx = self.0.begin("list grants", tenant).await?;
        let rows = projection::families_of_user(&tx, user, limit, self.0.clock.now()).await?;
        tx.commit().await?;
        Ok(rows)
    }

    /// One grant of a person; another person's is as unknown as none.
    ///
    /// # Errors
    /// When there is none or the database refuses.
    pub async fn one(
        &self,
        tenant: TenantId,
        user: UserId,
        id: GrantId,
    ) -> Result<GrantRow, GrantError> {
        let tx = self.0.begin("read grant", tenant).await?;
        let row = projection::one(&tx, id, self.0.clock.now()).await?;
        tx.commit().await?;
        row.filter(|row| row.user == user)
            .ok_or(GrantError::Refused(Refusal::Unknown))
    }

    /// Whose grant it is, in an organization.
    ///
    /// # Errors
    /// When there is none or the database refuses.
    pub async fn owner(&self, tenant: TenantId, id: GrantId) -> Result<UserId, GrantError> {
        let tx = self.0.begin("read owner of grant", tenant).await?;
        let row = projection::one(&tx, id, self.0.clock.now()).await?;
        tx.commit().await?;
        row.map(|row| row.user)
            .ok_or(GrantError::Refused(Refusal::Unknown))
    }

    /// Moves limits and expiry or narrows; the token stays and obeys within a second.
    ///
    /// # Errors
    /// When the rules forbid it or it cannot be recorded.
    pub async fn change(
        &self,
        actor: &Actor,
        id: GrantId,
        details: Vec<AuthorizationDetail>,
    ) -> Result<(), GrantError> {
        let (now, tx) = (
            self.0.clock.now(),
            self.0.begin("change grant", actor.tenant).await?,
        );
        let root = lines::hold_family(&tx, id).await?;
        let stream = StreamId::of::<GrantEvent, _>(id);
        let (grant, version) = load::<Grant>(&tx, &stream).await?;
        owned(&grant, actor.user)?;
        let policy = organization_policy::in_force(&self.0, &tx).await?;
        let event = grant.change(details.clone(), &policy, now)?;
        for line in lines::lines(&tx, &[id]).await? {
            check_change(&line, &details)?;
        }
        follow(&tx, id, &details).await?;
        record(&tx, &stream, version, &[event], &self.0.context(actor)).await?;
        reach_below(&tx, root, id, now).await?;
        tx.commit().await?;
        self.0.changed(&[]);
        Ok(())
    }

    /// Gives the app what the person was shown that it lacked, upon the grant as they saw it.
    ///
    /// # Errors
    /// When the grant changed meanwhile or ended, or it cannot be recorded.
    pub async fn allow(
        &self,
        actor: &Actor,
        id: GrantId,
        upon: &[AuthorizationDetail],
        details: Vec<AuthorizationDetail>,
    ) -> Result<(), GrantError> {
        let tx = self.0.begin("allow more", actor.tenant).await?;
        let stream = StreamId::of::<GrantEvent, _>(id);
        let (grant, _) = load::<Grant>(&tx, &stream).await?;
        if grant.granted(self.0.clock.now())? != upon {
            return Err(Refusal::Moved.into());
        }
        self.widen(&tx, actor, id, (None, details)).await?;
        tx.commit().await?;
        self.0.changed(&[]);
        Ok(())
    }

    /// Gives the app more within the caller's transaction: what it has spent stays counted, and its
    /// tokens stay. A revocation at the same moment wins: this finds it, or is undone by it.
    ///
    /// # Errors
    /// When the grant is not live, or it cannot be recorded.
    pub async fn widen(
        &self,
        tx: &Tx,
        actor: &Actor,
        id: GrantId,
        (request, details): (Option<RequestId>, Vec<AuthorizationDetail>),
    ) -> Result<(), GrantError> {
        let root = lines::hold_family(tx, id).await?;
        let stream = StreamId::of::<GrantEvent, _>(id);
        let (grant, version) = load::<Grant>(tx, &stream).await?;
        owned(&grant, actor.user)?;
        let now = self.0.clock.now();
        let event = grant.widen(request, details.clone(), now)?;
        for line in lines::lines(tx, &[id]).await? {
            check_change(&line, &details)?;
        }
        follow(tx, id, &details).await?;
        record(tx, &stream, version, &[event], &self.0.context(actor)).await?;
        reach_below(tx, root, id, now).await?;
        Ok(())
    }
}

/// Lets the tokens of a grant do what is granted now; one that was narrowed, what is left to it.
pub(super) async fn follow(
    tx: &Tx,
    id: GrantId,
    details: &[AuthorizationDetail],
) -> Result<(), DatabaseError> {
    grant_access::change(tx, id, details, projection::last_expiry(details)).await?;
    for (token, narrowed) in grant_access::narrowed(tx, id).await? {
        let left = left_of(&narrowed, details);
        let ends = projection::last_expiry(&left);
        grant_access::change_narrowed(tx, token, &left, ends).await?;
    }
    Ok(())
}

/// What a grant now allows reaches every grant that was made from it.
pub(super) async fn reach_below(
    tx: &Tx,
    root: GrantId,
    id: GrantId,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let below = lines::below(tx, root, id, now).await?;
    for (child, line) in below.iter().zip(lines::lines(tx, &below).await?) {
        let left = allowed(&line);
        let ends = projection::last_expiry(&left.details);
        grant_access::change_under(tx, *child, &left.details, ends, &left.above).await?;
    }
    Ok(())
}

/// Another person's grant is as unknown as one that does not exist.
pub(super) fn owned(grant: &Grant, actor: UserId) -> Result<(), Refusal> {
    if grant.owner() == Some(actor) {
        Ok(())
    } else {
        Err(Refusal::Unknown)
    }
}
