//! What an organization is called, and how it is found by that before anyone has signed in.

use std::{fmt, str::FromStr};

use ids::TokenDigest;

use crate::text;

/// The name of an organization: 1 to 80 visible characters, spaces inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationName(String);

/// The text cannot name an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to 80 characters, and none that are invisible")]
pub struct NameError;

/// The longest name, in characters.
pub const LONGEST: usize = 80;

impl OrganizationName {
    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What it is found by: upper and lower case and the number of spaces do not matter.
    #[must_use]
    pub fn digest(&self) -> TokenDigest {
        TokenDigest::of(&self.0.to_lowercase())
    }
}

impl FromStr for OrganizationName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        text::plain_line(text, LONGEST).map(Self).ok_or(NameError)
    }
}

impl fmt::Display for OrganizationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_spaces_do_not_make_another_name() {
        let name: OrganizationName = "Acme Inc".parse().unwrap();
        for same in ["acme inc", " ACME  INC ", "Acme\u{a0}Inc"] {
            assert_eq!(
                same.parse::<OrganizationName>().unwrap().digest(),
                name.digest(),
                "{same}"
            );
        }
        assert_ne!(
            "Acme".parse::<OrganizationName>().unwrap().digest(),
            name.digest()
        );
    }

    #[test]
    fn a_name_is_short_and_visible() {
        let long = "x".repeat(81);
        for bad in [
            "",
            " ",
            "a\u{0}b",
            "a\nb",
            "\u{202e}evil",
            "a\u{200b}b",
            &long,
        ] {
            assert_eq!(bad.parse::<OrganizationName>(), Err(NameError), "{bad:?}");
        }
        assert!(
            "Müller & Söhne 株式会社"
                .parse::<OrganizationName>()
                .is_ok()
        );
    }
}
