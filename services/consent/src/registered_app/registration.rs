//! What an app is registered with, whoever registers it.

use std::collections::BTreeSet;

use events::{ClientAuthentication, ClientKeys, GrantType};
use guarded_fetch::Reach;
use serde_json::Value;
use url::Url;

use super::{check_redirect_uri, client_keys};
use crate::access_request::details::plain_text;

/// The most redirect URIs of one app.
pub const MOST_REDIRECT_URIS: usize = 20;
/// The longest name (in characters).
const LONGEST_NAME: usize = 80;
/// The longest web address.
const LONGEST_ADDRESS: usize = 500;

/// What an app is registered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Its name.
    pub name: String,
    /// Its web address.
    pub url: Option<String>,
    /// Where browsers may be sent back to.
    pub redirect_uris: Vec<String>,
    /// What it may come to the token endpoint with.
    pub grant_types: BTreeSet<GrantType>,
    /// How it proves that it is itself.
    pub authentication: ClientAuthentication,
    /// Whether every token of it is bound to a key (RFC 9449 section 5.2).
    pub dpop_bound: bool,
}

/// A rule that a registration breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{member}: {rule}")]
pub struct Fault {
    /// The member in which, named as in client metadata (RFC 7591 section 2), with the place in a list
    /// after a slash.
    pub member: String,
    /// The rule.
    pub rule: String,
}

impl Fault {
    /// A rule that `member` breaks.
    pub fn new(member: impl Into<String>, rule: impl Into<String>) -> Self {
        Self {
            member: member.into(),
            rule: rule.into(),
        }
    }
}

impl Registration {
    /// The same, if it keeps all rules, with its name and address as they are shown.
    ///
    /// # Errors
    /// Names the first rule that it breaks, in the order of its members.
    pub fn checked(self) -> Result<Self, Fault> {
        let name = name(&self.name)?;
        let url = self.url.as_deref().map(address).transpose()?;
        check_grant_types(&self.grant_types)?;
        check_redirect_uris(&self.redirect_uris, &self.grant_types)?;
        Ok(Self { name, url, ..self })
    }
}

/// An app's name, as people will see it.
///
/// # Errors
/// When it is empty or too long.
pub fn name(text: &str) -> Result<String, Fault> {
    let name = plain_text(text);
    if (1..=LONGEST_NAME).contains(&name.chars().count()) {
        return Ok(name);
    }
    let rule = format!("a name has 1 to {LONGEST_NAME} characters");
    Err(Fault::new("client_name", rule))
}

/// An app's web address: only shown, never fetched.
///
/// # Errors
/// When it is none that a browser would open as a page.
pub fn address(text: &str) -> Result<String, Fault> {
    let url = Url::parse(text).ok().filter(|url| {
        let no_credentials = url.username().is_empty() && url.password().is_none();
        matches!(url.scheme(), "http" | "https") && no_credentials && text.len() <= LONGEST_ADDRESS
    });
    let rule = "a web address begins with http:// or https://";
    url.map(String::from)
        .ok_or_else(|| Fault::new("client_uri", rule))
}

fn check_grant_types(types: &BTreeSet<GrantType>) -> Result<(), Fault> {
    let alone = [GrantType::AuthorizationCode, GrantType::DeviceCode];
    if alone.iter().any(|one| types.contains(one)) {
        return Ok(());
    }
    let rule = "authorization_code or the device code is needed";
    Err(Fault::new("grant_types", rule))
}

fn check_redirect_uris(uris: &[String], types: &BTreeSet<GrantType>) -> Result<(), Fault> {
    let by_browser = types.contains(&GrantType::AuthorizationCode);
    if (by_browser && uris.is_empty()) || uris.len() > MOST_REDIRECT_URIS {
        let rule = format!("1 to {MOST_REDIRECT_URIS} redirect URIs are needed");
        return Err(Fault::new("redirect_uris", rule));
    }
    for (index, uri) in uris.iter().enumerate() {
        check_redirect_uri(uri)
            .map_err(|rule| Fault::new(format!("redirect_uris/{index}"), rule.to_string()))?;
    }
    Ok(())
}

/// How an app proves that it is itself, with the keys that belong to that.
///
/// # Errors
/// Names the rule it breaks.
pub fn authentication(
    method: Option<&str>,
    jwks: Option<Value>,
    jwks_uri: Option<String>,
    reach: Reach,
) -> Result<ClientAuthentication, Fault> {
    let keys = match (jwks, jwks_uri) {
        (None, None) => None,
        (Some(jwks), None) => {
            client_keys::read(&jwks).map_err(|rule| Fault::new("jwks", rule))?;
            Some(ClientKeys::Jwks(jwks))
        }
        (None, Some(uri)) => Some(ClientKeys::JwksUri(key_address(uri, reach)?)),
        (Some(_), Some(_)) => {
            let rule = "keys stand in jwks or at jwks_uri, not both";
            return Err(Fault::new("jwks_uri", rule));
        }
    };
    match (method, keys) {
        (Some("private_key_jwt"), Some(keys)) => Ok(ClientAuthentication::PrivateKeyJwt { keys }),
        (Some("private_key_jwt"), None) => {
            let rule = "private_key_jwt needs a JWK set, here or at jwks_uri";
            Err(Fault::new("jwks", rule))
        }
        (_, Some(_)) => Err(Fault::new("jwks", "keys belong to private_key_jwt")),
        (None | Some("none"), None) => Ok(ClientAuthentication::None),
        (Some("client_secret_basic"), None) => Ok(ClientAuthentication::ClientSecretBasic),
        (Some("client_secret_post"), None) => Ok(ClientAuthentication::ClientSecretPost),
        (Some(_), None) => Err(Fault::new(
            "token_endpoint_auth_method",
            "none, client_secret_basic, client_secret_post or private_key_jwt",
        )),
    }
}

/// Where keys are: a public https address. What its name leads to is checked whenever it is asked.
fn key_address(text: String, reach: Reach) -> Result<String, Fault> {
    let refused = |rule: String| Fault::new("jwks_uri", rule);
    let plain = text.len() <= 2_000 && text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    let url = plain.then(|| Url::parse(&text).ok()).flatten();
    let url = url.ok_or_else(|| refused("it is not an address".to_owned()))?;
    if text.contains(['@', '#']) {
        return Err(refused("it has no user name and no fragment".to_owned()));
    }
    reach
        .check(&url)
        .map_err(|rule| refused(rule.to_string()))?;
    Ok(text)
}
