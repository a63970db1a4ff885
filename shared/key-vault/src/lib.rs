#![doc = include_str!("../README.md")]

mod cipher;
mod context;
mod key_service;
mod opener;
mod remembered;
mod sealed_keys;
mod sealer;
mod secret;
mod settings;
mod small_secrets;
#[cfg(test)]
mod tests;
mod unwraps;

pub use key_service::{KeyService, KeyServiceError, SetupError};
pub use opener::{OpenRefusal, Opener};
pub use sealed_keys::SealedKey;
pub use sealer::{SealError, Sealer};
pub use secret::{OpenedKey, ProviderSecret, SecretRefusal};
pub use settings::{KeyServiceKind, KeyServiceSettings};
pub use small_secrets::{SmallSecretError, SmallSecrets};
pub use unwraps::Unwrap;
