//! The page that opened the vault in a popup, known by its origin.

use url::{Host, Url};

/// The origin of a page, as a browser tells it with each of the page's messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opener(String);

/// The text is not the origin of a page that may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the origin of a page is needed, as browsers write it: https, or http on this machine")]
pub struct NotAnOrigin;

impl Opener {
    /// Checks an origin.
    ///
    /// # Errors
    /// When it is not written as browsers write it (HTML section 7.1.1), is opaque, or a page that
    /// came without TLS.
    pub fn parse(text: &str) -> Result<Self, NotAnOrigin> {
        let url = Url::parse(text).map_err(|_| NotAnOrigin)?;
        let trusted = match url.scheme() {
            "https" => true,
            "http" => is_this_machine(&url),
            _ => false,
        };
        // What a browser serializes is compared exactly; there is no second spelling.
        if trusted && text.len() <= 300 && url.origin().ascii_serialization() == text {
            return Ok(Self(text.to_owned()));
        }
        Err(NotAnOrigin)
    }

    /// The origin, to be compared and to be a message's target.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether whoever asks has shown that it controls this origin's domain: the browser says so,
    /// and TLS makes it mean something.
    #[must_use]
    pub fn proves_domain(&self) -> bool {
        self.0.starts_with("https://")
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_would_say() {
        for good in [
            "https://app.test",
            "https://app.test:8443",
            "https://xn--pple-43d.com",
            "http://localhost:3000",
            "http://127.0.0.1:8000",
            "http://[::1]:8000",
        ] {
            assert_eq!(
                Opener::parse(good).map(|origin| origin.0),
                Ok(good.to_owned())
            );
        }
        for bad in [
            "",
            "*",
            "null",
            "app.test",
            "https://app.test/",
            "https://app.test/path",
            "https://APP.test",
            "https://app.test:443",
            "https://user@app.test",
            "https://app.test?x",
            "https://app.test#",
            "https://аpple.com",
            "http://app.test",
            "http://127.0.0.1.evil.test",
            "javascript:alert(1)",
            "data:text/html,x",
            "file://",
            "blob:https://app.test/x",
            "chrome-extension://abcdefgh",
            "okap://authorize",
        ] {
            assert_eq!(Opener::parse(bad), Err(NotAnOrigin), "{bad}");
        }
    }
}
