//! The service that keeps the wrapping keys: AWS KMS, or a file for a machine of one's own.

mod aws;
mod local;
#[cfg(test)]
pub mod scripted;

use std::{path::Path, sync::Arc};

use crate::{cipher::PlainKey, context::Context};

pub use aws::AwsKeys;
use local::LocalKeys;

/// A data key just made: in clear for one sealing, and wrapped to be stored.
pub struct DataKey {
    pub plaintext: PlainKey,
    pub encrypted: Vec<u8>,
    /// The name of the key that wraps it: an ARN at AWS.
    pub wrapping_key: String,
}

/// Why the key service did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum KeyServiceError {
    /// No answer, or none that says anything about the key: it may work in a moment.
    #[error("the key service cannot be used now: {0}")]
    Unavailable(String),
    /// The key service will not: the wrapping key is disabled or gone, or we have no right to it.
    #[error("the key service refused: {0}")]
    Refused(String),
    /// What was to be decrypted was not made by this key for this place.
    #[error("the ciphertext does not belong here: {0}")]
    NotThisCiphertext(String),
}

/// Why a key service cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A key in a file protects nothing on a server that others run.
    #[error("a local wrapping key is not allowed in production; use `--kms aws`")]
    LocalInProduction,
    /// A setting that this kind needs is missing.
    #[error("`{0}` is needed")]
    Missing(&'static str),
    /// Data keys would cross the network in clear.
    #[error("a KMS endpoint in production uses https or is on this machine")]
    PlainEndpoint,
    /// The file can be read or written by others.
    #[error("{path} may be readable by its owner only (mode 0600); it has mode {mode:04o}")]
    FileMode { path: String, mode: u32 },
    /// The file holds something else.
    #[error("{0} does not hold a 32-byte wrapping key")]
    FileContent(String),
    /// The file cannot be read or made.
    #[error("cannot use the wrapping key file {path}")]
    File {
        path: String,
        #[source]
        source: std::io::Error,
    },
}

/// A key service, before it is narrowed to sealing or opening by what takes it.
#[derive(Clone)]
pub struct KeyService {
    keys: Arc<Keys>,
    environment: Arc<str>,
}

enum Keys {
    Aws(AwsKeys),
    Local(LocalKeys),
    #[cfg(test)]
    Scripted(scripted::ScriptedKeys),
}

/// Whether an environment of this name serves people's real keys.
pub fn is_production(environment: &str) -> bool {
    environment.trim().to_ascii_lowercase().starts_with("prod")
}

impl KeyService {
    /// A wrapping key in a file, which is made on first use.
    ///
    /// # Errors
    /// In production, and when the file cannot be made or read or others may read it.
    pub fn local(path: &Path, environment: &str) -> Result<Self, SetupError> {
        if is_production(environment) {
            return Err(SetupError::LocalInProduction);
        }
        Ok(Self::of(Keys::Local(LocalKeys::at(path)?), environment))
    }

    /// A wrapping key in AWS KMS.
    #[must_use]
    pub fn aws(keys: AwsKeys, environment: &str) -> Self {
        Self::of(Keys::Aws(keys), environment)
    }

    fn of(keys: Keys, environment: &str) -> Self {
        Self {
            keys: Arc::new(keys),
            environment: environment.into(),
        }
    }

    /// The half that makes data keys and opens nothing.
    pub(crate) fn generating(self) -> Generates {
        Generates(self)
    }

    /// The half that opens data keys and makes none.
    pub(crate) fn decrypting(self) -> Decrypts {
        Decrypts(self)
    }
}

/// The half of a key service that makes data keys and opens nothing.
pub struct Generates(KeyService);

impl Generates {
    pub fn environment(&self) -> &str {
        &self.0.environment
    }

    /// Makes a data key bound to `context`.
    pub async fn data_key(&self, context: &Context) -> Result<DataKey, KeyServiceError> {
        match &*self.0.keys {
            Keys::Aws(keys) => keys.generate(context).await,
            Keys::Local(keys) => keys.generate(context),
            #[cfg(test)]
            Keys::Scripted(keys) => keys.generate(context),
        }
    }
}

/// The half of a key service that opens data keys and makes none.
pub struct Decrypts(KeyService);

impl Decrypts {
    pub fn environment(&self) -> &str {
        &self.0.environment
    }

    /// Opens a data key that was bound to the same `context` under this wrapping key.
    pub async fn data_key(
        &self,
        wrapping_key: &str,
        encrypted: &[u8],
        context: &Context,
    ) -> Result<PlainKey, KeyServiceError> {
        match &*self.0.keys {
            Keys::Aws(keys) => keys.decrypt(wrapping_key, encrypted, context).await,
            Keys::Local(keys) => keys.decrypt(wrapping_key, encrypted, context),
            #[cfg(test)]
            Keys::Scripted(keys) => keys.decrypt(wrapping_key, encrypted, context),
        }
    }
}
