//! The synchronizer token that ties a form to the session it was shown in.

use std::fmt;

use aws_lc_rs::{constant_time, rand};
use ids::NoRandomness;

/// What a form or script of our own pages sends back, and a foreign page cannot know.
#[derive(Clone, PartialEq, Eq)]
pub struct CsrfToken(String);

impl CsrfToken {
    /// Makes a new one of 256 random bits.
    ///
    /// # Errors
    /// Fails only when the operating system gives no randomness.
    pub fn mint() -> Result<Self, NoRandomness> {
        let mut bytes = [0_u8; 32];
        rand::fill(&mut bytes).map_err(|_| NoRandomness)?;
        Ok(Self(
            bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        ))
    }

    /// The one stored with a session.
    #[must_use]
    pub const fn stored(text: String) -> Self {
        Self(text)
    }

    /// The text to put into a form of this session's own pages, and nowhere else.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether this is what was sent; takes the same time wherever they differ.
    #[must_use]
    pub fn matches(&self, sent: &str) -> bool {
        constant_time::verify_slices_are_equal(self.0.as_bytes(), sent.as_bytes()).is_ok()
    }
}

impl fmt::Debug for CsrfToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CsrfToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_text_matches() {
        let token = CsrfToken::mint().unwrap();
        assert!(token.matches(token.reveal()));
        for bad in [
            "",
            "0",
            &token.reveal()[1..],
            &format!("{}0", token.reveal()),
        ] {
            assert!(!token.matches(bad), "{bad}");
        }
        assert!(!token.matches(CsrfToken::mint().unwrap().reveal()));
    }

    #[test]
    fn its_debug_form_hides_it() {
        let token = CsrfToken::mint().unwrap();
        assert!(!format!("{token:?}").contains(token.reveal()));
    }
}
