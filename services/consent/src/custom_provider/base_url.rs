//! The address of a provider that an organization adds.

use events::ProviderKind;
use guarded_fetch::{AddressRefusal, Reach};
use url::{Host, Url};

/// The longest address.
const LONGEST: usize = 200;
/// What every resource of Azure OpenAI is below.
const AZURE: &str = ".openai.azure.com";

/// Why an address is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlRefusal {
    /// It is no URL.
    #[error("an absolute URL is needed, such as https://llm.acme.example/v1")]
    NotUrl,
    /// Calls may not go there.
    #[error(transparent)]
    Address(#[from] AddressRefusal),
    /// It says more than where.
    #[error("the URL may hold no user, query or fragment")]
    MoreThanAPlace,
    /// Its path or host could be read in several ways.
    #[error(
        "the URL's path may hold letters, digits and - . _ ~ / alone, and no empty or dotted parts"
    )]
    Path,
    /// It is not a resource of Azure OpenAI.
    #[error("a resource of Azure OpenAI is https://NAME{AZURE}, without a path")]
    NotAzure,
}

/// Checks an address and gives its one spelling: no trailing slash.
///
/// # Errors
/// Names the rule it breaks.
pub fn base_url(text: &str, kind: ProviderKind, reach: Reach) -> Result<String, BaseUrlRefusal> {
    let url = Url::parse(text.trim()).map_err(|_| BaseUrlRefusal::NotUrl)?;
    if text.len() > LONGEST {
        return Err(BaseUrlRefusal::NotUrl);
    }
    reach.check(&url)?;
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if !plain {
        return Err(BaseUrlRefusal::MoreThanAPlace);
    }
    let path = url.path().trim_end_matches('/');
    let host = url.host_str().unwrap_or_default();
    if !is_plain(path) || !is_as_written(text, path) || host.ends_with('.') {
        return Err(BaseUrlRefusal::Path);
    }
    if kind == ProviderKind::Azure && !(path.is_empty() && is_azure(&url)) {
        return Err(BaseUrlRefusal::NotAzure);
    }
    Ok(format!("{}{path}", url.origin().ascii_serialization()))
}

fn is_plain(path: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~/".contains(&b);
    let parts = path.split('/').skip(1);
    path.bytes().all(allowed)
        && parts
            .into_iter()
            .all(|part| !matches!(part, "" | "." | ".."))
}

/// Whether nothing in the path was resolved away (RFC 3986 section 5.2.4).
fn is_as_written(text: &str, path: &str) -> bool {
    let folded = ["/.", "%", "\\"].iter().any(|mark| text.contains(mark));
    !folded && text.trim().trim_end_matches('/').ends_with(path)
}

/// Whether it is a resource's own host, or stands in for one on this machine.
fn is_azure(url: &Url) -> bool {
    if url.scheme() == "http" {
        // Let through by the reach alone.
        return true;
    }
    let Some(Host::Domain(host)) = url.host() else {
        return false;
    };
    let resource = host.strip_suffix(AZURE);
    url.port().is_none() && resource.is_some_and(|name| !name.is_empty() && !name.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Result<String, BaseUrlRefusal> {
        base_url(text, ProviderKind::OpenaiCompatible, Reach::Internet)
    }

    #[test]
    fn an_address_has_one_spelling() {
        for (text, expected) in [
            (
                "https://llm.acme.example/v1/",
                "https://llm.acme.example/v1",
            ),
            ("https://LLM.acme.example", "https://llm.acme.example"),
            ("https://llm.acme.example:443/", "https://llm.acme.example"),
            (
                "https://llm.acme.example:8443/a/b",
                "https://llm.acme.example:8443/a/b",
            ),
        ] {
            assert_eq!(plain(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_leads_elsewhere_or_says_more_is_refused() {
        for bad in [
            "llm.acme.example",
            "http://llm.acme.example",
            "ftp://llm.acme.example",
            "https://user@llm.acme.example",
            "https://user:secret@llm.acme.example",
            "https://llm.acme.example?x=1",
            "https://llm.acme.example/#x",
            "https://llm.acme.example./v1",
            "https://llm.acme.example/a/../b",
            "https://llm.acme.example/a//b",
            "https://llm.acme.example/%2e%2e",
            "https://llm.acme.example/a;b",
            "https://llm.acme.example/a\\b",
            "https://localhost/v1",
            "https://127.0.0.1/v1",
            "https://10.0.0.1",
            "https://[::1]",
            "https://[::ffff:10.0.0.1]",
            "https://2130706433",
            "http://127.0.0.1:9000",
        ] {
            assert!(plain(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn this_machine_is_asked_in_development_alone() {
        let near = |text| {
            let reach = Reach::InternetAndThisMachine;
            base_url(text, ProviderKind::OpenaiCompatible, reach)
        };
        assert_eq!(
            near("http://127.0.0.1:9/v1").as_deref(),
            Ok("http://127.0.0.1:9/v1")
        );
        assert!(near("http://10.0.0.1").is_err());
    }

    #[test]
    fn azure_is_asked_at_its_own_resources_alone() {
        let azure = |text| base_url(text, ProviderKind::Azure, Reach::Internet);
        assert_eq!(
            azure("https://acme.openai.azure.com/").as_deref(),
            Ok("https://acme.openai.azure.com")
        );
        for bad in [
            "https://openai.azure.com",
            "https://a.b.openai.azure.com",
            "https://acme.openai.azure.com.evil.test",
            "https://acmeopenai.azure.com",
            "https://acme.openai.azure.com:8443",
            "https://acme.openai.azure.com/openai",
        ] {
            assert_eq!(azure(bad), Err(BaseUrlRefusal::NotAzure), "{bad}");
        }
    }
}
