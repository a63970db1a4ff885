//! Other addresses for the built-in providers, for development and tests.

use std::str::FromStr;

use events::Provider;
use url::Url;

/// A provider and the address to ask instead of its own: `openai=http://127.0.0.1:9000/v1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderUrl {
    /// Which provider.
    pub provider: Provider,
    /// The base URL.
    pub url: String,
}

/// Why a text is not another address for a provider.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OverrideError {
    /// Not of the form `provider=URL`.
    #[error("another address is written as provider=URL")]
    Form,
    /// Not the name of a built-in provider.
    #[error("{0} is not one of the built-in providers")]
    Provider(String),
    /// Not an absolute http or https URL without user, query and fragment.
    #[error("{0} must be asked at an http:// or https:// URL without user, query and fragment")]
    Url(Provider),
    /// Production asks the real providers only.
    #[error("in production, providers are asked at their own addresses only")]
    Production,
}

impl FromStr for ProviderUrl {
    type Err = OverrideError;

    fn from_str(text: &str) -> Result<Self, OverrideError> {
        let (name, url) = text.trim().split_once('=').ok_or(OverrideError::Form)?;
        let provider = name
            .parse::<Provider>()
            .ok()
            .filter(|provider| provider.is_built_in() && !provider.is_sandbox())
            .ok_or_else(|| OverrideError::Provider(name.to_owned()))?;
        let parsed = Url::parse(url).map_err(|_| OverrideError::Url(provider.clone()))?;
        let plain = matches!(parsed.scheme(), "http" | "https")
            && parsed.has_host()
            && parsed.username().is_empty()
            && parsed.password().is_none()
            && parsed.query().is_none()
            && parsed.fragment().is_none();
        if !plain {
            return Err(OverrideError::Url(provider));
        }
        Ok(Self {
            provider,
            url: parsed.as_str().trim_end_matches('/').to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_address_names_a_known_provider_and_a_plain_url() {
        let good: ProviderUrl = "openai=http://127.0.0.1:9000/v1".parse().unwrap();
        assert_eq!(good.provider.as_str(), "openai");
        assert_eq!(good.url, "http://127.0.0.1:9000/v1");
        for bad in [
            "openai",
            "open ai=http://a",
            "nobody=http://a",
            "sandbox=http://a",
            "openai=ftp://a",
            "openai=http://u:p@a",
            "openai=http://a?x=1",
            "openai=http://a#x",
            "openai=/v1",
        ] {
            assert!(bad.parse::<ProviderUrl>().is_err(), "{bad}");
        }
    }
}
