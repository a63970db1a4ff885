//! The name of an identity provider.

use std::fmt;

use guarded_fetch::{AddressRefusal, Reach};
use url::Url;

/// The longest issuer.
const LONGEST: usize = 500;

/// An issuer identifier (OpenID Connect Core 1.0 section 2): the text itself, which is compared
/// character by character, of a URL that may be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer(String);

/// Why a text is no issuer that we would ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IssuerError {
    /// Not a URL, or longer than 500 characters.
    #[error("an issuer is a URL of at most 500 characters, as the identity provider shows it")]
    Form,
    /// It has parts that an issuer does not have.
    #[error("an issuer has no query, no fragment, no user name and no password")]
    Part,
    /// It may not be asked.
    #[error(transparent)]
    Address(#[from] AddressRefusal),
}

impl Issuer {
    /// Takes an issuer as somebody typed it.
    ///
    /// # Errors
    /// Names the rule it breaks.
    pub fn parse(text: &str, reach: Reach) -> Result<Self, IssuerError> {
        let plain =
            text.len() <= LONGEST && text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
        let url = plain
            .then(|| Url::parse(text).ok())
            .flatten()
            .ok_or(IssuerError::Form)?;
        if text.contains(['?', '#', '@']) || !url.username().is_empty() || url.password().is_some()
        {
            return Err(IssuerError::Part);
        }
        reach.check(&url)?;
        Ok(Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_kept_as_it_was_typed() {
        for good in [
            "https://id.example",
            "https://id.example/",
            "https://id.example/tenant/v2.0",
        ] {
            assert_eq!(Issuer::parse(good, Reach::Internet).unwrap().as_str(), good);
        }
    }

    #[test]
    fn what_is_no_issuer_is_refused_by_the_rule_it_breaks() {
        let long = format!("https://id.example/{}", "x".repeat(500));
        for (bad, why) in [
            ("", IssuerError::Form),
            ("id.example", IssuerError::Form),
            ("https://id example", IssuerError::Form),
            ("https://id.example\\@evil.example", IssuerError::Form),
            (&long, IssuerError::Form),
            ("https://id.example?x=1", IssuerError::Part),
            ("https://id.example#x", IssuerError::Part),
            ("https://a:b@id.example", IssuerError::Part),
            (
                "http://id.example",
                IssuerError::Address(AddressRefusal::NotHttps),
            ),
            (
                "https://10.0.0.1",
                IssuerError::Address(AddressRefusal::Internal),
            ),
        ] {
            assert_eq!(Issuer::parse(bad, Reach::Internet), Err(why), "{bad}");
        }
    }
}
