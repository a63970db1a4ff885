//! Bearer credentials: made here, checked here, stored only as a digest.

use std::{fmt, marker::PhantomData};

use aws_lc_rs::{digest, rand};
use zeroize::Zeroizing;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Base62 digits that hold 256 bits.
const RANDOM_LENGTH: usize = 43;
/// Base62 digits that hold a CRC32.
const CHECKSUM_LENGTH: usize = 6;

/// What a [`Token`] opens; gives its prefix.
pub trait TokenKind: 'static {
    /// The prefix, underscore included, such as `okap_`.
    const PREFIX: &'static str;
}

/// A bearer credential: prefix, 256 random bits in base62, CRC32 in base62.
///
/// It has no `Debug`, `Display`, `Serialize` or `Clone` on purpose: it is shown once, to its
/// holder, through [`Token::reveal`], and its memory is cleared when it goes.
pub struct Token<K> {
    text: Zeroizing<String>,
    kind: PhantomData<fn() -> K>,
}

/// Why a text cannot be a token of this kind. Says nothing about whether it was ever issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    /// It does not begin with the prefix of its kind.
    #[error("a token that begins with `{0}` is needed")]
    Prefix(&'static str),
    /// It is too short or too long.
    #[error("the token is not {expected} characters long")]
    Length { expected: usize },
    /// A character outside base62.
    #[error("the token has a character outside 0-9, A-Z and a-z")]
    Character,
    /// The checksum does not fit: mistyped, cut or made up.
    #[error("the token's checksum does not fit; it was mistyped, cut or made up")]
    Checksum,
}

impl<K: TokenKind> Token<K> {
    /// Makes a new credential from the operating system's randomness.
    ///
    /// # Errors
    /// Fails only when the operating system gives no randomness.
    pub fn mint() -> Result<Self, NoRandomness> {
        let mut bits = Zeroizing::new([0_u8; 32]);
        rand::fill(bits.as_mut_slice()).map_err(|_| NoRandomness)?;
        Ok(Self::from_bits(&bits))
    }

    fn from_bits(bits: &[u8; 32]) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(Self::length()));
        text.push_str(K::PREFIX);
        push_base62(&mut text, bits, RANDOM_LENGTH);
        let checksum = crc32fast::hash(text.as_bytes());
        push_base62(&mut text, &checksum.to_be_bytes(), CHECKSUM_LENGTH);
        Self {
            text,
            kind: PhantomData,
        }
    }

    /// Takes a credential as a caller sent it; malformed ones are refused before any look-up.
    ///
    /// # Errors
    /// Names the rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, TokenRefusal> {
        let body = text
            .strip_prefix(K::PREFIX)
            .ok_or(TokenRefusal::Prefix(K::PREFIX))?;
        if text.len() != Self::length() {
            return Err(TokenRefusal::Length {
                expected: Self::length(),
            });
        }
        if !body.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(TokenRefusal::Character);
        }
        let (signed, checksum) = text.split_at(text.len() - CHECKSUM_LENGTH);
        let mut expected = String::with_capacity(CHECKSUM_LENGTH);
        push_base62(
            &mut expected,
            &crc32fast::hash(signed.as_bytes()).to_be_bytes(),
            CHECKSUM_LENGTH,
        );
        if checksum != expected {
            return Err(TokenRefusal::Checksum);
        }
        Ok(Self {
            text: Zeroizing::new(text.to_owned()),
            kind: PhantomData,
        })
    }

    /// The credential itself, to hand to its holder. Never log, store or serialize what this gives.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// What is stored and looked up instead of the credential.
    #[must_use]
    pub fn digest(&self) -> TokenDigest {
        TokenDigest::of(&self.text)
    }

    const fn length() -> usize {
        K::PREFIX.len() + RANDOM_LENGTH + CHECKSUM_LENGTH
    }
}

/// The operating system gave no randomness.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the operating system gave no randomness")]
pub struct NoRandomness;

/// SHA-256 of a credential. Enough at rest because credentials carry 256 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// The digest of a credential's text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut bytes = [0_u8; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
        Self(bytes)
    }

    /// The digest stored in a `bytea` column; `None` unless it is 32 bytes long.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes for a `bytea` column.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Lower-case hexadecimal, for a session setting of the database.
    #[must_use]
    pub fn to_hex(&self) -> String {
        self.0.iter().map(|b| format!("{b:02x}")).collect()
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(…)")
    }
}

/// Appends `bytes`, read as one big-endian number, in base62, padded to `length` digits.
fn push_base62(text: &mut String, bytes: &[u8], length: usize) {
    let mut number = Zeroizing::new(bytes.to_vec());
    let mut digits = Zeroizing::new(Vec::with_capacity(length));
    for _ in 0..length {
        let mut remainder = 0_u32;
        for byte in number.iter_mut() {
            let value = remainder * 256 + u32::from(*byte);
            // Both fit: value is below 62 × 256.
            *byte = u8::try_from(value / 62).unwrap_or(0);
            remainder = value % 62;
        }
        digits.push(ALPHABET[remainder as usize]);
    }
    text.extend(digits.iter().rev().map(|digit| char::from(*digit)));
}

macro_rules! tokens {
    ($($(#[$doc:meta])* $kind:ident $prefix:literal $token:ident;)*) => {
        /// The kinds of bearer credentials.
        pub mod token_kinds {
            $($(#[$doc])* #[derive(Debug)] pub enum $kind {})*
        }
        $(impl TokenKind for token_kinds::$kind { const PREFIX: &'static str = $prefix; }
        $(#[$doc])* pub type $token = Token<token_kinds::$kind>;)*
    };
}

tokens! {
    /// The credential of one grant, sent with every call through the proxy.
    Okap "okap_" OkapToken;
    /// A person's token for the management API.
    Api "lk_" ApiToken;
    /// A one-use vault address that may carry a ceiling.
    Ticket "ct_" ConnectTicket;
    /// What the asker of an undecided access request collects its answer with.
    Poll "ps_" PollSecret;
    /// An OAuth authorization code (RFC 6749 section 4.1.2).
    Code "oc_" AuthorizationCode;
    /// What an OAuth client gets its next access token with (RFC 6749 section 6). Used once.
    Refresh "ort_" RefreshToken;
    /// The secret of an OAuth client that can keep one (RFC 6749 section 2.3.1).
    Client "cs_" ClientSecret;
    /// What a device without a browser polls for its token with (RFC 8628 section 3.2).
    Device "dc_" DeviceCode;
    /// The handle of a pushed authorization request (RFC 9126 section 2.2).
    Pushed "pr_" PushedRequest;
    /// What an app registers itself with (RFC 7591 section 1.2, initial access token).
    Registration "irt_" RegistrationToken;
    /// What an app reads and ends its own registration with (RFC 7592).
    RegistrationOf "rat_" RegistrationAccess;
    /// What a signed-in browser holds in its cookie.
    Session "ses_" SessionToken;
    /// A one-time sign-in link.
    Link "in_" SignInLink;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minted_token_is_well_formed_and_has_256_random_bits() {
        let token = OkapToken::mint().unwrap();
        assert_eq!(token.reveal().len(), 5 + 43 + 6);
        assert!(OkapToken::parse(token.reveal()).is_ok());
        assert_ne!(token.digest(), OkapToken::mint().unwrap().digest());
    }

    #[test]
    fn the_format_is_frozen() {
        let token = OkapToken::from_bits(&[0xff; 32]);
        assert_eq!(
            token.reveal(),
            "okap_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp126VlTV"
        );
        assert_eq!(
            OkapToken::from_bits(&[0; 32]).reveal().get(..48).unwrap(),
            format!("okap_{}", "0".repeat(43))
        );
    }

    #[test]
    fn each_single_changed_character_is_refused() {
        let token = OkapToken::mint().unwrap();
        for at in 5..token.reveal().len() {
            let mut bytes = token.reveal().as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'a' { b'b' } else { b'a' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(
                OkapToken::parse(&changed).err(),
                Some(TokenRefusal::Checksum),
                "{at}"
            );
        }
    }

    #[test]
    fn each_malformed_text_is_refused_by_the_rule_it_breaks() {
        let good = OkapToken::mint().unwrap();
        assert_eq!(
            OkapToken::parse("sk-abc").err(),
            Some(TokenRefusal::Prefix("okap_"))
        );
        assert_eq!(
            OkapToken::parse("okap_").err(),
            Some(TokenRefusal::Length { expected: 54 })
        );
        let long = format!("{}0", good.reveal());
        assert_eq!(
            OkapToken::parse(&long).err(),
            Some(TokenRefusal::Length { expected: 54 })
        );
        let odd = good
            .reveal()
            .replacen(|c: char| c != '_' && !"okap".contains(c), "-", 1);
        assert_eq!(OkapToken::parse(&odd).err(), Some(TokenRefusal::Character));
        assert!(ApiToken::parse(good.reveal()).is_err());
    }
}
