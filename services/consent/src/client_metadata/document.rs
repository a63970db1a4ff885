//! A client id metadata document: an address that is a client id, and what stands there.

use events::GrantType;
use guarded_fetch::Reach;
use url::Url;

use super::{ClientMetadata, MetadataFault};
use crate::registered_app::Registration;

/// The longest client id that is an address.
const LONGEST: usize = 2_048;

/// A client id that is the address of a metadata document: one spelling, nothing hidden in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentUrl(Url);

impl DocumentUrl {
    /// Whether a client id means to be an address. No id that this vault gives out does.
    #[must_use]
    pub fn is_meant(client_id: &str) -> bool {
        client_id.contains("://")
    }

    /// Takes a client id as a client sent it.
    ///
    /// # Errors
    /// Names the rule it breaks.
    pub fn parse(text: &str, reach: Reach) -> Result<Self, &'static str> {
        let plain = text.len() <= LONGEST && text.bytes().all(|b| b.is_ascii_graphic());
        if !plain || text.contains('\\') {
            return Err("a client_id that is an address has at most 2,048 plain ASCII characters");
        }
        let url = Url::parse(text).map_err(|_| "the client_id is not an address")?;
        let (_, rest) = text.split_once("://").unwrap_or_default();
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains(['@', '%']) || text.contains('#') {
            return Err("a client_id has no user name, no fragment and no % in its host");
        }
        if !rest[authority.len()..].starts_with('/') {
            return Err("a client_id that is an address has a path");
        }
        // What the parser would write otherwise has a second spelling: upper case, a port that goes
        // without saying, dot segments, a host in other digits.
        if url.as_str() != text {
            return Err("the client_id is not in its plain spelling");
        }
        reach
            .check(&url)
            .map_err(|_| "a client_id that is an address is a public https address")?;
        Ok(Self(url))
    }

    /// The address.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.0
    }

    /// The client id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The host that the client has shown to control.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// Reads the document that was found at this address.
    ///
    /// # Errors
    /// Names the rule that it breaks.
    pub fn read(&self, document: &[u8], reach: Reach) -> Result<Registration, MetadataFault> {
        let wrong = |why: &str| Err(MetadataFault::Metadata(why.to_owned()));
        let Ok(metadata) = server::parse_json::<ClientMetadata>(document) else {
            return wrong("it is not client metadata in JSON");
        };
        if metadata.client_id.as_deref() != Some(self.as_str()) {
            return wrong("its client_id is not its own address");
        }
        if metadata.client_secret.is_some() || metadata.client_secret_expires_at.is_some() {
            return wrong("it publishes a client secret");
        }
        let mut registration = metadata.registration("none", reach)?;
        if registration.authentication.has_secret() {
            return wrong("token_endpoint_auth_method: nobody shares a secret with a document");
        }
        // The device grant asks a person to trust a code that anybody may have begun.
        registration.grant_types.remove(&GrantType::DeviceCode);
        if !registration
            .grant_types
            .contains(&GrantType::AuthorizationCode)
        {
            return wrong("grant_types: authorization_code is needed");
        }
        let elsewhere =
            |uri: &String| Url::parse(uri).map_or(true, |uri| uri.origin() != self.0.origin());
        if registration.redirect_uris.iter().any(elsewhere) {
            let why = "redirect_uris: they have the same origin as the client_id";
            return Err(MetadataFault::RedirectUri(why.to_owned()));
        }
        // What people see is the host that was shown to be the client's, not one it names.
        registration.url = Some(self.as_str().to_owned());
        Ok(registration)
    }
}

#[cfg(test)]
mod tests;
