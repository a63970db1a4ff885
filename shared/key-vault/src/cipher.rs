//! AES-256-GCM with a random nonce, bound to associated data.

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use zeroize::Zeroizing;

/// Bytes of a key.
pub const KEY_LENGTH: usize = 32;
/// Bytes of a nonce.
pub const NONCE_LENGTH: usize = 12;

/// A key in clear, cleared from memory when it goes.
pub type PlainKey = Zeroizing<[u8; KEY_LENGTH]>;

/// The cipher did not work: no randomness, or nothing it could do with its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CipherFailed;

/// What came of sealing.
pub struct Sealed {
    /// Random, 96 bits: safe because no key here seals more than a handful of texts.
    pub nonce: [u8; NONCE_LENGTH],
    /// The ciphertext, followed by its 16-byte tag.
    pub ciphertext: Vec<u8>,
}

/// Encrypts `plaintext` so that it opens only with `key` and beside the same `associated` data.
pub fn seal(key: &PlainKey, associated: &[u8], plaintext: &[u8]) -> Result<Sealed, CipherFailed> {
    let key = cipher(key)?;
    let mut text = Zeroizing::new(plaintext.to_vec());
    // The tag is apart, because appending it may move the buffer and leave a copy behind.
    let (nonce, tag) = key
        .seal_in_place_separate_tag(Aad::from(associated), &mut text)
        .map_err(|_| CipherFailed)?;
    let mut ciphertext = text.to_vec();
    ciphertext.extend_from_slice(tag.as_ref());
    Ok(Sealed {
        nonce: *nonce.as_ref(),
        ciphertext,
    })
}

/// Decrypts what [`seal`] made. Fails when one bit of key, nonce, text or associated data differs.
pub fn open(
    key: &PlainKey,
    nonce: &[u8],
    associated: &[u8],
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>, CipherFailed> {
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| CipherFailed)?;
    let mut text = Zeroizing::new(ciphertext.to_vec());
    let length = cipher(key)?
        .open_in_place(nonce, Aad::from(associated), &mut text)
        .map_err(|_| CipherFailed)?
        .len();
    text.truncate(length);
    Ok(text)
}

fn cipher(key: &PlainKey) -> Result<RandomizedNonceKey, CipherFailed> {
    RandomizedNonceKey::new(&AES_256_GCM, key.as_slice()).map_err(|_| CipherFailed)
}

/// Joins `parts` so that no two lists give the same bytes: each after its length.
pub fn length_prefixed<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut joined = Vec::new();
    for part in parts {
        joined.extend_from_slice(&(part.len() as u64).to_be_bytes());
        joined.extend_from_slice(part);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_only_unchanged_and_beside_the_same_data() {
        let key = Zeroizing::new([7; KEY_LENGTH]);
        let sealed = seal(&key, b"here", b"secret").unwrap();
        assert_eq!(
            *open(&key, &sealed.nonce, b"here", &sealed.ciphertext).unwrap(),
            b"secret"
        );
        assert!(open(&key, &sealed.nonce, b"there", &sealed.ciphertext).is_err());
        assert!(open(&key, &[0; NONCE_LENGTH], b"here", &sealed.ciphertext).is_err());
        let other = Zeroizing::new([8; KEY_LENGTH]);
        assert!(open(&other, &sealed.nonce, b"here", &sealed.ciphertext).is_err());
        for bit in 0..sealed.ciphertext.len() * 8 {
            let mut changed = sealed.ciphertext.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(
                open(&key, &sealed.nonce, b"here", &changed).is_err(),
                "bit {bit}"
            );
        }
        assert!(open(&key, &sealed.nonce, b"here", &[]).is_err());
        assert!(open(&key, &[], b"here", &sealed.ciphertext).is_err());
    }

    #[test]
    fn two_lists_never_join_to_the_same_bytes() {
        let joined = |parts: &[&str]| length_prefixed(parts.iter().map(|p| p.as_bytes()));
        assert_ne!(joined(&["t1", "k1"]), joined(&["t1k", "1"]));
        assert_ne!(joined(&["t1", ""]), joined(&["t1"]));
    }
}
