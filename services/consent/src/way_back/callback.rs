//! An app's callback: checked when it comes in, as exactly as a registered redirect URI, because
//! nobody registered it.

use events::{AppIdentity, Verification};
use url::Url;

use crate::registered_app::{RedirectUriError, check_redirect_uri};

/// Where the browser goes once an access request is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callback(Url);

/// Why a text is no callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    /// It could not be a redirect URI either.
    #[error(transparent)]
    Uri(#[from] RedirectUriError),
    /// The answer would be added to something else than what was sent.
    #[error("write the slash after the host name")]
    Spelling,
    /// It has a parameter that the answer brings.
    #[error("its query must not have `{0}`: that comes with the answer")]
    Parameter(&'static str),
}

/// What the answer adds to the query.
const OURS: [&str; 4] = ["request_id", "code", "error", "iss"];

impl Callback {
    /// Checks a callback as an app sent it: `https`, or `http` to this machine for native apps; no
    /// user name, no fragment, nothing that is read in two ways.
    ///
    /// # Errors
    /// Names the rule it breaks.
    pub fn parse(text: &str) -> Result<Self, CallbackError> {
        check_redirect_uri(text)?;
        let url = Url::parse(text).map_err(|_| RedirectUriError::Form)?;
        if url.as_str() != text {
            return Err(CallbackError::Spelling);
        }
        if let Some(taken) = OURS
            .into_iter()
            .find(|name| url.query_pairs().any(|(given, _)| given == *name))
        {
            return Err(CallbackError::Parameter(taken));
        }
        Ok(Self(url))
    }

    /// The callback as it was sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The app as it is known by this callback. Nobody gets the token without a code that only this
    /// callback sees, so an app is domain-verified when its callback is on its own domain, over TLS,
    /// and names one page: a query is where redirectors are told to go elsewhere.
    #[must_use]
    pub fn identify(&self, app: AppIdentity) -> AppIdentity {
        let claimed = app.url.as_deref().and_then(|url| Url::parse(url).ok());
        let elsewhere = claimed.is_some_and(|url| url.host() != self.0.host());
        if elsewhere || self.0.scheme() != "https" || self.0.query().is_some() {
            return app;
        }
        AppIdentity {
            url: app
                .url
                .or_else(|| Some(self.0.origin().ascii_serialization())),
            verification: Verification::DomainVerified,
            ..app
        }
    }

    /// The callback with the answer in its query.
    #[must_use]
    pub fn with(&self, parameters: &[(&str, &str)]) -> String {
        let mut url = self.0.clone();
        url.query_pairs_mut().extend_pairs(parameters);
        url.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_https_and_loopback_addresses_are_callbacks() {
        for good in [
            "https://app.test/cb",
            "https://app.test/",
            "https://app.test:8443/cb?page=1",
            "http://127.0.0.1:8000/cb",
            "http://localhost:3000/",
        ] {
            assert_eq!(
                Callback::parse(good).map(|c| c.as_str().to_owned()),
                Ok(good.to_owned())
            );
        }
        for (bad, why) in [
            ("", RedirectUriError::Form.into()),
            ("/cb", RedirectUriError::Form.into()),
            ("//app.test/cb", RedirectUriError::Form.into()),
            ("https:\\\\app.test/cb", RedirectUriError::Form.into()),
            ("https://app.test/c b", RedirectUriError::Form.into()),
            ("https://app.test/\u{202e}", RedirectUriError::Form.into()),
            ("javascript:alert(1)", RedirectUriError::Scheme.into()),
            (
                "JavaScript://app.test/%0aalert(1)",
                RedirectUriError::Scheme.into(),
            ),
            ("data:text/html,x", RedirectUriError::Scheme.into()),
            ("file:///etc/passwd", RedirectUriError::Scheme.into()),
            ("com.example.app:/cb", RedirectUriError::Scheme.into()),
            ("http://app.test/cb", RedirectUriError::Scheme.into()),
            (
                "http://127.0.0.1.evil.test/",
                RedirectUriError::Scheme.into(),
            ),
            ("http://10.0.0.1/", RedirectUriError::Scheme.into()),
            ("https://app.test@evil.test/", RedirectUriError::Part.into()),
            ("https://user:pass@app.test/", RedirectUriError::Part.into()),
            ("https://app.test/cb#", RedirectUriError::Part.into()),
            ("https://app.test", CallbackError::Spelling),
            ("https://APP.test/cb", RedirectUriError::Spelling.into()),
            ("HTTPS://app.test/cb", RedirectUriError::Spelling.into()),
            ("https://app.test:443/cb", RedirectUriError::Spelling.into()),
            (
                "https://app.test/a/../cb",
                RedirectUriError::Spelling.into(),
            ),
            ("https:app.test/cb", RedirectUriError::Spelling.into()),
            ("http://127.1:9/cb", RedirectUriError::Spelling.into()),
            ("http://2130706433/cb", RedirectUriError::Spelling.into()),
            ("http://[::1]:8000/cb", RedirectUriError::Ipv6.into()),
            ("https://[2001:db8::1]/cb", RedirectUriError::Ipv6.into()),
            (
                "https://app.test/?code=mine",
                CallbackError::Parameter("code"),
            ),
            (
                "https://app.test/?a=1&%63ode=mine",
                CallbackError::Parameter("code"),
            ),
            (
                "https://app.test/?request_id=r",
                CallbackError::Parameter("request_id"),
            ),
        ] {
            assert_eq!(Callback::parse(bad), Err(why), "{bad}");
        }
    }

    #[test]
    fn an_app_is_verified_by_a_callback_on_its_own_domain_only() {
        let known = |url: Option<&str>, callback: &str| {
            let app = AppIdentity {
                app: None,
                name: "App".to_owned(),
                url: url.map(str::to_owned),
                verification: Verification::Unverified,
                registration: None,
            };
            let app = Callback::parse(callback).unwrap().identify(app);
            (app.url, app.verification)
        };
        let verified = |url: &str| (Some(url.to_owned()), Verification::DomainVerified);
        let unverified = |url: Option<&str>| (url.map(str::to_owned), Verification::Unverified);
        let own = Some("https://app.test/about");
        assert_eq!(
            known(own, "https://app.test/cb"),
            verified("https://app.test/about")
        );
        assert_eq!(
            known(None, "https://app.test/cb"),
            verified("https://app.test")
        );
        assert_eq!(known(own, "https://www.app.test/cb"), unverified(own));
        assert_eq!(known(own, "https://evil.test/cb"), unverified(own));
        assert_eq!(known(own, "https://app.test/go?to=x"), unverified(own));
        assert_eq!(known(None, "http://127.0.0.1:8000/cb"), unverified(None));
        let local = Some("http://localhost/");
        assert_eq!(known(local, "http://localhost:8000/cb"), unverified(local));
    }

    #[test]
    fn the_answer_is_added_to_what_the_callback_has() {
        let with = |callback: &str| {
            Callback::parse(callback)
                .unwrap()
                .with(&[("request_id", "req_1"), ("code", "a&b")])
        };
        assert_eq!(
            with("https://app.test/cb"),
            "https://app.test/cb?request_id=req_1&code=a%26b"
        );
        assert_eq!(
            with("https://app.test/cb?x=1"),
            "https://app.test/cb?x=1&request_id=req_1&code=a%26b"
        );
    }
}
