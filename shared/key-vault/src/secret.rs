//! Provider keys in clear: on their way in, and opened for one call.

use std::{
    any::Any,
    sync::{Arc, OnceLock},
};

use zeroize::{Zeroize, ZeroizeOnDrop};

/// The shortest text that can be a provider key.
const SHORTEST: usize = 8;
/// The longest: service account tokens are long, nothing is longer.
const LONGEST: usize = 4096;

/// A provider key as a person entered it.
///
/// It has no `Debug`, `Display`, `Clone` or `Serialize` on purpose, and its memory is cleared
/// when it goes.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct ProviderSecret {
    text: String,
}

/// Why a text cannot be a provider key. Never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretRefusal {
    /// Fewer than 8 characters.
    #[error("a provider key has at least 8 characters")]
    TooShort,
    /// More than 4096 characters.
    #[error("a provider key has at most 4096 characters")]
    TooLong,
    /// A space or a line break, as copying often adds.
    #[error("a provider key has no spaces or line breaks; it may have been copied with one")]
    Space,
    /// A character that no HTTP header may carry.
    #[error("a provider key has only visible ASCII characters")]
    Character,
}

impl ProviderSecret {
    /// Takes a provider key: 8 to 4096 visible ASCII characters, no spaces.
    ///
    /// # Errors
    /// Names the rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, SecretRefusal> {
        if text.chars().any(char::is_whitespace) {
            return Err(SecretRefusal::Space);
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(SecretRefusal::Character);
        }
        match text.len() {
            ..SHORTEST => Err(SecretRefusal::TooShort),
            SHORTEST..=LONGEST => Ok(Self {
                text: text.to_owned(),
            }),
            _ => Err(SecretRefusal::TooLong),
        }
    }

    /// The key itself. Never log, store or serialize what this gives.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// Its last four characters, by which its owner knows it again.
    #[must_use]
    pub fn last_four(&self) -> &str {
        // ASCII throughout, so every index is the boundary of a character.
        self.text
            .get(self.text.len().saturating_sub(4)..)
            .unwrap_or_default()
    }
}

/// A provider key opened for a call: lives as long as somebody holds it, then its memory is
/// cleared. It has no `Debug`, `Display`, `Clone` or `Serialize` on purpose.
#[derive(ZeroizeOnDrop)]
pub struct OpenedKey {
    text: String,
    #[zeroize(skip)]
    version: i32,
    /// See [`OpenedKey::made_once`].
    #[zeroize(skip)]
    made: OnceLock<Arc<dyn Any + Send + Sync>>,
}

impl OpenedKey {
    /// `None` unless the bytes are text, which everything sealed here is.
    pub(crate) fn new(bytes: &[u8], version: i32) -> Option<Self> {
        std::str::from_utf8(bytes).ok().map(|text| Self {
            text: text.to_owned(),
            version,
            made: OnceLock::new(),
        })
    }

    /// The key itself, for the provider's own host. Never log, store or serialize what this gives.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// Which version of the provider key this is.
    #[must_use]
    pub const fn version(&self) -> i32 {
        self.version
    }

    /// What `make` makes of the key, made for the first call that goes out with it and kept as long as
    /// the key. What holds some of the secret must clear its own memory. Of several kinds only the
    /// first is kept.
    pub fn made_once<T: Any + Send + Sync>(&self, make: impl Fn(&str) -> T) -> Arc<T> {
        let make = || Arc::new(make(&self.text));
        let kept: Arc<dyn Any + Send + Sync> = Arc::clone(self.made.get_or_init(|| make()));
        kept.downcast().unwrap_or_else(|_| make())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    #[test]
    fn a_provider_key_is_visible_ascii_of_a_plausible_length() {
        for (text, refusal) in [
            ("sk-1234", SecretRefusal::TooShort),
            ("", SecretRefusal::TooShort),
            ("sk-12345678\n", SecretRefusal::Space),
            (" sk-12345678", SecretRefusal::Space),
            ("sk-1234\u{a0}5678", SecretRefusal::Space),
            ("sk-1234\u{0}5678", SecretRefusal::Character),
            ("sk-schlüssel", SecretRefusal::Character),
            (&"k".repeat(4097), SecretRefusal::TooLong),
        ] {
            assert_eq!(ProviderSecret::parse(text).err(), Some(refusal));
        }
        assert!(ProviderSecret::parse(&"k".repeat(4096)).is_ok());
        assert_eq!(
            ProviderSecret::parse("sk-12345678").unwrap().last_four(),
            "5678"
        );
    }

    #[test]
    fn what_is_made_of_a_key_is_made_once_and_goes_with_it() {
        let key = OpenedKey::new(b"sk-12345678", 1).unwrap();
        let made = key.made_once(str::len);
        assert_eq!(*made, 11);
        assert!(Arc::ptr_eq(&made, &key.made_once(|_| 0_usize)));
        // Another kind is made each time.
        assert_eq!(*key.made_once(str::to_owned), "sk-12345678");
        let weak = Arc::downgrade(&made);
        drop(made);
        assert!(weak.upgrade().is_some());
        drop(key);
        assert!(weak.upgrade().is_none());
    }

    /// Compiles only while `$type` has none of these traits: with one, the call is ambiguous.
    macro_rules! cannot_be {
        ($type:ty: $($shown:path),*) => {$({
            trait Either<T> {
                fn neither() {}
            }
            struct HasIt;
            impl<T: ?Sized> Either<()> for T {}
            impl<T: ?Sized + $shown> Either<HasIt> for T {}
            <$type as Either<_>>::neither();
        })*};
    }

    #[test]
    fn secrets_cannot_be_shown_or_copied_and_are_cleared() {
        fn is_cleared<T: ZeroizeOnDrop>() {}
        cannot_be!(ProviderSecret: fmt::Debug, fmt::Display, Clone, AsRef<str>);
        cannot_be!(OpenedKey: fmt::Debug, fmt::Display, Clone, AsRef<str>);
        is_cleared::<ProviderSecret>();
        is_cleared::<OpenedKey>();
    }
}
