//! Setting, changing, listing and removing an organization's model aliases.

use event_store::StreamId;
use events::{AliasCandidate, ModelAlias, ModelAliasEvent, Provider};
use ids::{ModelAliasId, TenantId};
use postgres::{DatabaseError, Tx};

use super::{Change, ModelAliasRow, ModelAliasState, Refusal, projection};
use crate::{
    custom_provider,
    projections::{RecordError, load, record},
    vault::{Actor, Vault, one_at_a_time_in},
};

/// The most of one organization. All of them stand in a proxy's memory beside each grant.
const MOST: usize = 50;

/// The model aliases of organizations.
#[derive(Clone)]
pub struct ModelAliases(Vault);

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum ModelAliasError {
    /// The rules forbid it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The organization has one of this name.
    #[error("your organization has a model alias of this name already; change that one")]
    NameTaken,
    /// A provider has this name.
    #[error("this is the name of a provider; an alias needs another")]
    ProviderName,
    /// The provider of the candidate at this place, from 0, is nobody's.
    #[error("no provider of this name is built in, and your organization added none")]
    UnknownProvider(usize),
    /// It has as many as one may have.
    #[error("an organization has at most {MOST} model aliases; remove one first")]
    TooMany,
    /// It could not be recorded.
    #[error("the model alias could not be recorded")]
    Record(#[from] RecordError),
    /// The database refused.
    #[error("the database refused")]
    Database(#[from] DatabaseError),
}

impl ModelAliases {
    /// The model aliases of this vault's organizations.
    #[must_use]
    pub const fn new(vault: Vault) -> Self {
        Self(vault)
    }

    /// Sets one for an organization.
    ///
    /// # Errors
    /// When a rule forbids it, its name is taken, a provider is not known, there are too many, or it
    /// cannot be recorded.
    pub async fn set(
        &self,
        actor: &Actor,
        alias: ModelAlias,
    ) -> Result<ModelAliasRow, ModelAliasError> {
        let context = self.0.context(actor);
        let id = ModelAliasId::new(context.at);
        let tx = self.0.begin("set model alias", actor.tenant).await?;
        // The names of providers, too, are given one at a time.
        one_at_a_time_in(&tx, actor.tenant).await?;
        let stream = StreamId::of::<ModelAliasEvent, _>(id);
        let (state, version) = load::<ModelAliasState>(&tx, &stream).await?;
        let set = state.set(alias.clone())?;
        expect_free(&tx, &alias).await?;
        expect_known(&tx, &alias.candidates).await?;
        record(&tx, &stream, version, &[set], &context).await?;
        tx.commit().await?;
        self.0.changed(&[]);
        Ok(ModelAliasRow {
            id,
            alias,
            set_at: context.at,
            changed_at: context.at,
        })
    }

    /// Changes what one stands for, or which of it is asked first. Gives it as it is then.
    ///
    /// # Errors
    /// When the organization has no such alias, a rule forbids it, a provider is not known, or it
    /// cannot be recorded.
    pub async fn change(
        &self,
        actor: &Actor,
        id: ModelAliasId,
        change: Change,
    ) -> Result<ModelAliasRow, ModelAliasError> {
        let tx = self.0.begin("change model alias", actor.tenant).await?;
        one_at_a_time_in(&tx, actor.tenant).await?;
        let stream = StreamId::of::<ModelAliasEvent, _>(id);
        let (state, version) = load::<ModelAliasState>(&tx, &stream).await?;
        let named = change.candidates.clone().unwrap_or_default();
        if let Some(changed) = state.change(change)? {
            expect_known(&tx, &named).await?;
            record(&tx, &stream, version, &[changed], &self.0.context(actor)).await?;
        }
        let rows = projection::of_tenant(&tx).await?;
        tx.commit().await?;
        self.0.changed(&[]);
        let changed = rows.into_iter().find(|row| row.id == id);
        changed.ok_or(ModelAliasError::Refused(Refusal::Unknown))
    }

    /// Removes one: it names nothing any more.
    ///
    /// # Errors
    /// When the organization has no such alias, or it cannot be recorded.
    pub async fn remove(&self, actor: &Actor, id: ModelAliasId) -> Result<(), ModelAliasError> {
        let tx = self.0.begin("remove model alias", actor.tenant).await?;
        let stream = StreamId::of::<ModelAliasEvent, _>(id);
        let (state, version) = load::<ModelAliasState>(&tx, &stream).await?;
        let removed = state.remove()?;
        record(&tx, &stream, version, &[removed], &self.0.context(actor)).await?;
        tx.commit().await?;
        self.0.changed(&[]);
        Ok(())
    }

    /// Those of an organization, by name.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn of(&self, tenant: TenantId) -> Result<Vec<ModelAliasRow>, DatabaseError> {
        let tx = self.0.begin("list model aliases", tenant).await?;
        let rows = projection::of_tenant(&tx).await?;
        tx.commit().await?;
        Ok(rows)
    }
}

/// Whether the transaction's organization has an alias of this name, so that no provider may have it.
///
/// # Errors
/// When the database refuses.
pub async fn is_taken(tx: &Tx, name: &Provider) -> Result<bool, DatabaseError> {
    projection::is_named(tx, name.as_str()).await
}

async fn expect_free(tx: &Tx, alias: &ModelAlias) -> Result<(), ModelAliasError> {
    let name = alias.name.as_str();
    // A name with a dot, or a longer one, is no provider's.
    if let Ok(provider) = name.parse::<Provider>()
        && custom_provider::is_known(tx, &provider).await?
    {
        return Err(ModelAliasError::ProviderName);
    }
    let there = projection::of_tenant(tx).await?;
    if there.iter().any(|row| row.alias.name == alias.name) {
        return Err(ModelAliasError::NameTaken);
    }
    if there.len() >= MOST {
        return Err(ModelAliasError::TooMany);
    }
    Ok(())
}

async fn expect_known(tx: &Tx, candidates: &[AliasCandidate]) -> Result<(), ModelAliasError> {
    for (place, candidate) in candidates.iter().enumerate() {
        if !custom_provider::is_known(tx, &candidate.provider).await? {
            return Err(ModelAliasError::UnknownProvider(place));
        }
    }
    Ok(())
}
