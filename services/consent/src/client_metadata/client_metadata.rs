//! Client metadata (RFC 7591 section 2), read into what an app is registered with.

use std::collections::BTreeSet;

use events::GrantType;
use guarded_fetch::Reach;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;
use url::Url;

use crate::registered_app::{Fault, Registration, authentication};

/// What people see of a client that gives neither a name nor an address.
const NAMELESS: &str = "An app without a name";

/// What a client says about itself. Members that are not here mean nothing to this vault and are
/// passed over (RFC 7591 section 2).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ClientMetadata {
    /// Who it says it is; counts in a document only.
    pub client_id: Option<String>,
    /// Its name.
    pub client_name: Option<String>,
    /// Its web address.
    pub client_uri: Option<String>,
    /// Where browsers may be sent back to.
    pub redirect_uris: Vec<String>,
    /// What it comes to the token endpoint with.
    pub grant_types: Option<Vec<String>>,
    /// What it asks the authorization endpoint for.
    pub response_types: Option<Vec<String>>,
    /// How it proves that it is itself.
    pub token_endpoint_auth_method: Option<String>,
    /// Its public keys.
    pub jwks: Option<Value>,
    /// Where its public keys are.
    pub jwks_uri: Option<String>,
    /// Whether every token of it must be bound to a key (RFC 9449 section 5.2).
    pub dpop_bound_access_tokens: Option<bool>,
    /// The types of authorization details that it uses (RFC 9396 section 10).
    pub authorization_details_types: Option<Vec<String>>,
    /// A secret, which nobody may choose or publish.
    pub client_secret: Option<IgnoredAny>,
    /// When that secret ends.
    pub client_secret_expires_at: Option<IgnoredAny>,
}

/// Why a client cannot be registered with what it says (RFC 7591 section 3.2.2).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataFault {
    /// A redirect URI cannot be used.
    #[error("{0}")]
    RedirectUri(String),
    /// Something else.
    #[error("{0}")]
    Metadata(String),
}

impl MetadataFault {
    /// Its code in OAuth.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::RedirectUri(_) => "invalid_redirect_uri",
            Self::Metadata(_) => "invalid_client_metadata",
        }
    }
}

impl From<Fault> for MetadataFault {
    fn from(fault: Fault) -> Self {
        let text = format!("{}: {}", fault.member, fault.rule);
        if fault.member.starts_with("redirect_uris") {
            Self::RedirectUri(text)
        } else {
            Self::Metadata(text)
        }
    }
}

impl ClientMetadata {
    /// What an app that says this is registered with. Grant types that this vault does not have
    /// are left out (RFC 7591 section 3.2.1 lets a server do so, and says so in its answer).
    ///
    /// # Errors
    /// Names the rule that it breaks.
    pub fn registration(
        self,
        default_method: &str,
        reach: Reach,
    ) -> Result<Registration, MetadataFault> {
        let wrong = |why: &str| Err(MetadataFault::Metadata(why.to_owned()));
        let named = |list: &Option<Vec<String>>, one: &str| {
            list.as_ref()
                .is_none_or(|list| list.iter().any(|named| named == one))
        };
        let grant_types = grant_types(self.grant_types.as_deref());
        if grant_types.contains(&GrantType::AuthorizationCode)
            && !named(&self.response_types, "code")
        {
            return wrong("response_types: the authorization code needs code");
        }
        if !named(&self.authorization_details_types, events::TYPE) {
            return wrong("authorization_details_types: only ai_model_access is known here");
        }
        let method = self
            .token_endpoint_auth_method
            .as_deref()
            .unwrap_or(default_method);
        let authentication = authentication(Some(method), self.jwks, self.jwks_uri, reach)?;
        let name = self
            .client_name
            .or_else(|| self.client_uri.as_deref().and_then(host_of))
            .or_else(|| self.redirect_uris.first().and_then(|uri| host_of(uri)));
        let registration = Registration {
            name: name.unwrap_or_else(|| NAMELESS.to_owned()),
            url: self.client_uri,
            redirect_uris: self.redirect_uris,
            grant_types,
            authentication,
            dpop_bound: self.dpop_bound_access_tokens.unwrap_or(false),
        };
        Ok(registration.checked()?)
    }
}

fn grant_types(named: Option<&[String]>) -> BTreeSet<GrantType> {
    let Some(named) = named else {
        return GrantType::code_alone();
    };
    let known = |name: &String| serde_json::from_value(Value::from(name.as_str())).ok();
    named.iter().filter_map(known).collect()
}

fn host_of(url: &str) -> Option<String> {
    Url::parse(url).ok()?.host_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use events::ClientAuthentication;
    use serde_json::json;

    use super::*;

    fn read(mut metadata: Value) -> Result<Registration, MetadataFault> {
        if metadata.get("redirect_uris").is_none() {
            metadata["redirect_uris"] = json!(["https://app.test/cb"]);
        }
        let metadata: ClientMetadata = serde_json::from_value(metadata).unwrap();
        metadata.registration("none", Reach::Internet)
    }

    #[test]
    fn what_is_left_out_is_as_the_rfc_says() {
        let plain = read(json!({"software_id": "x", "logo_uri": "https://app.test/l.png"}));
        let plain = plain.unwrap();
        assert_eq!(plain.name, "app.test");
        assert_eq!(plain.grant_types, GrantType::code_alone());
        assert_eq!(plain.authentication, ClientAuthentication::None);
    }

    #[test]
    fn grant_types_that_nobody_here_has_are_left_out() {
        let some =
            read(json!({"grant_types": ["authorization_code", "implicit", "refresh_token"]}));
        let types: Vec<_> = some.unwrap().grant_types.into_iter().collect();
        assert_eq!(
            types,
            [GrantType::AuthorizationCode, GrantType::RefreshToken]
        );
        for none in [json!([]), json!(["implicit"]), json!(["refresh_token"])] {
            let refused = read(json!({"grant_types": none})).unwrap_err();
            assert_eq!(refused.code(), "invalid_client_metadata");
        }
    }

    #[test]
    fn a_fault_has_the_code_of_the_rfc() {
        for (metadata, code) in [
            (json!({"redirect_uris": []}), "invalid_redirect_uri"),
            (
                json!({"redirect_uris": ["javascript:x"]}),
                "invalid_redirect_uri",
            ),
            (
                json!({"redirect_uris": ["http://app.test/cb"]}),
                "invalid_redirect_uri",
            ),
            (
                json!({"client_uri": "javascript:x"}),
                "invalid_client_metadata",
            ),
            (
                json!({"client_name": "x".repeat(81)}),
                "invalid_client_metadata",
            ),
            (
                json!({"response_types": ["token"]}),
                "invalid_client_metadata",
            ),
            (
                json!({"authorization_details_types": ["payment"]}),
                "invalid_client_metadata",
            ),
            (
                json!({"token_endpoint_auth_method": "tls_client_auth"}),
                "invalid_client_metadata",
            ),
            (
                json!({"token_endpoint_auth_method": "private_key_jwt"}),
                "invalid_client_metadata",
            ),
            (json!({"jwks": {"keys": []}}), "invalid_client_metadata"),
            (
                json!({"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://10.0.0.1/"}),
                "invalid_client_metadata",
            ),
        ] {
            assert_eq!(
                read(metadata.clone()).unwrap_err().code(),
                code,
                "{metadata}"
            );
        }
    }
}
