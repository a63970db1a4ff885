//! What an organization lets be spent above its grants: read by the proxy, on every call.

use std::sync::Arc;

use events::{BudgetAmounts, BudgetScope, BudgetShadow, Provider};
use foldhash::fast::RandomState;
use ids::{AppId, BudgetId, TenantId, UserId};
use moka::future::Cache;
use postgres::{DatabaseError, Postgres, Scope};
use serde::de::DeserializeOwned;
use tokio_postgres::{Row, types::Json};

use crate::{
    forgotten::Forgotten,
    reader::{SERVED_FOR, TRIES},
};

const MOST_ORGANIZATIONS: u64 = 100_000;

const OF_TENANT: &str = "
    -- consent.budgets_in_force
    SELECT budget_id, scope, amounts, shadow
      FROM consent.budgets
     WHERE tenant_id = store.current_tenant()
     ORDER BY budget_id";

/// A budget in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// Which one.
    pub id: BudgetId,
    /// Whose calls it bounds.
    pub scope: BudgetScope,
    /// What it allows.
    pub amounts: BudgetAmounts,
    /// Lower amounts that are tried of it.
    pub shadow: Option<BudgetShadow>,
}

/// Finds the budgets of organizations, from memory where it may. Clones share the memory.
#[derive(Clone)]
pub struct BudgetReader {
    postgres: Postgres,
    known: Cache<TenantId, Kept, RandomState>,
    forgotten: Arc<Forgotten<TenantId>>,
}

/// The budgets of an organization, and when their reading began in the order of [`Forgotten`].
#[derive(Clone)]
struct Kept {
    budgets: Arc<[Budget]>,
    began: u64,
}

impl BudgetReader {
    /// A reader with an empty memory. `postgres` may be the proxy's pool: its role may only read.
    #[must_use]
    pub fn new(postgres: Postgres) -> Self {
        Self {
            postgres,
            known: Cache::builder()
                .max_capacity(MOST_ORGANIZATIONS)
                .time_to_live(SERVED_FOR)
                .build_with_hasher(RandomState::default()),
            forgotten: Arc::new(Forgotten::nothing()),
        }
    }

    /// All budgets of an organization; mostly none.
    ///
    /// # Errors
    /// When nobody can say.
    pub async fn of(&self, tenant: TenantId) -> Result<Arc<[Budget]>, Arc<DatabaseError>> {
        if let Some(kept) = self.known.get(&tenant).await
            && self.forgotten.allows(kept.began, [&tenant])
        {
            return Ok(kept.budgets);
        }
        // In a box, for the many calls that find them in memory not to carry it along.
        Box::pin(self.read_of(tenant)).await
    }

    async fn read_of(&self, tenant: TenantId) -> Result<Arc<[Budget]>, Arc<DatabaseError>> {
        for _ in 1..TRIES {
            let kept = self.known.try_get_with(tenant, self.read(tenant)).await?;
            if self.forgotten.allows(kept.began, [&tenant]) {
                return Ok(kept.budgets);
            }
            self.known.invalidate(&tenant).await;
        }
        // Forgotten again and again while they were read: the last word is the database's.
        let kept = self.read(tenant).await.map_err(Arc::new)?;
        Ok(kept.budgets)
    }

    /// Serves nothing about this organization's budgets that was read before now.
    pub fn forget(&self, tenant: TenantId) {
        self.forgotten.forget(tenant);
    }

    /// Serves nothing that was read before now, as after messages may have been missed.
    pub fn forget_all(&self) {
        self.forgotten.forget_all();
        self.known.invalidate_all();
    }

    async fn read(&self, tenant: TenantId) -> Result<Kept, DatabaseError> {
        let began = self.forgotten.now();
        let budgets = self.query(tenant).await?;
        Ok(Kept { budgets, began })
    }

    async fn query(&self, tenant: TenantId) -> Result<Arc<[Budget]>, DatabaseError> {
        let scope = Scope::Tenant(tenant);
        let tx = self.postgres.begin("find budgets", scope).await?;
        let rows = tx.query(OF_TENANT, &[]).await?;
        tx.commit().await?;
        rows.iter().map(Budget::from_row).collect()
    }
}

impl Budget {
    /// Whether a call counts against it that is made under a grant of `user`, by this registered
    /// app, if it is one, at this provider.
    #[must_use]
    pub fn covers(&self, user: UserId, app: Option<AppId>, provider: &Provider) -> bool {
        self.scope.covers(user, app, provider)
    }

    fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            id: BudgetId::from_uuid(row.get("budget_id")),
            scope: json(row, "scope")?,
            amounts: json(row, "amounts")?,
            shadow: row
                .try_get::<_, Option<Json<_>>>("shadow")
                .map_err(|_| unreadable("shadow"))?
                .map(|Json(shadow)| shadow),
        })
    }
}

fn json<T: DeserializeOwned>(row: &Row, column: &'static str) -> Result<T, DatabaseError> {
    let Json(value) = row.try_get(column).map_err(|_| unreadable(column))?;
    Ok(value)
}

const fn unreadable(column: &'static str) -> DatabaseError {
    DatabaseError::Row {
        table: "consent.budgets",
        column,
    }
}
