//! Shadow limits of grants and budgets, as consent writes them down.

use events::{BudgetAmounts, BudgetShadow, Shadow, ShadowLimits};
use ids::{BudgetId, GrantId, ShadowId};
use postgres::Scope;
use tokio_postgres::types::{Json, ToSql};

use super::Stage;

impl Stage {
    /// As consent sets shadow limits of a grant at `OpenAI`.
    pub async fn set_shadow(&self, grant: GrantId, limits: ShadowLimits) -> ShadowId {
        let now = self.clock.now();
        let shadow = Shadow {
            id: ShadowId::new(now),
            provider: "openai".parse().unwrap(),
            limits,
        };
        let (id, tenant, grant) = (shadow.id.uuid(), self.tenant.uuid(), grant.uuid());
        let (name, definition) = (shadow.provider.as_str(), Json(&shadow));
        let values: [&(dyn ToSql + Sync); 6] = [&id, &tenant, &grant, &name, &definition, &now];
        let scope = Scope::Tenant(self.tenant);
        let tx = self.consent.begin("set", scope).await.unwrap();
        tx.execute(
            "-- test.set_shadow
            INSERT INTO consent.shadow_limits (shadow_id, tenant_id, grant_id, provider, definition, set_at)
            VALUES ($1, $2, $3, $4, $5, $6)",
            &values,
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
        shadow.id
    }

    /// As consent sets shadow limits of a budget.
    pub async fn set_budget_shadow(&self, budget: BudgetId, amounts: BudgetAmounts) -> ShadowId {
        let now = self.clock.now();
        let shadow = BudgetShadow {
            id: ShadowId::new(now),
            amounts,
        };
        let scope = Scope::Tenant(self.tenant);
        let tx = self.consent.begin("set", scope).await.unwrap();
        tx.execute(
            "-- test.set_budget_shadow
            UPDATE consent.budgets SET shadow = $2, shadow_set_at = $3 WHERE budget_id = $1",
            &[&budget.uuid(), &Json(&shadow), &now],
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
        shadow.id
    }
}
