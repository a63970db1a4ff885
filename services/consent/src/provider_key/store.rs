//! Storing, rotating and destroying provider keys.

use event_store::{ProjectionError, StreamId};
use events::{Provider, ProviderKeyEvent};
use ids::{EventId, ProviderKeyId, TenantId, UserId};
use key_vault::{ProviderSecret, SealError, SealedKey, Unwrap};
use postgres::{DatabaseError, Tx};

use super::{Pace, ProviderKey, ProviderKeyRow, Refusal, projection};
use crate::{
    custom_provider,
    projections::{RecordError, load, record},
    vault::{Actor, Vault, one_at_a_time},
};

/// The most keys of one person.
const MOST_KEYS: i64 = 100;

/// The provider keys of people. Clones count together how often a person has keys checked.
#[derive(Clone)]
pub struct ProviderKeys {
    pub(super) vault: Vault,
    pub(super) pace: Pace,
}

/// Why nothing was done with a provider key.
#[derive(Debug, thiserror::Error)]
pub enum ProviderKeyError {
    /// The rules forbid it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The person has as many as one may have.
    #[error("a person has at most {MOST_KEYS} provider keys; destroy one first")]
    TooMany,
    /// It is neither built in nor one that the organization added, or was removed meanwhile.
    #[error("unknown provider")]
    UnknownProvider,
    /// The key could not be sealed: nothing was stored.
    #[error("the key could not be sealed")]
    Seal(#[from] SealError),
    /// It could not be recorded.
    #[error("the provider key could not be recorded")]
    Record(#[from] RecordError),
    /// The database refused.
    #[error("the database refused")]
    Database(#[from] DatabaseError),
}

impl ProviderKeys {
    /// The provider keys of this vault.
    #[must_use]
    pub fn new(vault: Vault) -> Self {
        let pace = Pace::new();
        Self { vault, pace }
    }

    /// Stores a key, sealed, for its owner.
    ///
    /// # Errors
    /// When the person has too many, or it cannot be sealed or recorded; then nothing is stored.
    pub async fn store(
        &self,
        actor: &Actor,
        provider: Provider,
        name: String,
        secret: &ProviderSecret,
    ) -> Result<ProviderKeyId, ProviderKeyError> {
        let id = ProviderKeyId::new(self.vault.clock.now());
        let origin = self.origin(actor.tenant, &provider).await?;
        // Before the transaction begins, so that it does not stay open while the key service answers.
        let sealed = self.enclose((actor, id, 1), &origin, secret).await?;
        let tx = self.vault.begin("store provider key", actor.tenant).await?;
        expect_still(&tx, &provider, &origin).await?;
        one_at_a_time(&tx, actor.user).await?;
        if projection::count_of_owner(&tx, actor.user).await? >= MOST_KEYS {
            return Err(ProviderKeyError::TooMany);
        }
        let stream = StreamId::of::<ProviderKeyEvent, _>(id);
        let (key, version) = load::<ProviderKey>(&tx, &stream).await?;
        let last_four = secret.last_four().to_owned();
        let stored = key.store(actor.user, provider.clone(), name, last_four)?;
        let events = self.and_check(actor, &key, stored, provider)?;
        self.vault.sealer.store(&tx, &sealed).await?;
        record(&tx, &stream, version, &events, &self.vault.context(actor)).await?;
        tx.commit().await?;
        self.vault.changed(&[]);
        Ok(id)
    }

    /// The origin that a key of this provider is bound to, if it is.
    async fn origin(
        &self,
        tenant: TenantId,
        provider: &Provider,
    ) -> Result<Option<String>, ProviderKeyError> {
        if provider.is_built_in() {
            return Ok(None);
        }
        let tx = self.vault.begin("find provider", tenant).await?;
        let origin = origin_of(&tx, provider).await?;
        tx.commit().await?;
        Ok(origin)
    }

    /// Puts a new secret in the place of the old one, whose sealed form is removed. Grants and
    /// tokens stay as they are.
    ///
    /// # Errors
    /// When it is not this person's key, or cannot be sealed or recorded.
    pub async fn rotate(
        &self,
        actor: &Actor,
        id: ProviderKeyId,
        secret: &ProviderSecret,
    ) -> Result<(), ProviderKeyError> {
        let stream = StreamId::of::<ProviderKeyEvent, _>(id);
        let last_four = secret.last_four().to_owned();
        let tx = self.vault.begin("read provider key", actor.tenant).await?;
        let (key, seen) = load::<ProviderKey>(&tx, &stream).await?;
        owned(&key, actor.user)?;
        let row = projection::one(&tx, id).await?.ok_or(Refusal::Unknown)?;
        let origin = origin_of(&tx, &row.provider).await?;
        tx.commit().await?;
        let (event, number) = key.rotate(last_four)?;
        // Between two transactions, so that none stays open while the key service answers. What is
        // appended expects the version that was seen in the first.
        let sealed = self.enclose((actor, id, number), &origin, secret).await?;
        let tx = self
            .vault
            .begin("rotate provider key", actor.tenant)
            .await?;
        expect_still(&tx, &row.provider, &origin).await?;
        let events = self.and_check(actor, &key, event, row.provider)?;
        record(&tx, &stream, seen, &events, &self.vault.context(actor)).await?;
        self.vault.sealer.store(&tx, &sealed).await?;
        self.vault
            .sealer
            .destroy_before(&tx, actor.tenant, id, number)
            .await?;
        tx.commit().await?;
        self.vault.changed(&[]);
        Ok(())
    }

    /// Destroys a key: its sealed form is removed, and calls that need it are refused.
    ///
    /// # Errors
    /// When it is not this person's key or cannot be recorded.
    pub async fn delete(&self, actor: &Actor, id: ProviderKeyId) -> Result<(), ProviderKeyError> {
        let tx = self
            .vault
            .begin("delete provider key", actor.tenant)
            .await?;
        let stream = StreamId::of::<ProviderKeyEvent, _>(id);
        let (key, version) = load::<ProviderKey>(&tx, &stream).await?;
        owned(&key, actor.user)?;
        let event = key.delete()?;
        self.vault.sealer.destroy(&tx, actor.tenant, id).await?;
        record(&tx, &stream, version, &[event], &self.vault.context(actor)).await?;
        tx.commit().await?;
        self.vault.changed(&[]);
        Ok(())
    }

    /// Seals a secret, bound to where it may be sent if the organization itself said where.
    async fn enclose(
        &self,
        (actor, id, version): (&Actor, ProviderKeyId, i32),
        origin: &Option<String>,
        secret: &ProviderSecret,
    ) -> Result<SealedKey, SealError> {
        let (sealer, tenant) = (&self.vault.sealer, actor.tenant);
        match origin {
            None => sealer.enclose(tenant, id, version, secret).await,
            Some(origin) => {
                let place = (tenant, id, version);
                sealer.enclose_for(place, origin, secret).await
            }
        }
    }

    /// The keys a person owns.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn of(
        &self,
        tenant: TenantId,
        owner: UserId,
    ) -> Result<Vec<ProviderKeyRow>, DatabaseError> {
        let tx = self.vault.begin("list provider keys", tenant).await?;
        let keys = projection::of_owner(&tx, owner).await?;
        tx.commit().await?;
        Ok(keys)
    }

    /// Each time that the key service was asked to open a key of this person, the newest first, from
    /// before `before` on; at most `limit`.
    ///
    /// # Errors
    /// When it is not this person's key, or the database refuses.
    pub async fn unwraps(
        &self,
        (tenant, owner): (TenantId, UserId),
        id: ProviderKeyId,
        (before, limit): (Option<EventId>, i64),
    ) -> Result<Vec<Unwrap>, ProviderKeyError> {
        let tx = self.vault.begin("list key unwraps", tenant).await?;
        let key = projection::one(&tx, id).await?;
        if key.is_none_or(|key| key.owner != owner) {
            return Err(Refusal::Unknown.into());
        }
        let unwraps = Unwrap::of_key(&tx, tenant, id, before, limit).await?;
        tx.commit().await?;
        Ok(unwraps)
    }
}

/// A person's key that works for a provider: theirs to give, by id or the first they stored. The
/// sandbox needs none, and everybody has that.
///
/// # Errors
/// When the database refuses.
pub async fn usable_key(
    tx: &Tx,
    owner: UserId,
    provider: &Provider,
) -> Result<Option<ProviderKeyId>, DatabaseError> {
    if provider.is_sandbox() {
        return Ok(Some(ProviderKeyId::NONE));
    }
    let keys = projection::of_owner(tx, owner).await?;
    Ok(keys
        .into_iter()
        .find(|key| key.provider == *provider && key.state == projection::KeyState::Usable)
        .map(|key| key.id))
}

/// Destroys every key of a provider that the transaction's organization removes.
///
/// # Errors
/// When the database refuses, or a key changed at the same moment.
pub async fn destroy_all_of(
    vault: &Vault,
    tx: &Tx,
    actor: &Actor,
    provider: &Provider,
) -> Result<(), RecordError> {
    let refused = |error| RecordError::Projection(ProjectionError::Database(error));
    for id in projection::of_provider(tx, provider)
        .await
        .map_err(refused)?
    {
        let stream = StreamId::of::<ProviderKeyEvent, _>(id);
        let (key, version) = load::<ProviderKey>(tx, &stream).await?;
        let Ok(event) = key.delete() else { continue };
        let destroyed = vault.sealer.destroy(tx, actor.tenant, id).await;
        destroyed.map_err(refused)?;
        record(tx, &stream, version, &[event], &vault.context(actor)).await?;
    }
    Ok(())
}

/// Where the keys of a provider may be sent: anywhere for a built-in one, else to the origin that
/// the transaction's organization named.
async fn origin_of(tx: &Tx, provider: &Provider) -> Result<Option<String>, ProviderKeyError> {
    if provider.is_built_in() {
        return Ok(None);
    }
    let row = custom_provider::projection::named(tx, provider).await?;
    let row = row.ok_or(ProviderKeyError::UnknownProvider)?;
    Ok(Some(row.provider.origin().to_owned()))
}

/// What was sealed for one origin is not stored when another has taken its place.
async fn expect_still(
    tx: &Tx,
    provider: &Provider,
    origin: &Option<String>,
) -> Result<(), ProviderKeyError> {
    if origin_of(tx, provider).await? == *origin {
        Ok(())
    } else {
        Err(ProviderKeyError::UnknownProvider)
    }
}

/// Another person's key is as unknown as one that does not exist.
pub(super) fn owned(key: &ProviderKey, user: UserId) -> Result<(), Refusal> {
    match key {
        ProviderKey::Stored { owner, .. } if *owner == user => Ok(()),
        _ => Err(Refusal::Unknown),
    }
}
