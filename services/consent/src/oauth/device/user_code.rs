//! The short code that a person carries from a device to their browser (RFC 8628 section 6.1).

use std::{fmt, str::FromStr};

use aws_lc_rs::rand;
use ids::{NoRandomness, TokenDigest};

/// No vowels, so that no words come out, and nothing that looks like something else.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const LENGTH: usize = 8;
/// The largest multiple of 20 in a byte: above it, letters would not be equally likely.
const FAIR: u8 = 240;

/// Eight of twenty letters: 34 bits, for minutes, behind a session and a limit on tries.
#[derive(Clone, PartialEq, Eq)]
pub struct UserCode([u8; LENGTH]);

/// A text that cannot be a user code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a code has eight letters, like BCDF-GHJK")]
pub struct NotAUserCode;

impl UserCode {
    /// Makes a new one.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn mint() -> Result<Self, NoRandomness> {
        let mut code = [0_u8; LENGTH];
        for letter in &mut code {
            let mut byte = [FAIR];
            while byte[0] >= FAIR {
                rand::fill(&mut byte).map_err(|_| NoRandomness)?;
            }
            *letter = LETTERS[usize::from(byte[0]) % LETTERS.len()];
        }
        Ok(Self(code))
    }

    /// What is stored and looked up instead of the code.
    #[must_use]
    pub fn digest(&self) -> TokenDigest {
        TokenDigest::of(&self.to_string())
    }
}

impl fmt::Display for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, letter) in self.0.iter().enumerate() {
            if place == LENGTH / 2 {
                f.write_str("-")?;
            }
            write!(f, "{}", char::from(*letter))?;
        }
        Ok(())
    }
}

impl FromStr for UserCode {
    type Err = NotAUserCode;

    /// Small letters, spaces and dashes are as good as none.
    fn from_str(text: &str) -> Result<Self, NotAUserCode> {
        let letters: Vec<u8> = text
            .bytes()
            .filter(|byte| !matches!(byte, b' ' | b'-'))
            .map(|byte| byte.to_ascii_uppercase())
            .collect();
        let letters: [u8; LENGTH] = letters.try_into().map_err(|_| NotAUserCode)?;
        if letters.iter().all(|letter| LETTERS.contains(letter)) {
            Ok(Self(letters))
        } else {
            Err(NotAUserCode)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_write_it() {
        let code = UserCode::mint().unwrap();
        let shown = code.to_string();
        assert_eq!((shown.len(), &shown[4..5]), (9, "-"));
        for written in [
            shown.clone(),
            shown.to_lowercase(),
            shown.replace('-', ""),
            format!(" {} ", shown.replace('-', " ")),
        ] {
            assert!(written.parse::<UserCode>().unwrap() == code, "{written}");
        }
        for wrong in [
            "",
            "BCDF-GHJ",
            "BCDF-GHJKL",
            "BCDF-GHJA",
            "BCDF-GHJ1",
            "ÄÖÜß",
        ] {
            assert!(wrong.parse::<UserCode>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_letter_comes_up() {
        let seen: std::collections::BTreeSet<u8> =
            (0..200).flat_map(|_| UserCode::mint().unwrap().0).collect();
        assert_eq!(seen.len(), LETTERS.len());
    }
}
