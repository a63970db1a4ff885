//! Where to go after signing in: a path of this vault, never another site.

use std::{fmt, str::FromStr};

use actix_web::{HttpRequest, http::Method};
use serde::{Deserialize, Deserializer, de};
use url::form_urlencoded;

/// A path of this vault, with its query: begins with one `/`, and no browser reads it as the
/// address of another host. The value of `next=` on the sign-in page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnPath(String);

/// The text is not a path of this vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a path that begins with a single `/` is needed")]
pub struct NotAPath;

/// Longer than any page of ours has.
const LONGEST: usize = 2_000;

impl ReturnPath {
    /// The front page.
    #[must_use]
    pub fn home() -> Self {
        Self("/".to_owned())
    }

    /// Back to what was asked for; the front page when that cannot be asked for again by a link.
    #[must_use]
    pub fn to(request: &HttpRequest) -> Self {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Self::home();
        }
        let asked = request
            .uri()
            .path_and_query()
            .map_or("/", |path| path.as_str());
        asked.parse().unwrap_or_else(|NotAPath| Self::home())
    }

    /// The path itself, for a `Location`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn sign_in_location(&self) -> String {
        let next: String = form_urlencoded::byte_serialize(self.0.as_bytes()).collect();
        format!("/sign-in?next={next}")
    }
}

impl FromStr for ReturnPath {
    type Err = NotAPath;

    fn from_str(text: &str) -> Result<Self, NotAPath> {
        let mut characters = text.chars();
        let rooted = characters.next() == Some('/') && characters.next() != Some('/');
        // Browsers read `\` as `/` and drop tabs and line ends, so `/\evil.example` and
        // `/<tab>/evil.example` would leave this site.
        let plain = text
            .chars()
            .all(|c| c != '\\' && !c.is_control() && c.is_ascii());
        if rooted && plain && text.len() <= LONGEST {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAPath)
        }
    }
}

impl fmt::Display for ReturnPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ReturnPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use url::Url;

    #[test]
    fn another_site_is_never_a_return_path() {
        let bad = [
            "",
            "inbox",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            " /inbox",
            "/a\\b",
            "/\u{202e}",
        ];
        for text in bad {
            assert_eq!(text.parse::<ReturnPath>(), Err(NotAPath), "{text:?}");
        }
    }

    #[test]
    fn a_path_of_this_vault_stays_on_it() {
        let base: Url = "https://vault.example.com/sign-in".parse().unwrap();
        for text in [
            "/",
            "/inbox",
            "/requests/req_1?x=%2F%2Fevil.example",
            "/a//b",
            "/./..//evil.example",
        ] {
            let path: ReturnPath = text.parse().unwrap();
            assert_eq!(
                base.join(path.as_str()).unwrap().origin(),
                base.origin(),
                "{text}"
            );
        }
    }
}
