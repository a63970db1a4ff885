//! The owner in a browser.

use anyhow::{Context, Result};
use clock::Clock;
use postgres::{DatabaseSettings, Postgres, Scope};
use sessions::{Role, SessionRecord};

use crate::{owner::Owner, vault::Vault};

impl Vault {
    /// The cookie of a browser in which this owner is signed in.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn cookie(&self, owner: &Owner) -> Result<String> {
        let (tenant, user) = (
            owner.tenant.context("a tenant")?,
            owner.user.context("a user")?,
        );
        let postgres = Postgres::connect(&DatabaseSettings {
            url: self.role_url("auth"),
            connections: 1,
        })?;
        let site = self.site(&Clock::system())?;
        let tx = postgres.begin("sign in", Scope::Tenant(tenant)).await?;
        let session = SessionRecord {
            tenant,
            user,
            role: Role::Owner,
            name: "Alice Archer".to_owned(),
        };
        let session = site.sessions().open(&tx, &session).await?;
        tx.commit().await?;
        Ok(site.session_cookie(&session.token).stripped().to_string())
    }
}
