//! Registering and removing apps.

use event_store::StreamId;
use events::AppEvent;
use ids::{AppId, TenantId, TokenDigest};
use postgres::{DatabaseError, Scope};

use super::{App, AppRow, Refusal, Registration, projection};
use crate::{
    projections::{RecordError, load, record},
    vault::{Actor, Vault},
};

/// The most apps of one organization.
const MOST_APPS: usize = 200;

/// The registered apps of an organization.
#[derive(Clone)]
pub struct Apps(Vault);

/// Why nothing was done with an app.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The rules forbid it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The organization has as many as one may have.
    #[error("an organization has at most {MOST_APPS} apps; remove one first")]
    TooMany,
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

    /// Registers an app; its id is its OAuth client id.
    ///
    /// # Errors
    /// When the organization has too many or it cannot be recorded.
    pub async fn register(
        &self,
        actor: &Actor,
        registration: Registration,
    ) -> Result<AppId, AppError> {
        let id = AppId::new(self.0.clock.now());
        let tx = self.0.begin("register app", actor.tenant).await?;
        if projection::of_tenant(&tx).await?.len() >= MOST_APPS {
            return Err(AppError::TooMany);
        }
        let stream = StreamId::of::<AppEvent, _>(id);
        let (app, version) = load::<App>(&tx, &stream).await?;
        let event = app.register(registration)?;
        record(&tx, &stream, version, &[event], &self.0.context(actor)).await?;
        tx.commit().await?;
        self.0.changed(&[]);
        Ok(id)
    }

    /// Removes an app: it may not ask any more. Its grants stay until they are revoked.
    ///
    /// # Errors
    /// When there is no such app or it cannot be recorded.
    pub async fn remove(&self, actor: &Actor, id: AppId) -> Result<(), AppError> {
        let tx = self.0.begin("remove app", actor.tenant).await?;
        let stream = StreamId::of::<AppEvent, _>(id);
        let (app, version) = load::<App>(&tx, &stream).await?;
        let event = app.remove()?;
        record(&tx, &stream, version, &[event], &self.0.context(actor)).await?;
        tx.commit().await?;
        self.0.changed(&[]);
        Ok(())
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
