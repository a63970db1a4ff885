//! Adding, listing and removing an organization's own providers.

use event_store::StreamId;
use events::{CustomProvider, CustomProviderEvent, Provider, RequestedDetail};
use guarded_fetch::Reach;
use ids::{CustomProviderId, TenantId};
use postgres::{DatabaseError, Tx};

use super::{CustomProviderRow, CustomProviderState, Refusal, projection};
use crate::{
    access_request::{RequestError, details},
    model_alias,
    projections::{RecordError, load, record},
    provider_key,
    vault::{Actor, Vault, one_at_a_time_in},
};

/// The most of one organization.
const MOST: usize = 50;

/// The providers that organizations added.
#[derive(Clone)]
pub struct CustomProviders(Vault);

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum CustomProviderError {
    /// The rules forbid it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The organization has one of this name.
    #[error("your organization has a provider of this name already; remove that first")]
    NameTaken,
    /// The organization has a model alias of this name.
    #[error("your organization has a model alias of this name; remove that first")]
    AliasName,
    /// It has as many as one may have.
    #[error("an organization adds at most {MOST} providers; remove one first")]
    TooMany,
    /// It could not be recorded.
    #[error("the provider could not be recorded")]
    Record(#[from] RecordError),
    /// The database refused.
    #[error("the database refused")]
    Database(#[from] DatabaseError),
}

impl CustomProviders {
    /// The providers of this vault's organizations.
    #[must_use]
    pub const fn new(vault: Vault) -> Self {
        Self(vault)
    }

    /// How far their addresses may reach.
    #[must_use]
    pub fn reach(&self) -> Reach {
        self.0.published.reach()
    }

    /// Adds one to an organization.
    ///
    /// # Errors
    /// When the name is taken, there are too many, or it cannot be recorded.
    pub async fn add(
        &self,
        actor: &Actor,
        provider: CustomProvider,
    ) -> Result<CustomProviderRow, CustomProviderError> {
        let context = self.0.context(actor);
        let id = CustomProviderId::new(context.at);
        let tx = self.0.begin("add custom provider", actor.tenant).await?;
        one_at_a_time_in(&tx, actor.tenant).await?;
        let there = projection::of_tenant(&tx).await?;
        if there.iter().any(|row| row.provider.name == provider.name) {
            return Err(CustomProviderError::NameTaken);
        }
        if model_alias::is_taken(&tx, &provider.name).await? {
            return Err(CustomProviderError::AliasName);
        }
        if there.len() >= MOST {
            return Err(CustomProviderError::TooMany);
        }
        let stream = StreamId::of::<CustomProviderEvent, _>(id);
        let (state, version) = load::<CustomProviderState>(&tx, &stream).await?;
        let added = state.add(provider.clone())?;
        record(&tx, &stream, version, &[added], &context).await?;
        tx.commit().await?;
        self.0.changed(&[]);
        Ok(CustomProviderRow {
            id,
            provider,
            added_at: context.at,
        })
    }

    /// Removes one, and destroys every key that was stored for it: one of the same name that is added
    /// later is another provider.
    ///
    /// # Errors
    /// When the organization has no such provider, or it cannot be recorded.
    pub async fn remove(
        &self,
        actor: &Actor,
        id: CustomProviderId,
    ) -> Result<(), CustomProviderError> {
        let context = self.0.context(actor);
        let tx = self.0.begin("remove custom provider", actor.tenant).await?;
        one_at_a_time_in(&tx, actor.tenant).await?;
        let stream = StreamId::of::<CustomProviderEvent, _>(id);
        let (state, version) = load::<CustomProviderState>(&tx, &stream).await?;
        let (removed, provider) = state.remove()?;
        provider_key::destroy_all_of(&self.0, &tx, actor, &provider.name).await?;
        record(&tx, &stream, version, &[removed], &context).await?;
        tx.commit().await?;
        self.0.changed(&[]);
        Ok(())
    }

    /// Those of an organization, by name.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn of(&self, tenant: TenantId) -> Result<Vec<CustomProviderRow>, DatabaseError> {
        let tx = self.0.begin("list custom providers", tenant).await?;
        let rows = projection::of_tenant(&tx).await?;
        tx.commit().await?;
        Ok(rows)
    }
}

/// Refuses what is asked of a provider that is neither built in nor one of the transaction's
/// organization: another organization's is as unknown as none.
///
/// # Errors
/// Names the first that is not known, or when the database refuses.
pub async fn expect_known(tx: &Tx, asked: &[RequestedDetail]) -> Result<(), RequestError> {
    for (index, detail) in asked.iter().enumerate() {
        if !is_known(tx, &detail.provider).await? {
            let place = format!("authorization_details[{index}].provider");
            return Err(RequestError::UnknownProvider(details::unknown_provider(
                place,
            )));
        }
    }
    Ok(())
}

/// Whether a provider is built in, or one of the transaction's organization.
///
/// # Errors
/// When the database refuses.
pub async fn is_known(tx: &Tx, provider: &Provider) -> Result<bool, DatabaseError> {
    if provider.is_built_in() {
        return Ok(true);
    }
    Ok(projection::named(tx, provider).await?.is_some())
}
