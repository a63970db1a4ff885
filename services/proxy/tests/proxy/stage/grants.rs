//! Grants, as consent writes them down.

use events::{AppIdentity, AuthorizationDetail, Capability, GrantedLimits, Models, Verification};
use grant_access::GrantAccess;
use ids::{GrantId, OkapToken, ProviderKeyId, TenantId, UserId};
use jiff::{SignedDuration, Timestamp};
use money::Nanodollars;
use postgres::Scope;

use super::Stage;

/// A grant and the token of its app.
pub struct Granted {
    pub grant: GrantId,
    pub token: OkapToken,
}

impl Stage {
    /// A grant at these providers, under these limits.
    pub async fn grant(&self, providers: &[&str], limits: GrantedLimits) -> Granted {
        self.granted(providers, |detail| detail.limits = limits)
            .await
    }

    /// A grant at these providers, each detail as `shape` makes it.
    pub async fn granted(
        &self,
        providers: &[&str],
        shape: impl Fn(&mut AuthorizationDetail),
    ) -> Granted {
        self.granted_in(self.tenant, providers, shape).await
    }

    /// The same in any organization.
    pub async fn granted_in(
        &self,
        tenant: TenantId,
        providers: &[&str],
        shape: impl Fn(&mut AuthorizationDetail),
    ) -> Granted {
        let expires = self.clock.now() + SignedDuration::from_hours(24);
        let detail = |provider: &&str| {
            let mut detail = self.detail(provider, expires);
            shape(&mut detail);
            detail
        };
        let access = GrantAccess {
            tenant,
            grant: GrantId::new(self.clock.now()),
            user: UserId::new(self.clock.now()),
            app: AppIdentity {
                app: None,
                name: "Recipe".to_owned(),
                url: None,
                verification: Verification::Unverified,
                registration: None,
            },
            details: providers.iter().map(detail).collect(),
            expires_at: expires,
            closed_at: None,
            bound_to: None,
            ancestors: vec![],
            custom_providers: Vec::new(),
            model_aliases: Vec::new(),
            response_cache: false,
            shadows: Vec::new(),
            version: 1,
        };
        let token = OkapToken::mint().unwrap();
        let tx = self
            .consent
            .begin("open", Scope::Tenant(tenant))
            .await
            .unwrap();
        grant_access::open(&tx, &token.digest(), &access)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        Granted {
            grant: access.grant,
            token,
        }
    }

    fn detail(&self, provider: &str, expires: Timestamp) -> AuthorizationDetail {
        let keys = self.keys.lock().unwrap();
        // The newest of a name.
        let key = keys.iter().rev().find(|(name, _)| name == provider);
        AuthorizationDetail {
            provider: provider.parse().unwrap(),
            models: Models::default(),
            capabilities: [Capability::Chat, Capability::Embeddings].into(),
            limits: roomy(),
            expires,
            key_id: key.map_or(ProviderKeyId::NONE, |key| key.1),
            reason: None,
        }
    }

    /// As consent revokes: closed in the table, and marked for the limits.
    pub async fn revoke(&self, grant: GrantId) {
        let tx = self
            .consent
            .begin("close", Scope::Tenant(self.tenant))
            .await
            .unwrap();
        grant_access::close(&tx, grant, self.clock.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        self.limits.mark_revoked(grant).await.unwrap();
    }
}

/// Limits that are in nobody's way.
pub fn roomy() -> GrantedLimits {
    GrantedLimits {
        monthly_spend: Nanodollars::from_dollars(100),
        daily_spend: Nanodollars::from_dollars(50),
        requests_per_minute: 10_000,
        requests_per_day: 100_000,
        tokens_per_request: 200_000,
    }
}
