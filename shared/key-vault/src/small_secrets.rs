//! Small secrets of a service that both seals and opens them, such as a client secret at an
//! identity provider: everything needed to open one is in one run of bytes.

use zeroize::Zeroizing;

use crate::{
    cipher::{self, NONCE_LENGTH},
    context::Context,
    key_service::{Decrypts, Generates, KeyService, KeyServiceError},
};

/// The first byte: how the rest is written.
const FORMAT: u8 = 1;

/// Seals and opens small secrets. For auth; consent and proxy have half of it each.
pub struct SmallSecrets {
    generates: Generates,
    decrypts: Decrypts,
}

/// Why a small secret was not sealed or opened.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SmallSecretError {
    /// The key service did not do its part.
    #[error(transparent)]
    KeyService(#[from] KeyServiceError),
    /// The cipher failed, for want of randomness.
    #[error("the secret could not be encrypted")]
    Cipher,
    /// The bytes are not what was sealed, or not for this context.
    #[error("the sealed secret was changed, or belongs elsewhere")]
    NotThisCiphertext,
}

impl SmallSecrets {
    /// Takes both halves of the key service.
    #[must_use]
    pub fn new(service: KeyService) -> Self {
        Self {
            generates: service.clone().generating(),
            decrypts: service.decrypting(),
        }
    }

    /// Seals `secret` under a data key of its own. `context` says where it belongs, in names and
    /// ids that may be seen, such as `("okap:tenant", "org_…")`; opening needs the same.
    ///
    /// # Errors
    /// When the key service makes no data key.
    pub async fn seal_small(
        &self,
        context: &[(&str, &str)],
        secret: &[u8],
    ) -> Result<Vec<u8>, SmallSecretError> {
        let context = Context::new(context, self.generates.environment());
        let data_key = self.generates.data_key(&context).await?;
        let associated = associated_data(&context, &data_key.wrapping_key);
        let sealed = cipher::seal(&data_key.plaintext, &associated, secret)
            .map_err(|_| SmallSecretError::Cipher)?;
        let mut packed = vec![FORMAT];
        pack(&mut packed, data_key.wrapping_key.as_bytes())?;
        pack(&mut packed, &data_key.encrypted)?;
        packed.extend_from_slice(&sealed.nonce);
        packed.extend_from_slice(&sealed.ciphertext);
        Ok(packed)
    }

    /// Opens what [`SmallSecrets::seal_small`] made for the same context.
    ///
    /// # Errors
    /// When the key service refuses, or the bytes were changed or made for another context.
    pub async fn open_small(
        &self,
        context: &[(&str, &str)],
        packed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SmallSecretError> {
        let context = Context::new(context, self.decrypts.environment());
        let parts = Parts::of(packed).ok_or(SmallSecretError::NotThisCiphertext)?;
        let data_key = self
            .decrypts
            .data_key(parts.wrapping_key, parts.encrypted, &context)
            .await?;
        let associated = associated_data(&context, parts.wrapping_key);
        cipher::open(&data_key, parts.nonce, &associated, parts.ciphertext)
            .map_err(|_| SmallSecretError::NotThisCiphertext)
    }
}

struct Parts<'a> {
    wrapping_key: &'a str,
    encrypted: &'a [u8],
    nonce: &'a [u8],
    ciphertext: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(packed: &'a [u8]) -> Option<Self> {
        let rest = packed.strip_prefix(&[FORMAT])?;
        let (wrapping_key, rest) = unpack(rest)?;
        let (encrypted, rest) = unpack(rest)?;
        let (nonce, ciphertext) = rest.split_at_checked(NONCE_LENGTH)?;
        let wrapping_key = std::str::from_utf8(wrapping_key).ok()?;
        Some(Self {
            wrapping_key,
            encrypted,
            nonce,
            ciphertext,
        })
    }
}

fn associated_data(context: &Context, wrapping_key: &str) -> Vec<u8> {
    let mut associated = vec![FORMAT];
    associated.extend(context.associated_data(wrapping_key));
    associated
}

fn pack(packed: &mut Vec<u8>, part: &[u8]) -> Result<(), SmallSecretError> {
    let length = u16::try_from(part.len()).map_err(|_| SmallSecretError::Cipher)?;
    packed.extend_from_slice(&length.to_be_bytes());
    packed.extend_from_slice(part);
    Ok(())
}

fn unpack(packed: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = packed.split_first_chunk::<2>()?;
    rest.split_at_checked(u16::from_be_bytes(*length).into())
}
