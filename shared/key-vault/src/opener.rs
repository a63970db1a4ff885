//! Opening provider keys: what the proxy can do, and all it can do.

use std::sync::Arc;

use clock::Clock;
use ids::{ProviderKeyId, TenantId};
use jiff::{SignedDuration, Timestamp};
use moka::sync;
use postgres::{DatabaseError, Postgres, Scope};

use crate::{
    cipher,
    key_service::{Decrypts, KeyService, KeyServiceError},
    remembered::{Memory, Remembered, Wanted},
    sealed_keys::SealedKey,
    secret::OpenedKey,
    unwraps,
};

/// After a failure, calls live on what is in memory for this long instead of waiting each in turn.
const REST: SignedDuration = SignedDuration::from_secs(2);
const MOST_WRAPPING_KEYS: u64 = 1_000;

/// Opens provider keys, from memory where it may. It cannot seal one: it has no such function, its
/// database role cannot write the row, and its KMS policy has no `kms:GenerateDataKey`.
pub struct Opener {
    keys: Decrypts,
    postgres: Postgres,
    clock: Clock,
    memory: Memory,
    /// Wrapping keys that could not be used a moment ago, and until when they are left alone.
    resting: sync::Cache<String, Timestamp>,
}

/// Why a provider key was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenRefusal {
    /// There is no such key: it was destroyed, or never was this organization's.
    #[error("there is no such provider key")]
    Unknown,
    /// The key service or the database cannot be asked, and memory holds nothing young enough.
    /// Trying again later may help.
    #[error("provider keys cannot be opened now")]
    Unavailable(#[source] Unavailable),
    /// The key service said no, or the row is not what was sealed. Trying again does not help.
    #[error("the provider key may not be opened")]
    Refused(#[source] KeyServiceError),
}

/// What could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// The key service.
    #[error(transparent)]
    KeyService(KeyServiceError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<KeyServiceError> for OpenRefusal {
    fn from(error: KeyServiceError) -> Self {
        match error {
            KeyServiceError::Unavailable(_) => Self::Unavailable(Unavailable::KeyService(error)),
            KeyServiceError::Refused(_) | KeyServiceError::NotThisCiphertext(_) => {
                Self::Refused(error)
            }
        }
    }
}

impl From<DatabaseError> for OpenRefusal {
    fn from(error: DatabaseError) -> Self {
        Self::Unavailable(Unavailable::Database(error))
    }
}

impl Opener {
    /// Keeps of the key service only what opens data keys.
    #[must_use]
    pub fn new(service: KeyService, postgres: Postgres, clock: Clock) -> Self {
        Self {
            keys: service.decrypting(),
            postgres,
            clock,
            memory: Memory::new(),
            resting: sync::Cache::new(MOST_WRAPPING_KEYS),
        }
    }

    /// One version of a provider key of this organization. `correlation_id` is the request that
    /// needs it: if the key service is asked, that is written down first.
    ///
    /// # Errors
    /// When it cannot or may not be opened.
    pub async fn open(
        &self,
        tenant: TenantId,
        key: ProviderKeyId,
        version: i32,
        correlation_id: &str,
    ) -> Result<Arc<OpenedKey>, OpenRefusal> {
        let wanted = Wanted {
            tenant,
            key,
            version: Some(version),
            origin: None,
        };
        self.find(wanted, correlation_id).await
    }

    /// The newest version of a provider key of this organization: the one new calls use. `origin` is
    /// where it is to be sent, for a key that was bound to that; one that was bound to another, or
    /// to none, does not open. For `correlation_id` see [`Opener::open`].
    ///
    /// # Errors
    /// When it cannot or may not be opened.
    pub async fn open_newest(
        &self,
        tenant: TenantId,
        key: ProviderKeyId,
        origin: Option<&Arc<str>>,
        correlation_id: &str,
    ) -> Result<Arc<OpenedKey>, OpenRefusal> {
        let wanted = Wanted {
            tenant,
            key,
            version: None,
            origin: origin.map(Arc::clone),
        };
        self.find(wanted, correlation_id).await
    }

    /// Forgets a provider key, as when it was rotated or destroyed.
    pub async fn forget(&self, key: ProviderKeyId) {
        self.memory.forget(key).await;
    }

    /// Has a provider key opened anew for its next call, unless that was done just now: its provider
    /// refused it, and a rotation of which nobody was told yet may be why.
    pub async fn doubt(&self, key: ProviderKeyId) {
        self.memory.doubt(key, self.clock.now()).await;
    }

    /// Forgets every provider key, as at shutdown or after messages may have been missed.
    pub async fn forget_all(&self) {
        self.memory.forget_all().await;
    }

    /// Clears keys that nobody asked for in a long time. To be called every minute or so.
    pub async fn tidy(&self) {
        self.memory.tidy().await;
    }

    async fn find(
        &self,
        wanted: Wanted,
        correlation_id: &str,
    ) -> Result<Arc<OpenedKey>, OpenRefusal> {
        let remembered = self.memory.of(wanted.key).await;
        if let Some(key) = remembered.fresh(&wanted, self.clock.now()) {
            return Ok(key);
        }
        // In a box, for the many calls that find it in memory not to carry it along.
        Box::pin(self.ask_for(&remembered, wanted, correlation_id)).await
    }

    async fn ask_for(
        &self,
        remembered: &Remembered,
        wanted: Wanted,
        correlation_id: &str,
    ) -> Result<Arc<OpenedKey>, OpenRefusal> {
        let _turn = remembered.turn.lock().await;
        if let Some(key) = remembered.fresh(&wanted, self.clock.now()) {
            return Ok(key);
        }
        let opened = self.unseal(&wanted, correlation_id).await;
        let outcome = outcome_of(&opened);
        metrics::counter!("latchkey_provider_keys_opened_total", "outcome" => outcome).increment(1);
        match opened {
            Ok(key) => {
                let key = Arc::new(key);
                remembered.keep(wanted, &key, self.clock.now());
                Ok(key)
            }
            Err(OpenRefusal::Unavailable(why)) => self.bridge(remembered, &wanted, why),
            Err(refusal) => {
                remembered.clear();
                self.memory.forget(wanted.key).await;
                log_refusal(&wanted, &refusal);
                Err(refusal)
            }
        }
    }

    /// Lives on what is in memory while the key service or the database cannot be asked.
    fn bridge(
        &self,
        remembered: &Remembered,
        wanted: &Wanted,
        why: Unavailable,
    ) -> Result<Arc<OpenedKey>, OpenRefusal> {
        let Some(key) = remembered.in_grace(wanted, self.clock.now()) else {
            return Err(OpenRefusal::Unavailable(why));
        };
        tracing::warn!(key.id = %wanted.key, why = %why, "provider key used beyond its time");
        Ok(key)
    }

    async fn unseal(
        &self,
        wanted: &Wanted,
        correlation_id: &str,
    ) -> Result<OpenedKey, OpenRefusal> {
        let tx = self
            .postgres
            .begin("open provider key", Scope::Tenant(wanted.tenant))
            .await?;
        let sealed = SealedKey::read(&tx, wanted).await?;
        let sealed = sealed.ok_or(OpenRefusal::Unknown)?;
        self.expect_awake(&sealed.wrapping_key)?;
        // What cannot be written down is not opened.
        unwraps::note(&tx, &sealed, correlation_id, self.clock.now()).await?;
        tx.commit().await?;
        let data_key = self.data_key(&sealed).await?;
        let associated = sealed.place.associated_data(&sealed.wrapping_key);
        let moved = || KeyServiceError::NotThisCiphertext("it was changed or moved".to_owned());
        let text = cipher::open(&data_key, &sealed.nonce, &associated, &sealed.ciphertext)
            .map_err(|_| moved())?;
        Ok(OpenedKey::new(&text, sealed.place.version).ok_or_else(moved)?)
    }

    /// A wrapping key that could not be used a moment ago is left alone.
    fn expect_awake(&self, wrapping_key: &str) -> Result<(), KeyServiceError> {
        let until = self.resting.get(wrapping_key);
        if until.is_some_and(|until| self.clock.now() < until) {
            let why = "it failed a moment ago".to_owned();
            return Err(KeyServiceError::Unavailable(why));
        }
        Ok(())
    }

    async fn data_key(&self, sealed: &SealedKey) -> Result<cipher::PlainKey, KeyServiceError> {
        let name = &sealed.wrapping_key;
        let context = sealed.place.context(self.keys.environment());
        let answer = self
            .keys
            .data_key(name, &sealed.encrypted_data_key, &context)
            .await;
        if matches!(answer, Err(KeyServiceError::Unavailable(_))) {
            self.resting.insert(name.clone(), self.clock.now() + REST);
        }
        answer
    }
}

const fn outcome_of(opened: &Result<OpenedKey, OpenRefusal>) -> &'static str {
    match opened {
        Ok(_) => "opened",
        Err(OpenRefusal::Unknown) => "unknown",
        Err(OpenRefusal::Unavailable(_)) => "unavailable",
        Err(OpenRefusal::Refused(_)) => "refused",
    }
}

fn log_refusal(wanted: &Wanted, refusal: &OpenRefusal) {
    if let OpenRefusal::Refused(why) = refusal {
        tracing::error!(key.id = %wanted.key, tenant.id = %wanted.tenant, why = %why,
            "provider key refused");
    }
}
