//! The provider keys of a stage, as consent seals them and as the database has them.

use ids::ProviderKeyId;
use key_vault::{KeyService, ProviderSecret, Sealer};
use postgres::Scope;

use super::Stage;

impl Stage {
    /// The key that was stored for a provider.
    pub fn key_of(&self, provider: &str) -> ProviderKeyId {
        let keys = self.keys.lock().unwrap();
        keys.iter().find(|(name, _)| name == provider).unwrap().1
    }

    /// Puts another secret in the place of the first.
    pub async fn rotate(&self, provider: &str, secret: &str) {
        let service = KeyService::local(&self.folder.join("wrapping-key"), "test").unwrap();
        let sealer = Sealer::new(service, self.clock.clone());
        let (id, secret) = (
            self.key_of(provider),
            ProviderSecret::parse(secret).unwrap(),
        );
        let scope = Scope::Tenant(self.tenant);
        let tx = self.consent.begin("rotate", scope).await.unwrap();
        sealer.seal(&tx, self.tenant, id, 2, &secret).await.unwrap();
        sealer
            .destroy_before(&tx, self.tenant, id, 2)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    /// How often a key was taken out of its seal.
    pub async fn unwraps(&self, key: ProviderKeyId) -> i64 {
        let scope = Scope::Tenant(self.tenant);
        let tx = self.consent.begin("count", scope).await.unwrap();
        let count = "SELECT count(*) FROM consent.key_unwraps WHERE key_id = $1";
        let row = tx.query_opt(count, &[&key.uuid()]).await.unwrap().unwrap();
        row.get(0)
    }
}
