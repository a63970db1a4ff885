//! The form that registers an app.

use std::collections::BTreeSet;

use events::{ClientAuthentication, GrantType};
use guarded_fetch::Reach;
use pages::{Choice, Field};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    registered_app::{Fault, Registration, address, authentication, check_redirect_uri, name},
    wire_error::sentence,
};

/// The names of the fields, in the order of the page.
const FIELDS: [&str; 7] = [
    "client_name",
    "client_uri",
    "redirect_uris",
    "grant_types",
    "token_endpoint_auth_method",
    "jwks",
    "jwks_uri",
];

const GRANT_TYPES: [(&str, &str, &str); 4] = [
    (
        "authorization_code",
        "A browser",
        "it sends people here and gets them back at a redirect URI",
    ),
    (
        "urn:ietf:params:oauth:grant-type:device_code",
        "A device without one",
        "people enter the code that it shows",
    ),
    (
        "refresh_token",
        "Short-lived tokens",
        "it renews its access token every hour",
    ),
    (
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "Child tokens",
        "it makes tokens that may do less, for parts of itself",
    ),
];

const METHODS: [(&str, &str); 4] = [
    ("none", "With nothing: it runs on people's devices"),
    (
        "client_secret_basic",
        "With a secret, in Authorization: Basic",
    ),
    ("client_secret_post", "With a secret, in the body"),
    ("private_key_jwt", "With signatures of its own key"),
];

/// What stands in the form, and what is wrong with it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewApp {
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub url: String,
    #[serde(default)]
    pub redirect_uris: String,
    #[serde(default)]
    pub grant_types: Vec<String>,
    #[serde(default)]
    pub method: String,
    #[serde(default)]
    pub jwks: String,
    #[serde(default)]
    pub jwks_uri: String,
    #[serde(skip)]
    pub faults: Vec<Fault>,
}

impl Default for NewApp {
    fn default() -> Self {
        Self {
            name: String::new(),
            url: String::new(),
            redirect_uris: String::new(),
            grant_types: vec![GRANT_TYPES[0].0.to_owned()],
            method: METHODS[0].0.to_owned(),
            jwks: String::new(),
            jwks_uri: String::new(),
            faults: Vec::new(),
        }
    }
}

impl NewApp {
    /// What the app is registered with.
    ///
    /// # Errors
    /// The form itself, with what is wrong with each field.
    pub(super) fn checked(mut self, reach: Reach) -> Result<Registration, Box<Self>> {
        let mut faults = Vec::new();
        let mut keep = |fault: Fault| faults.push(fault);
        let name = name(&self.name).map_err(&mut keep);
        let url = filled(&self.url).map(address).transpose();
        let url = url.map_err(&mut keep);
        let redirect_uris = redirect_uris(&self.redirect_uris).map_err(&mut keep);
        let grant_types = self.grant_types();
        let authentication = self.authentication(reach).map_err(&mut keep);
        let (Ok(name), Ok(url), Ok(redirect_uris), Ok(authentication)) =
            (name, url, redirect_uris, authentication)
        else {
            self.faults = faults;
            return Err(Box::new(self));
        };
        let registration = Registration {
            name,
            url,
            redirect_uris,
            grant_types,
            authentication,
            dpop_bound: false,
        };
        registration.checked().map_err(|fault| {
            self.faults = vec![fault];
            Box::new(self)
        })
    }

    fn grant_types(&self) -> BTreeSet<GrantType> {
        let read = |name: &String| serde_json::from_value(Value::from(name.as_str())).ok();
        self.grant_types.iter().filter_map(read).collect()
    }

    fn authentication(&self, reach: Reach) -> Result<ClientAuthentication, Fault> {
        let jwks = filled(&self.jwks).map(serde_json::from_str).transpose();
        let jwks = jwks.map_err(|_| Fault::new("jwks", "it is not JSON"))?;
        let jwks_uri = filled(&self.jwks_uri).map(str::to_owned);
        authentication(Some(&self.method), jwks, jwks_uri, reach)
    }

    /// The fields: who it is, how it asks, and the keys of one that signs.
    pub(super) fn fields(self) -> [Field; 7] {
        let faults = FIELDS.map(|field| self.fault(field));
        let [name, url, uris, types, method, jwks, jwks_uri] = faults;
        let type_choice = |(value, label, note): (&str, &str, &str)| {
            let chosen = self.grant_types.iter().any(|chosen| chosen == value);
            Choice::new(value, label).note(note).chosen(chosen)
        };
        let method_choice =
            |(value, label): (&str, &str)| Choice::new(value, label).chosen(self.method == value);
        [
            Field::text("name", "Name")
                .required()
                .value(self.name)
                .hint("People see it when the app asks.")
                .maybe_error(name),
            Field::url("url", "Web address")
                .value(self.url)
                .placeholder("https://app.example")
                .maybe_error(url),
            Field::area("redirect_uris", "Redirect URIs")
                .value(self.redirect_uris)
                .placeholder("https://app.example/callback")
                .hint(
                    "Where people are sent back to, one on each line, compared exactly: https, or \
                     http to a loopback address. A device has none.",
                )
                .maybe_error(uris),
            Field::checks(
                "grant_types",
                "How it asks",
                GRANT_TYPES.map(type_choice).into(),
            )
            .maybe_error(types),
            Field::select(
                "method",
                "How it proves itself",
                METHODS.map(method_choice).into(),
            )
            .hint("A secret or a key is for programs on a server, which can keep one.")
            .maybe_error(method),
            Field::area("jwks", "Its public keys")
                .value(self.jwks)
                .placeholder("{\"keys\": […]}")
                .hint("A JWK set, public keys alone.")
                .maybe_error(jwks),
            Field::url("jwks_uri", "Or where they are")
                .value(self.jwks_uri)
                .placeholder("https://app.example/jwks.json")
                .maybe_error(jwks_uri),
        ]
    }

    /// What is wrong with a field, as a sentence.
    fn fault(&self, field: &str) -> Option<String> {
        let of_field = |fault: &&Fault| fault.member.split('/').next() == Some(field);
        let fault = self.faults.iter().find(of_field)?;
        let rule = Rule(&fault.rule);
        match fault.member.split_once('/') {
            Some((_, index)) => {
                let line = index.parse().map_or(1, |index: usize| index + 1);
                Some(format!("Line {line}: {}", sentence(&rule)))
            }
            None => Some(sentence(&rule)),
        }
    }

    /// Whether the fields for keys are unfolded.
    pub(super) fn signs(&self) -> bool {
        self.method == "private_key_jwt" || !self.jwks.is_empty() || !self.jwks_uri.is_empty()
    }
}

/// A rule in words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Rule<'a>(&'a str);

fn filled(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

/// One on each line.
fn redirect_uris(text: &str) -> Result<Vec<String>, Fault> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let uris: Vec<String> = lines.map(str::to_owned).collect();
    for (index, uri) in uris.iter().enumerate() {
        check_redirect_uri(uri)
            .map_err(|rule| Fault::new(format!("redirect_uris/{index}"), rule.to_string()))?;
    }
    Ok(uris)
}
