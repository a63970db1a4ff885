//! Sealing provider keys: what consent can do, and all it can do.

use clock::Clock;
use ids::{ProviderKeyId, TenantId};
use postgres::{DatabaseError, Tx};

use crate::{
    cipher,
    context::Place,
    key_service::{Generates, KeyService, KeyServiceError},
    sealed_keys::{self, SealedKey},
    secret::ProviderSecret,
};

/// Seals provider keys and destroys them. It cannot open one: it has no such function, its
/// database role cannot read the row, and its KMS policy has no `kms:Decrypt`.
pub struct Sealer {
    keys: Generates,
    clock: Clock,
}

/// Why a provider key was not sealed. Then nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The key service made no data key.
    #[error(transparent)]
    KeyService(#[from] KeyServiceError),
    /// The cipher failed, for want of randomness.
    #[error("the provider key could not be encrypted")]
    Cipher,
    /// The database refused: this version is sealed already
    /// ([`DatabaseError::is_unique_violation`]), or the transaction is of another organization.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl Sealer {
    /// Keeps of the key service only what makes data keys.
    #[must_use]
    pub fn new(service: KeyService, clock: Clock) -> Self {
        Self {
            keys: service.generating(),
            clock,
        }
    }

    /// Seals one version of a provider key and stores it in the caller's transaction. The
    /// transaction stays open while the key service answers; where that may take long, use
    /// [`Sealer::enclose`] before it begins and [`Sealer::store`] within.
    ///
    /// # Errors
    /// When the key service or the database refuses.
    pub async fn seal(
        &self,
        tx: &Tx,
        tenant: TenantId,
        key: ProviderKeyId,
        version: i32,
        secret: &ProviderSecret,
    ) -> Result<(), SealError> {
        let sealed = self.enclose(tenant, key, version, secret).await?;
        Ok(self.store(tx, &sealed).await?)
    }

    /// Encrypts one version of a provider key under a data key of its own.
    ///
    /// # Errors
    /// When the key service makes no data key.
    pub async fn enclose(
        &self,
        tenant: TenantId,
        key: ProviderKeyId,
        version: i32,
        secret: &ProviderSecret,
    ) -> Result<SealedKey, SealError> {
        let place = Place {
            tenant,
            key,
            version,
            origin: None,
        };
        self.enclose_at(place, secret).await
    }

    /// The same, bound to the one origin (RFC 6454) that the key may be sent to: it opens for no
    /// other.
    ///
    /// # Errors
    /// When the key service makes no data key.
    pub async fn enclose_for(
        &self,
        (tenant, key, version): (TenantId, ProviderKeyId, i32),
        origin: &str,
        secret: &ProviderSecret,
    ) -> Result<SealedKey, SealError> {
        let place = Place {
            tenant,
            key,
            version,
            origin: Some(origin.into()),
        };
        self.enclose_at(place, secret).await
    }

    async fn enclose_at(
        &self,
        place: Place,
        secret: &ProviderSecret,
    ) -> Result<SealedKey, SealError> {
        let data_key = self
            .keys
            .data_key(&place.context(self.keys.environment()))
            .await?;
        let associated = place.associated_data(&data_key.wrapping_key);
        let sealed = cipher::seal(&data_key.plaintext, &associated, secret.reveal().as_bytes())
            .map_err(|_| SealError::Cipher)?;
        Ok(SealedKey {
            place,
            wrapping_key: data_key.wrapping_key,
            encrypted_data_key: data_key.encrypted,
            nonce: sealed.nonce.to_vec(),
            ciphertext: sealed.ciphertext,
        })
    }

    /// Stores what was enclosed.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn store(&self, tx: &Tx, sealed: &SealedKey) -> Result<(), DatabaseError> {
        sealed.store(tx, self.clock.now()).await
    }

    /// Destroys every version of a provider key; gives how many there were. What a proxy holds in
    /// memory ends when it hears of it.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn destroy(
        &self,
        tx: &Tx,
        tenant: TenantId,
        key: ProviderKeyId,
    ) -> Result<u64, DatabaseError> {
        sealed_keys::destroy(tx, tenant, key).await
    }

    /// Destroys the versions before `version`, once no call uses them any more; gives how many.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn destroy_before(
        &self,
        tx: &Tx,
        tenant: TenantId,
        key: ProviderKeyId,
        version: i32,
    ) -> Result<u64, DatabaseError> {
        sealed_keys::destroy_before(tx, tenant, key, version).await
    }
}
