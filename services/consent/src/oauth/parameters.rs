//! OAuth parameters as they come: in a query or a form, each at most once (RFC 6749 section 3.1).

use std::collections::BTreeMap;

/// Parameters of one request. Empty ones count as absent, unknown ones are ignored.
#[derive(Debug, Default)]
pub struct Parameters(BTreeMap<String, String>);

/// A parameter stands there twice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is given more than once")]
pub struct Repeated(pub String);

impl Parameters {
    /// Reads a query string or a form body. Gives what could be read beside the fault, because
    /// the client and its redirect URI decide where even that fault is told.
    #[must_use]
    pub fn read(text: &[u8]) -> (Self, Option<Repeated>) {
        let mut parameters = BTreeMap::new();
        let mut repeated = None;
        for (name, value) in url::form_urlencoded::parse(text) {
            if value.is_empty() {
                continue;
            }
            if parameters.contains_key(name.as_ref()) {
                repeated = Some(Repeated(name.into_owned()));
                continue;
            }
            parameters.insert(name.into_owned(), value.into_owned());
        }
        (Self(parameters), repeated)
    }

    /// The value of a parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}
