//! Budgets of organizations, as consent writes them down.

use events::{BudgetAmounts, BudgetScope};
use ids::{BudgetId, TenantId};
use postgres::Scope;
use tokio_postgres::types::Json;

use super::Stage;

impl Stage {
    /// As consent sets a budget.
    pub async fn set_budget(
        &self,
        tenant: TenantId,
        scope: &BudgetScope,
        amounts: &BudgetAmounts,
    ) -> BudgetId {
        let budget = BudgetId::new(self.clock.now());
        let tx = self
            .consent
            .begin("set", Scope::Tenant(tenant))
            .await
            .unwrap();
        let (id, key, now) = (budget.uuid(), scope.to_string(), self.clock.now());
        let (scope, amounts) = (Json(scope), Json(amounts));
        tx.execute(
            "-- test.set_budget
            INSERT INTO consent.budgets (budget_id, tenant_id, scope_key, scope, amounts, set_at, changed_at)
            VALUES ($1, $2, $3, $4, $5, $6, $6)",
            &[&id, &tenant.uuid(), &key, &scope, &amounts, &now],
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
        budget
    }

    /// As consent changes one of this organization. There is no bus here to tell of it.
    pub async fn change_budget(&self, budget: BudgetId, amounts: &BudgetAmounts) {
        let sql = format!(
            "UPDATE consent.budgets SET amounts = '{}' WHERE budget_id = '{}'",
            serde_json::to_string(amounts).unwrap(),
            budget.uuid()
        );
        self.superuser(&sql).await;
    }

    pub async fn remove_budget(&self, budget: BudgetId) {
        let uuid = budget.uuid();
        let sql = format!("DELETE FROM consent.budgets WHERE budget_id = '{uuid}'");
        self.superuser(&sql).await;
    }
}
