//! Registering apps, and what proves them.

use event_store::StreamId;
use events::{AppEvent, SelfRegistration};
use ids::{AppId, ClientSecret, NoRandomness, TenantId, TokenDigest};
use jiff::Timestamp;
use postgres::{DatabaseError, Scope, Tx};

use super::{App, AppRow, Fault, Refusal, Registration, projection};
use crate::{
    grant::GrantError,
    projections::{RecordError, load, record},
    vault::{Actor, Vault},
};

/// The most apps of one organization.
const MOST_APPS: i64 = 200;

/// The registered apps of an organization.
#[derive(Clone)]
pub struct Apps(pub(super) Vault);

pub(super) const FORGET_SECRETS: &str = "
    -- consent.forget_client_secrets
    DELETE FROM consent.client_secrets WHERE app_id = $1";

const MAKE_SECRET: &str = "
    -- consent.make_client_secret
    INSERT INTO consent.client_secrets (digest, tenant_id, app_id, made_at)
    VALUES ($1, store.current_tenant(), $2, $3)";

const FIND_SECRET: &str = "
    -- consent.find_client_secret
    SELECT 1 FROM consent.client_secrets WHERE digest = $1 AND app_id = $2";

const USE_ASSERTION: &str = "
    -- consent.use_client_assertion
    INSERT INTO consent.client_assertions (digest, tenant_id, expires_at)
    VALUES ($1, store.current_tenant(), $2)
        ON CONFLICT (digest) DO NOTHING";

/// Why nothing was done with an app.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The rules forbid it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The organization has as many as one may have.
    #[error("an organization has at most {MOST_APPS} apps; remove one first")]
    TooMany,
    /// The vault has as many as may register openly.
    #[error("this vault takes no more apps that belong to no organization")]
    Full,
    /// It registered with a token that is unknown, used up, expired or ended.
    #[error("the registration token is no good")]
    NoToken,
    /// No secret could be made.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// What it is to be registered with breaks a rule.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// What the app had been granted could not be ended.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// It could not be recorded.
    #[error("the app could not be recorded")]
    Record(#[from] RecordError),
    /// The database refused.
    #[error("the database refused")]
    Database(#[from] DatabaseError),
}

impl Apps {
    /// The apps of this vault.
    #[must_use]
    pub const fn new(vault: Vault) -> Self {
        Self(vault)
    }

    /// Registers an app; its id is its OAuth client id. One that proves itself with a secret gets it
    /// here, once.
    ///
    /// # Errors
    /// When the organization has too many or it cannot be recorded.
    pub async fn register(
        &self,
        actor: &Actor,
        registration: Registration,
    ) -> Result<(AppId, Option<ClientSecret>), AppError> {
        let tx = self.0.begin("register app", actor.tenant).await?;
        let registered = self.register_in(&tx, actor, registration, None).await?;
        tx.commit().await?;
        self.0.changed(&[]);
        Ok(registered)
    }

    /// The same within the caller's transaction, also for an app that registers itself.
    ///
    /// # Errors
    /// When the organization has too many or it cannot be recorded.
    pub(super) async fn register_in(
        &self,
        tx: &Tx,
        actor: &Actor,
        registration: Registration,
        itself: Option<SelfRegistration>,
    ) -> Result<(AppId, Option<ClientSecret>), AppError> {
        let id = AppId::new(self.0.clock.now());
        let has_secret = registration.authentication.has_secret();
        let openly = itself == Some(SelfRegistration::Anybody {});
        if !openly && projection::count(tx).await? >= MOST_APPS {
            return Err(AppError::TooMany);
        }
        let stream = StreamId::of::<AppEvent, _>(id);
        let (app, version) = load::<App>(tx, &stream).await?;
        let event = app.register(registration, itself)?;
        record(tx, &stream, version, &[event], &self.0.context(actor)).await?;
        let secret = if has_secret {
            Some(self.make_secret(tx, id).await?)
        } else {
            None
        };
        Ok((id, secret))
    }

    /// Makes another secret for an app that has one. The old one is no good from here on.
    ///
    /// # Errors
    /// When there is no such app, it has no secret, or the database refuses.
    pub async fn renew_secret(&self, actor: &Actor, id: AppId) -> Result<ClientSecret, AppError> {
        let apps = self.of(actor.tenant).await?;
        let app = apps.iter().find(|app| app.id == id);
        if !app.ok_or(Refusal::Unknown)?.authentication.has_secret() {
            return Err(Refusal::NoSecret.into());
        }
        let tx = self.0.begin("renew client secret", actor.tenant).await?;
        let secret = self.make_secret(&tx, id).await?;
        tx.commit().await?;
        tracing::info!(app.id = %id, actor = %actor.name, "a client secret was renewed");
        Ok(secret)
    }

    async fn make_secret(&self, tx: &Tx, id: AppId) -> Result<ClientSecret, AppError> {
        let secret = ClientSecret::mint()?;
        tx.execute(FORGET_SECRETS, &[&id.uuid()]).await?;
        let (digest, now) = (secret.digest(), self.0.clock.now());
        tx.execute(
            MAKE_SECRET,
            &[&digest.as_bytes().as_slice(), &id.uuid(), &now],
        )
        .await?;
        Ok(secret)
    }

    /// Whether this is the app's secret.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn has_secret(
        &self,
        app: &AppRow,
        secret: &ClientSecret,
    ) -> Result<bool, DatabaseError> {
        let digest = secret.digest();
        let tx = self.0.begin("find client secret", app.tenant).await?;
        let found = tx
            .query_opt(
                FIND_SECRET,
                &[&digest.as_bytes().as_slice(), &app.id.uuid()],
            )
            .await?;
        tx.commit().await?;
        Ok(found.is_some())
    }

    /// Uses a signed assertion of an app; false when it was used before.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn use_assertion(
        &self,
        app: &AppRow,
        digest: TokenDigest,
        until: Timestamp,
    ) -> Result<bool, DatabaseError> {
        let tx = self.0.begin("use client assertion", app.tenant).await?;
        let used = tx
            .execute(USE_ASSERTION, &[&digest.as_bytes().as_slice(), &until])
            .await?;
        tx.commit().await?;
        Ok(used == 1)
    }

    /// The organization's apps.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn of(&self, tenant: TenantId) -> Result<Vec<AppRow>, DatabaseError> {
        let tx = self.0.begin("list apps", tenant).await?;
        let apps = projection::of_tenant(&tx).await?;
        tx.commit().await?;
        Ok(apps)
    }

    /// The app of an OAuth client id, before anyone has signed in.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn by_client_id(&self, client_id: &str) -> Result<Option<AppRow>, DatabaseError> {
        if client_id.parse::<AppId>().is_err() {
            return Ok(None);
        }
        let digest = TokenDigest::of(client_id);
        let tx = self
            .0
            .postgres
            .begin("find app", Scope::Holder(digest))
            .await?;
        let app = projection::by_client_id(&tx, digest).await?;
        tx.commit().await?;
        Ok(app)
    }
}
