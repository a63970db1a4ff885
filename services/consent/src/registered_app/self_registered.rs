//! Apps that register themselves (RFC 7591), and what they do with their registration (RFC 7592).

use events::SelfRegistration;
use ids::{AppId, ClientSecret, RegistrationAccess, RegistrationToken, TenantId, UserId};
use postgres::{DatabaseError, Scope, Tx};
use uuid::Uuid;

use super::{AppError, AppRow, Apps, Refusal, Registration, projection};
use crate::{registration_token, vault::Actor};

/// The most apps that may register openly with one vault.
const MOST_OPEN: i64 = 10_000;

/// An app that registered itself.
pub struct Arrived {
    /// The app.
    pub app: AppRow,
    /// Its secret, if it has one, to be shown this once.
    pub secret: Option<ClientSecret>,
    /// What it reads and ends its registration with, to be shown this once.
    pub access: RegistrationAccess,
}

const GIVE_ACCESS: &str = "
    -- consent.give_registration_access
    INSERT INTO consent.registration_access (digest, tenant_id, app_id)
    VALUES ($1, store.current_tenant(), $2)";

const FIND_ACCESS: &str = "
    -- consent.find_registration_access
    SELECT tenant_id, app_id FROM consent.registration_access WHERE digest = $1";

const FORGET_ACCESS: &str = "
    -- consent.forget_registration_access
    DELETE FROM consent.registration_access WHERE app_id = $1";

/// Whose the apps are that belong to no organization: of zeros alone, which no organization's id
/// is, as those begin with the time they were made at.
#[must_use]
pub fn of_the_vault() -> TenantId {
    TenantId::from_uuid(Uuid::nil())
}

/// Removes what an app read and ended its registration with.
///
/// # Errors
/// When the database refuses.
pub(super) async fn forget_access(tx: &Tx, id: AppId) -> Result<(), DatabaseError> {
    tx.execute(FORGET_ACCESS, &[&id.uuid()]).await.map(drop)
}

impl Apps {
    /// An app registers itself with a token of an organization, which it then belongs to.
    ///
    /// # Errors
    /// When the token is no good, the organization has too many apps, or it cannot be recorded;
    /// nothing of the token is spent then.
    pub async fn register_with_token(
        &self,
        token: &RegistrationToken,
        registration: Registration,
        correlation_id: &str,
    ) -> Result<Arrived, AppError> {
        let scope = Scope::Holder(token.digest());
        let tx = self
            .0
            .postgres
            .begin("register app with token", scope)
            .await?;
        let tenant = registration_token::spend(&tx, token, self.0.clock.now()).await?;
        let tenant = tenant.ok_or(AppError::NoToken)?;
        let itself = SelfRegistration::Token {};
        self.arrive(tx, itself_of(tenant, correlation_id), registration, itself)
            .await
    }

    /// An app registers itself with the vault alone.
    ///
    /// # Errors
    /// When there are too many or it cannot be recorded.
    pub async fn register_openly(
        &self,
        registration: Registration,
        correlation_id: &str,
    ) -> Result<Arrived, AppError> {
        let tx = self.0.begin("register app openly", of_the_vault()).await?;
        if projection::count(&tx).await? >= MOST_OPEN {
            return Err(AppError::Full);
        }
        let itself = SelfRegistration::Anybody {};
        self.arrive(
            tx,
            itself_of(of_the_vault(), correlation_id),
            registration,
            itself,
        )
        .await
    }

    async fn arrive(
        &self,
        tx: Tx,
        actor: Actor,
        registration: Registration,
        itself: SelfRegistration,
    ) -> Result<Arrived, AppError> {
        let (id, secret) = self
            .register_in(&tx, &actor, registration, Some(itself))
            .await?;
        let access = RegistrationAccess::mint()?;
        let digest = access.digest();
        tx.execute(GIVE_ACCESS, &[&digest.as_bytes().as_slice(), &id.uuid()])
            .await?;
        let app = projection::one(&tx, id).await?.ok_or(Refusal::Unknown)?;
        tx.commit().await?;
        self.0.changed(&[]);
        Ok(Arrived {
            app,
            secret,
            access,
        })
    }

    /// The app that a registration access token belongs to.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn by_registration_access(
        &self,
        token: &RegistrationAccess,
    ) -> Result<Option<AppRow>, DatabaseError> {
        let digest = token.digest();
        let scope = Scope::Holder(digest);
        let tx = self.0.postgres.begin("find registration", scope).await?;
        let of = digest.as_bytes().as_slice();
        let Some(row) = tx.query_opt(FIND_ACCESS, &[&of]).await? else {
            return Ok(None);
        };
        let tenant = TenantId::from_uuid(row.get("tenant_id"));
        tx.set_scope(Scope::Tenant(tenant)).await?;
        let app = projection::one(&tx, AppId::from_uuid(row.get("app_id"))).await?;
        tx.commit().await?;
        Ok(app)
    }

    /// An app ends its own registration, and with it what its organization's people granted it (RFC
    /// 7592 section 2.3). One of no organization leaves its grants to the people who gave them.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub async fn withdraw(&self, app: &AppRow, correlation_id: &str) -> Result<(), AppError> {
        self.remove(&itself_of(app.tenant, correlation_id), app.id)
            .await
    }
}

/// The app itself acts, in nobody's name.
fn itself_of(tenant: TenantId, correlation_id: &str) -> Actor {
    Actor {
        tenant,
        user: UserId::from_uuid(Uuid::nil()),
        name: "app".to_owned(),
        correlation_id: correlation_id.to_owned(),
    }
}
