//! What a person is called and where they can be reached.

use std::str::FromStr;

use crate::text;

/// The longest name of a person, in characters.
const LONGEST_NAME: usize = 80;
/// The longest e-mail address (RFC 5321 section 4.5.3.1.3).
const LONGEST_EMAIL: usize = 254;

/// The name of a person: 1 to 80 visible characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonName(String);

/// The text cannot name a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to 80 characters, and none that are invisible")]
pub struct PersonNameError;

/// An e-mail address, in lower case. Has no `Debug` and no `Display`, so that none is logged.
#[derive(Clone, PartialEq, Eq)]
pub struct EmailAddress(String);

/// The text is no e-mail address. Does not repeat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an e-mail address has the form name@example.com and at most 254 characters")]
pub struct EmailError;

impl PersonName {
    /// As much of what an identity provider says as makes a name.
    #[must_use]
    pub fn from_foreign(text: &str) -> Option<Self> {
        text::cleaned_line(text, LONGEST_NAME).map(Self)
    }

    /// For somebody of whom no name is known.
    #[must_use]
    pub fn unknown() -> Self {
        Self("New member".to_owned())
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PersonName {
    type Err = PersonNameError;

    fn from_str(text: &str) -> Result<Self, PersonNameError> {
        text::plain_line(text, LONGEST_NAME)
            .map(Self)
            .ok_or(PersonNameError)
    }
}

impl EmailAddress {
    /// The address. Never log what this gives.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for EmailAddress {
    type Err = EmailError;

    fn from_str(text: &str) -> Result<Self, EmailError> {
        let text = text.trim();
        let plain = text
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b"\"(),:;<>[\\]".contains(&b));
        let (name, domain) = text.rsplit_once('@').ok_or(EmailError)?;
        let well_formed = !name.is_empty()
            && !name.contains('@')
            && !domain.is_empty()
            && !domain.starts_with('.')
            && !domain.ends_with('.');
        if plain && well_formed && text.len() <= LONGEST_EMAIL {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(EmailError)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_spelling_of_one_mailbox() {
        let address: EmailAddress = " Ada@Acme.Test ".parse().unwrap();
        assert_eq!(address.reveal(), "ada@acme.test");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("{}@acme.test", "a".repeat(250));
        for bad in [
            "",
            "ada",
            "@acme.test",
            "ada@",
            "a@b@c",
            "a b@c",
            "a@.c",
            "a@c.",
            "a\n@c",
            "ä@c",
            "<a@c>",
            &long,
        ] {
            assert!(bad.parse::<EmailAddress>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_foreign_name_is_cleaned_and_cut() {
        assert_eq!(
            PersonName::from_foreign(" Ada\u{202e} L. ")
                .unwrap()
                .as_str(),
            "Ada L."
        );
        assert_eq!(
            PersonName::from_foreign(&"x".repeat(10_000))
                .unwrap()
                .as_str()
                .len(),
            80
        );
        assert_eq!(PersonName::from_foreign("\u{200b}"), None);
    }
}
