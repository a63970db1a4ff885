//! Model aliases of organizations, as consent writes them down. There is no bus here to tell of them.

use events::{AliasCandidate, ModelAlias, RouteStrategy};
use ids::{ModelAliasId, TenantId};
use postgres::Scope;
use serde_json::json;

use super::Stage;

/// An alias for these, each `provider/model` or, with its weight, `provider/model=3`.
pub fn alias(name: &str, strategy: RouteStrategy, candidates: &[&str]) -> ModelAlias {
    let candidate = |text: &&str| {
        let (named, weight) = text
            .split_once('=')
            .map_or((*text, None), |(named, weight)| {
                (named, Some(weight.parse().unwrap()))
            });
        let (provider, model) = named.split_once('/').unwrap();
        AliasCandidate {
            provider: provider.parse().unwrap(),
            model: model.to_owned(),
            weight,
        }
    };
    ModelAlias {
        name: name.parse().unwrap(),
        candidates: candidates.iter().map(candidate).collect(),
        strategy,
    }
}

impl Stage {
    /// Sets it for an organization.
    pub async fn set_alias(&self, tenant: TenantId, alias: &ModelAlias) {
        const SET: &str = "
            INSERT INTO consent.model_aliases (alias_id, tenant_id, name, definition, set_at, changed_at)
            VALUES ($1, $2, $3, $4, $5, $5)";
        let now = self.clock.now();
        let scope = Scope::Tenant(tenant);
        let tx = self.consent.begin("set alias", scope).await.unwrap();
        let (id, name) = (ModelAliasId::new(now).uuid(), alias.name.as_str());
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
            [&id, &tenant.uuid(), &name, &json!(alias), &now];
        tx.execute(SET, &values).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Removes the one of this name.
    pub async fn remove_alias(&self, name: &str) {
        let scope = Scope::Tenant(self.tenant);
        let tx = self.consent.begin("remove alias", scope).await.unwrap();
        let remove = "DELETE FROM consent.model_aliases WHERE name = $1";
        tx.execute(remove, &[&name]).await.unwrap();
        tx.commit().await.unwrap();
    }
}
