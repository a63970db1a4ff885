//! What every room of this service works with.

use std::sync::Arc;

use clock::Clock;
use event_bus::Relay;
use event_store::Context;
use ids::{Id, Kind, RequestId, TenantId, UserId};
use key_vault::Sealer;
use postgres::{DatabaseError, Postgres, Scope, Tx};
use spend_limits::SpendLimits;
use tokio::sync::broadcast;

use crate::{
    client_metadata::Published,
    policy::Policy,
    waiters::{Waiter, Waiters},
};

/// The service's own parts. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    parts: Arc<Parts>,
    waiters: Waiters,
}

/// Its parts.
pub struct Parts {
    /// The database, under this service's role.
    pub postgres: Postgres,
    /// The time.
    pub clock: Clock,
    /// What is allowed when nobody said otherwise.
    pub policy: Policy,
    /// Seals provider keys; cannot open them.
    pub sealer: Sealer,
    /// Revocation marks, and what is left of limits.
    pub spend_limits: SpendLimits,
    /// What clients publish about themselves.
    pub published: Published,
    /// Whether apps may register without a token of an organization.
    pub open_registration: bool,
    /// Where this vault is reached, without a slash at the end.
    pub public_url: String,
    /// Tells the relay that there is something to publish.
    pub relay: Relay,
    /// Tells open inboxes of changes.
    pub changes: broadcast::Sender<Change>,
}

/// Something that somebody in this process may be waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A person's inbox.
    Inbox(UserId),
    /// A request was decided.
    Decided(RequestId),
}

/// Who acts, and upon which HTTP request.
#[derive(Debug, Clone)]
pub struct Actor {
    /// The organization.
    pub tenant: TenantId,
    /// The person, or the person whose vault an app asked.
    pub user: UserId,
    /// How the record names who did it: a person's id, or `app`.
    pub name: String,
    /// The request id.
    pub correlation_id: String,
}

impl Vault {
    /// Puts the parts together.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self {
            parts: Arc::new(parts),
            waiters: Waiters::default(),
        }
    }

    /// Begins a transaction of one organization.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn begin(&self, name: &'static str, tenant: TenantId) -> Result<Tx, DatabaseError> {
        self.postgres.begin(name, Scope::Tenant(tenant)).await
    }

    /// What the store records of an action of `actor`, now.
    #[must_use]
    pub fn context(&self, actor: &Actor) -> Context {
        Context {
            tenant: actor.tenant,
            actor: actor.name.clone(),
            correlation_id: actor.correlation_id.clone(),
            at: self.clock.now(),
        }
    }

    /// Takes a place among those who wait for the decision about a request.
    #[must_use]
    pub fn wait_for(&self, request: RequestId) -> Waiter {
        self.waiters.join(self, request)
    }

    /// Tells waiters and the relay, after a commit. That nobody waits is no fault.
    pub fn changed(&self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Decided(request) => self.waiters.wake(*request),
                Change::Inbox(_) => drop(self.changes.send(*change)),
            }
        }
        self.relay.wake();
    }
}

const ONE_AT_A_TIME: &str = "
    -- consent.one_at_a_time
    SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";

/// Lets one transaction of a person, or of an organization, at a time count what they have and add to
/// it, until it ends: many at once would all see the same count.
///
/// # Errors
/// When the database refuses.
pub async fn one_at_a_time<K: Kind>(tx: &Tx, whose: Id<K>) -> Result<(), DatabaseError> {
    tx.execute(ONE_AT_A_TIME, &[&whose.to_string()])
        .await
        .map(drop)
}

/// The same for what a whole organization has.
///
/// # Errors
/// When the database refuses.
pub async fn one_at_a_time_in(tx: &Tx, tenant: TenantId) -> Result<(), DatabaseError> {
    tx.execute(ONE_AT_A_TIME, &[&tenant.to_string()])
        .await
        .map(drop)
}

impl std::ops::Deref for Vault {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

impl Actor {
    /// A signed-in person.
    #[must_use]
    pub fn person(person: &sessions::SignedIn, request_id: &server::RequestId) -> Self {
        Self {
            tenant: person.tenant,
            user: person.user,
            name: person.user.to_string(),
            correlation_id: request_id.to_string(),
        }
    }

    /// An app at one of the doors of a person's vault.
    #[must_use]
    pub fn app(tenant: TenantId, user: UserId, request_id: &server::RequestId) -> Self {
        Self {
            tenant,
            user,
            name: "app".to_owned(),
            correlation_id: request_id.to_string(),
        }
    }
}
