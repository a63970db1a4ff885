//! The unguessable address of a person's vault.

use std::{fmt, str::FromStr};

use aws_lc_rs::rand;

use crate::token::NoRandomness;

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// 26 characters of 5 bits hold 130 random bits.
const LENGTH: usize = 26;

/// A vault address: 26 lower-case base32 characters, so that it fits a DNS label.
///
/// It only lets someone *ask*; nothing may rest on its being unknown.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Handle(String);

/// The text is not 26 characters of `a`–`z` and `2`–`7`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a handle is 26 characters of a-z and 2-7")]
pub struct HandleError;

impl Handle {
    /// Makes a new handle from the operating system's randomness.
    ///
    /// # Errors
    /// Fails only when the operating system gives no randomness.
    pub fn mint() -> Result<Self, NoRandomness> {
        let mut bytes = [0_u8; LENGTH];
        rand::fill(&mut bytes).map_err(|_| NoRandomness)?;
        let text = bytes
            .iter()
            .map(|b| char::from(ALPHABET[usize::from(b & 31)]))
            .collect();
        Ok(Self(text))
    }

    /// The address as it stands in a URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Handle {
    type Err = HandleError;

    fn from_str(text: &str) -> Result<Self, HandleError> {
        if text.len() == LENGTH && text.bytes().all(|b| ALPHABET.contains(&b)) {
            Ok(Self(text.to_owned()))
        } else {
            Err(HandleError)
        }
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_reads_back_and_others_are_refused() {
        let handle = Handle::mint().unwrap();
        assert_eq!(handle.as_str().parse::<Handle>().unwrap(), handle);
        for bad in [
            "",
            "abc",
            &handle.as_str().to_uppercase(),
            &format!("{handle}a"),
        ] {
            assert_eq!(bad.parse::<Handle>(), Err(HandleError), "{bad}");
        }
    }
}
