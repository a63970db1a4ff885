//! The reading side: the proxy's, on every call.

use std::{sync::Arc, time::Duration};

use clock::Clock;
use events::{CustomProvider, Provider};
use foldhash::fast::RandomState;
use ids::{GrantId, TenantId, TokenDigest};
use moka::{future::Cache, sync};
use postgres::{DatabaseError, Postgres, Scope};
use tokio_postgres::types::Json;

use crate::{access::GrantAccess, forgotten::Forgotten};

/// The longest a row is served without asking the database again: the net under lost messages.
pub(crate) const SERVED_FOR: Duration = Duration::from_secs(5);
/// The longest that "no such grant" is repeated without asking again.
const UNKNOWN_FOR: Duration = Duration::from_secs(1);
const MOST_GRANTS: u64 = 100_000;
const MOST_UNKNOWN: u64 = 10_000;
/// How often a row that was forgotten while it was read is read again before giving up.
pub(crate) const TRIES: usize = 4;

pub(crate) const FIND: &str = "
    -- consent.find_grant_access
    SELECT tenant_id, grant_id, user_id, app, details, expires_at, closed_at, ancestors, key_thumbprint, version,
           (SELECT jsonb_agg(added.definition)
              FROM consent.custom_providers AS added
             WHERE added.tenant_id = access.tenant_id
               AND access.details @> jsonb_build_array(jsonb_build_object('provider', added.name))) AS custom_providers,
           (SELECT policy.rules->>'response_cache' = 'allowed'
              FROM consent.organization_policies AS policy
             WHERE policy.tenant_id = access.tenant_id) AS response_cache,
           (SELECT jsonb_agg(tried.definition ORDER BY tried.shadow_id)
              FROM consent.shadow_limits AS tried
             WHERE tried.tenant_id = access.tenant_id
               AND (tried.grant_id = access.grant_id
                    OR access.ancestors @> jsonb_build_array(jsonb_build_object(
                           'grant', 'grant_' || replace(tried.grant_id::text, '-', ''))))) AS shadows,
           (SELECT jsonb_agg(alias.definition)
              FROM consent.model_aliases AS alias
             WHERE alias.tenant_id = access.tenant_id) AS model_aliases
      FROM consent.grant_access AS access
     WHERE token_digest = $1";

const CUSTOM_PROVIDER: &str = "
    -- consent.custom_provider_definition
    SELECT definition
      FROM consent.custom_providers
     WHERE tenant_id = $1 AND name = $2";

/// Why a token may do nothing.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Refusal {
    /// No grant has a token with this digest.
    #[error("no grant has this token")]
    NotFound,
    /// The grant was ended.
    #[error("the grant was revoked")]
    Closed(Arc<GrantAccess>),
    /// The grant's time is over.
    #[error("the grant has expired")]
    Expired(Arc<GrantAccess>),
    /// The database cannot be asked; nothing is assumed.
    #[error("grants cannot be looked up now")]
    Unavailable(#[source] Arc<DatabaseError>),
}

/// Finds grants by their token, from memory where it may. Clones share the memory.
#[derive(Clone)]
pub struct GrantAccessReader {
    postgres: Postgres,
    clock: Clock,
    known: Cache<TokenDigest, Kept, RandomState>,
    unknown: sync::Cache<TokenDigest, ()>,
    forgotten: Arc<Forgotten<GrantId>>,
}

/// A row, and when its reading began in the order of [`Forgotten`].
#[derive(Clone)]
struct Kept {
    access: Arc<GrantAccess>,
    began: u64,
}

impl Kept {
    /// Its grant and those above it.
    fn grants(&self) -> impl Iterator<Item = &GrantId> {
        let above = self.access.ancestors.iter();
        std::iter::once(&self.access.grant).chain(above.map(|ancestor| &ancestor.grant))
    }
}

impl GrantAccessReader {
    /// A reader with an empty memory. `postgres` may be the proxy's pool: its role may only read.
    #[must_use]
    pub fn new(postgres: Postgres, clock: Clock) -> Self {
        Self {
            postgres,
            clock,
            known: Cache::builder()
                .max_capacity(MOST_GRANTS)
                .time_to_live(SERVED_FOR)
                .build_with_hasher(RandomState::default()),
            // Apart from the known ones, so that guessing tokens cannot push grants out.
            unknown: sync::Cache::builder()
                .max_capacity(MOST_UNKNOWN)
                .time_to_live(UNKNOWN_FOR)
                .build(),
            forgotten: Arc::new(Forgotten::nothing()),
        }
    }

    /// What the token with this digest may do at this instant.
    ///
    /// # Errors
    /// When it may do nothing, or nobody can say.
    pub async fn find(&self, digest: TokenDigest) -> Result<Arc<GrantAccess>, Refusal> {
        let access = self.row(digest).await?;
        if access.closed_at.is_some() {
            return Err(Refusal::Closed(access));
        }
        if self.clock.now() >= access.expires_at {
            return Err(Refusal::Expired(access));
        }
        Ok(access)
    }

    /// The provider of this name that an organization added, as the database has it now.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn custom_provider(
        &self,
        tenant: TenantId,
        name: &Provider,
    ) -> Result<Option<CustomProvider>, DatabaseError> {
        let scope = Scope::Tenant(tenant);
        let tx = self.postgres.begin("find custom provider", scope).await?;
        let found = tx
            .query_opt(CUSTOM_PROVIDER, &[&tenant.uuid(), &name.as_str()])
            .await?;
        tx.commit().await?;
        let Some(row) = found else {
            return Ok(None);
        };
        let unreadable = |_| DatabaseError::Row {
            table: "consent.custom_providers",
            column: "definition",
        };
        let Json(added) = row.try_get("definition").map_err(unreadable)?;
        Ok(Some(added))
    }

    /// Serves nothing about this grant, or one below it, that was read before now.
    pub fn forget(&self, grant: GrantId) {
        self.forgotten.forget(grant);
    }

    /// Serves nothing that was read before now, as after messages may have been missed.
    pub fn forget_all(&self) {
        self.forgotten.forget_all();
        self.known.invalidate_all();
        self.unknown.invalidate_all();
    }

    async fn row(&self, digest: TokenDigest) -> Result<Arc<GrantAccess>, Refusal> {
        if let Some(kept) = self.known.get(&digest).await
            && self.forgotten.allows(kept.began, kept.grants())
        {
            return Ok(kept.access);
        }
        if self.unknown.contains_key(&digest) {
            return Err(Refusal::NotFound);
        }
        // In a box, for the many calls that find it in memory not to carry it along.
        Box::pin(self.read_row(digest)).await
    }

    async fn read_row(&self, digest: TokenDigest) -> Result<Arc<GrantAccess>, Refusal> {
        for _ in 1..TRIES {
            let reading = self.known.try_get_with(digest, self.read(digest)).await;
            let kept = reading.map_err(|refusal| Refusal::clone(&refusal))?;
            if self.forgotten.allows(kept.began, kept.grants()) {
                return Ok(kept.access);
            }
            self.known.invalidate(&digest).await;
        }
        // Forgotten again and again while it was read: the last word is the database's.
        self.read(digest).await.map(|kept| kept.access)
    }

    async fn read(&self, digest: TokenDigest) -> Result<Kept, Refusal> {
        let began = self.forgotten.now();
        let unavailable = |error| Refusal::Unavailable(Arc::new(error));
        match self.query(digest).await.map_err(unavailable)? {
            Some(access) => Ok(Kept {
                access: Arc::new(access),
                began,
            }),
            None => {
                self.unknown.insert(digest, ());
                Err(Refusal::NotFound)
            }
        }
    }

    async fn query(&self, digest: TokenDigest) -> Result<Option<GrantAccess>, DatabaseError> {
        let tx = self
            .postgres
            .begin("find grant access", Scope::Holder(digest))
            .await?;
        let row = tx.query_opt(FIND, &[&digest.as_bytes().as_slice()]).await?;
        tx.commit().await?;
        let read = |row| GrantAccess::from_row(row)?.with_what_stands_beside(row);
        row.as_ref().map(read).transpose()
    }

    /// As a look-up does that began before the last `forget` and ends after it.
    #[cfg(test)]
    pub(crate) async fn keep_late(&self, digest: TokenDigest, access: Arc<GrantAccess>) {
        self.known
            .insert(
                digest,
                Kept {
                    access,
                    began: self.forgotten.now() - 1,
                },
            )
            .await;
    }
}
