//! What organizations say in their policies, as consent writes it down.

use events::{PolicyRules, ResponseCache};
use ids::TenantId;
use postgres::Scope;
use tokio_postgres::types::Json;

use super::Stage;

impl Stage {
    /// As consent sets whether answers may be kept. There is no bus here to tell of it.
    pub async fn set_response_cache(&self, tenant: TenantId, response_cache: ResponseCache) {
        let rules = PolicyRules {
            response_cache,
            ..PolicyRules::default()
        };
        let scope = Scope::Tenant(tenant);
        let tx = self.consent.begin("set policy", scope).await.unwrap();
        tx.execute(
            "-- test.set_policy
            INSERT INTO consent.organization_policies (tenant_id, rules, changed_at)
            VALUES ($1, $2, $3)
                ON CONFLICT (tenant_id) DO UPDATE SET rules = excluded.rules",
            &[&tenant.uuid(), &Json(rules), &self.clock.now()],
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
    }
}
