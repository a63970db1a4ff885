//! Providers that organizations added, as consent writes them down.

use std::collections::BTreeMap;

use events::{CustomProvider, ProviderKind, TokenPrice};
use ids::{CustomProviderId, ProviderKeyId, TenantId};
use key_vault::{KeyService, ProviderSecret, Sealer};
use postgres::Scope;
use serde_json::json;

use super::Stage;

/// The key that is sealed for each.
pub const CANARY: &str = "sk-Canary7gH9jK1mN3pQ5rT7vX9zB1dF3";

/// One in OpenAI's dialect whose models have no price.
pub fn compatible(name: &str, base_url: &str) -> CustomProvider {
    CustomProvider {
        name: name.parse().unwrap(),
        kind: ProviderKind::OpenaiCompatible,
        base_url: base_url.to_owned(),
        price: None,
        models: BTreeMap::new(),
    }
}

/// One whose models cost so much.
pub fn priced(name: &str, base_url: &str, input: &str, output: &str) -> CustomProvider {
    let [input, output] = [input, output].map(|text| text.parse().unwrap());
    CustomProvider {
        price: Some(TokenPrice { input, output }),
        ..compatible(name, base_url)
    }
}

impl Stage {
    /// Adds it to the organization of the stage, with a key.
    pub async fn add(&self, provider: &CustomProvider) {
        self.add_to(self.tenant, provider).await;
        self.seal_for(provider, provider.origin()).await;
    }

    /// Adds it to an organization.
    pub async fn add_to(&self, tenant: TenantId, provider: &CustomProvider) {
        const ADD: &str = "
            INSERT INTO consent.custom_providers (provider_id, tenant_id, name, definition, added_at)
            VALUES ($1, $2, $3, $4, $5)";
        let now = self.clock.now();
        let scope = Scope::Tenant(tenant);
        let tx = self.consent.begin("add", scope).await.unwrap();
        let (id, name) = (CustomProviderId::new(now).uuid(), provider.name.as_str());
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
            [&id, &tenant.uuid(), &name, &json!(provider), &now];
        tx.execute(ADD, &values).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Removes it.
    pub async fn remove(&self, provider: &CustomProvider) {
        let scope = Scope::Tenant(self.tenant);
        let tx = self.consent.begin("remove", scope).await.unwrap();
        let remove = "DELETE FROM consent.custom_providers WHERE name = $1";
        tx.execute(remove, &[&provider.name.as_str()])
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    /// Seals a key for a provider, bound to this origin.
    pub async fn seal_for(&self, provider: &CustomProvider, origin: &str) {
        let service = KeyService::local(&self.folder.join("wrapping-key"), "test").unwrap();
        let sealer = Sealer::new(service, self.clock.clone());
        let id = ProviderKeyId::new(self.clock.now());
        let secret = ProviderSecret::parse(CANARY).unwrap();
        let place = (self.tenant, id, 1);
        let sealed = sealer.enclose_for(place, origin, &secret).await.unwrap();
        let scope = Scope::Tenant(self.tenant);
        let tx = self.consent.begin("seal", scope).await.unwrap();
        sealer.store(&tx, &sealed).await.unwrap();
        tx.commit().await.unwrap();
        let mut keys = self.keys.lock().unwrap();
        keys.push((provider.name.to_string(), id));
    }
}
