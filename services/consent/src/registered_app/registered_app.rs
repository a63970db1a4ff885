//! Registered apps: OAuth clients of an organization.

use event_store::Aggregate;
use events::{AppEvent, SelfRegistration};
use url::{Host, Url};

use super::Registration;

/// A registered app, as its events add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum App {
    /// Not registered yet.
    #[default]
    None,
    /// It may ask.
    Registered,
    /// It may not ask any more.
    Removed,
}

/// Why an app was not registered, changed or removed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such app.
    #[error("there is no such app")]
    Unknown,
    /// It has no secret to renew.
    #[error("this app has no secret")]
    NoSecret,
    /// It exists already.
    #[error("this app exists already")]
    Exists,
}

impl App {
    /// An administrator registers it, or it does so itself.
    ///
    /// # Errors
    /// When an app of this id exists.
    pub fn register(
        self,
        registration: Registration,
        itself: Option<SelfRegistration>,
    ) -> Result<AppEvent, Refusal> {
        let Registration {
            name,
            url,
            redirect_uris,
            grant_types,
            authentication,
            dpop_bound,
        } = registration;
        match self {
            Self::None => Ok(AppEvent::Registered {
                name,
                url,
                redirect_uris,
                grant_types,
                authentication,
                registration: itself,
                dpop_bound,
            }),
            _ => Err(Refusal::Exists),
        }
    }

    /// An administrator changes what it is registered with.
    ///
    /// # Errors
    /// When there is no such app.
    pub fn change(self, registration: Registration) -> Result<AppEvent, Refusal> {
        let Registration {
            name,
            url,
            redirect_uris,
            grant_types,
            authentication,
            dpop_bound,
        } = registration;
        match self {
            Self::Registered => Ok(AppEvent::Changed {
                name,
                url,
                redirect_uris,
                grant_types,
                authentication,
                dpop_bound,
            }),
            _ => Err(Refusal::Unknown),
        }
    }

    /// An administrator removes it.
    ///
    /// # Errors
    /// When there is no such app.
    pub fn remove(self) -> Result<AppEvent, Refusal> {
        match self {
            Self::Registered => Ok(AppEvent::Removed {}),
            _ => Err(Refusal::Unknown),
        }
    }
}

impl Aggregate for App {
    type Event = AppEvent;

    fn apply(&mut self, event: &AppEvent) {
        *self = match event {
            AppEvent::Registered { .. } | AppEvent::Changed { .. } => Self::Registered,
            AppEvent::Removed {} => Self::Removed,
        };
    }
}

/// Why a redirect URI cannot be registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RedirectUriError {
    /// Not an absolute URI, or longer than 2,000 characters.
    #[error("a redirect URI is an absolute URI of at most 2,000 characters")]
    Form,
    /// `http` to anything but this machine, or a scheme that browsers run.
    #[error("a redirect URI is https, or http to a loopback address")]
    Scheme,
    /// A part that must not be there.
    #[error("a redirect URI has no fragment, user name or password")]
    Part,
    /// An IPv6 address, which the policy of the consent page cannot name: Approve would lead nowhere.
    #[error("a redirect URI names no IPv6 address; write 127.0.0.1")]
    Ipv6,
    /// Two readers could understand it differently.
    #[error("write it as a URL parser writes it: small host name, no default port, no `..`")]
    Spelling,
}

/// Whether a redirect URI may be registered (RFC 6749 section 3.1.2, RFC 9700 section 2.1).
///
/// # Errors
/// Names the rule it breaks.
pub fn check_redirect_uri(text: &str) -> Result<(), RedirectUriError> {
    let plain = text.len() <= 2_000 && text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if !plain {
        return Err(RedirectUriError::Form);
    }
    let uri = Url::parse(text).map_err(|_| RedirectUriError::Form)?;
    if !uri.username().is_empty() || uri.password().is_some() || text.contains('#') {
        return Err(RedirectUriError::Part);
    }
    if matches!(uri.host(), Some(Host::Ipv6(_))) {
        return Err(RedirectUriError::Ipv6);
    }
    match uri.scheme() {
        "https" if uri.host().is_some() => {}
        "http" if is_loopback(&uri) => {}
        _ => return Err(RedirectUriError::Scheme),
    }
    // Only the slash after a bare host may be left out.
    let bare = uri.path() == "/" && uri.query().is_none();
    if uri.as_str() == text || (bare && uri.as_str().strip_suffix('/') == Some(text)) {
        Ok(())
    } else {
        Err(RedirectUriError::Spelling)
    }
}

/// Whether `asked` is one of the registered URIs: by exact string, save that the port of a
/// loopback address is free, because native apps get theirs from the system (RFC 8252 section 7.3).
#[must_use]
pub fn is_registered(registered: &[String], asked: &str) -> bool {
    registered
        .iter()
        .any(|known| known == asked || same_but_for_the_loopback_port(known, asked))
}

fn same_but_for_the_loopback_port(known: &str, asked: &str) -> bool {
    let (Ok(mut known), Ok(asked_uri)) = (Url::parse(known), Url::parse(asked)) else {
        return false;
    };
    // The text that was asked must be the parser's own spelling: no second spelling passes.
    if check_redirect_uri(asked).is_err() || asked_uri.as_str() != asked {
        return false;
    }
    is_loopback_literal(&known)
        && is_loopback_literal(&asked_uri)
        && known.set_port(asked_uri.port()).is_ok()
        && known == asked_uri
}

fn is_loopback(uri: &Url) -> bool {
    is_loopback_literal(uri) || uri.host_str() == Some("localhost")
}

fn is_loopback_literal(uri: &Url) -> bool {
    uri.scheme() == "http"
        && match uri.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_loopback_can_be_registered() {
        for good in [
            "https://app.test/cb",
            "http://127.0.0.1:8000/cb",
            "http://localhost/cb",
            "https://app.test",
        ] {
            assert_eq!(check_redirect_uri(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("javascript:alert(1)", RedirectUriError::Scheme),
            ("data:text/html,x", RedirectUriError::Scheme),
            ("http://app.test/cb", RedirectUriError::Scheme),
            ("http://127.0.0.1.evil.test/", RedirectUriError::Scheme),
            ("http://[::1]:1/cb", RedirectUriError::Ipv6),
            ("https://[2001:db8::1]/cb", RedirectUriError::Ipv6),
            ("https://app.test/cb#x", RedirectUriError::Part),
            ("https://app.test@evil.test/", RedirectUriError::Part),
            ("/cb", RedirectUriError::Form),
            ("https://app.test\\@evil.test/", RedirectUriError::Form),
            ("https://app.test/c b", RedirectUriError::Form),
            ("https://APP.test/cb", RedirectUriError::Spelling),
            ("https:app.test/cb", RedirectUriError::Spelling),
            ("https://app.test/a/../cb", RedirectUriError::Spelling),
            ("https://@app.test/cb", RedirectUriError::Spelling),
            ("http://127.1/cb", RedirectUriError::Spelling),
        ] {
            assert_eq!(check_redirect_uri(bad), Err(why), "{bad}");
        }
    }

    #[test]
    fn a_redirect_uri_is_compared_exactly() {
        let registered = [
            "https://app.test/cb".to_owned(),
            "http://127.0.0.1:8000/cb".to_owned(),
        ];
        for good in [
            "https://app.test/cb",
            "http://127.0.0.1:8000/cb",
            "http://127.0.0.1:9/cb",
            "http://127.0.0.1/cb",
        ] {
            assert!(is_registered(&registered, good), "{good}");
        }
        for bad in [
            "https://app.test/cb/",
            "https://app.test/CB",
            "https://APP.test/cb",
            "https://app.test:443/cb",
            "https://app.test/cb?x=1",
            "https://app.test/cb#",
            "https://app.test/%63b",
            "https://app.test.evil.test/cb",
            "https://evil.test/?u=https://app.test/cb",
            "https://app.test/../cb",
            "http://app.test/cb",
            "http://127.0.0.1:9@evil.test/cb",
            "http://127.1:9/cb",
            "http://localhost:9/cb",
            "http://2130706433:9/cb",
            "http://127.0.0.1:9/cb/..",
            "http://127.0.0.1:9/cb#",
            "https://127.0.0.1:9/cb",
            "",
        ] {
            assert!(!is_registered(&registered, bad), "{bad}");
        }
    }
}
