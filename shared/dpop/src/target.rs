//! Whether two addresses are the same one.

use url::Url;

/// Whether `htu` names `asked`: the same scheme, host, port and path after normalisation (RFC 3986
/// sections 6.2.2 and 6.2.3). Query and fragment do not count.
pub(crate) fn is_same(htu: &str, asked: &str) -> bool {
    match (normalised(htu), normalised(asked)) {
        (Some(htu), Some(asked)) => htu == asked,
        _ => false,
    }
}

/// Origin and path. Case, default ports and dot segments are the parser's work.
fn normalised(text: &str) -> Option<(String, String)> {
    let url = Url::parse(text).ok()?;
    let plain = url.username().is_empty() && url.password().is_none();
    (plain && matches!(url.scheme(), "http" | "https"))
        .then(|| (url.origin().ascii_serialization(), plain_path(url.path())))
}

/// A path in which nothing is encoded that need not be, and the rest in upper case.
fn plain_path(path: &str) -> String {
    let mut plain = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        plain.push_str(before);
        let encoded = after
            .get(..2)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (encoded.map(char::from), after.get(..2)) {
            (Some(c), Some(_)) if c.is_ascii_alphanumeric() || "-._~".contains(c) => plain.push(c),
            (Some(_), Some(hex)) => {
                plain.push('%');
                plain.push_str(&hex.to_ascii_uppercase());
            }
            _ => {
                plain.push('%');
                rest = after;
                continue;
            }
        }
        rest = after.get(2..).unwrap_or_default();
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: &str = "https://vault.example.com/v1/openai/models/a~b";

    #[test]
    fn another_spelling_of_the_same_address_is_the_same() {
        for same in [
            ASKED,
            "https://vault.example.com/v1/openai/models/a~b?x=1",
            "https://vault.example.com/v1/openai/models/a~b#x",
            "HTTPS://Vault.Example.COM:443/v1/openai/models/a~b",
            "https://vault.example.com/v1/x/../openai/models/a%7Eb",
            "https://vault.example.com/v1/openai/models/%61%7eb",
        ] {
            assert!(is_same(same, ASKED), "{same}");
        }
        assert!(is_same("https://a.test", "https://a.test/"));
        assert!(is_same("https://a.test/x%2fy", "https://a.test/x%2Fy"));
    }

    #[test]
    fn another_address_is_another() {
        for other in [
            "http://vault.example.com/v1/openai/models/a~b",
            "https://vault.example.com:8443/v1/openai/models/a~b",
            "https://vault.example.org/v1/openai/models/a~b",
            "https://x@vault.example.com/v1/openai/models/a~b",
            "https://vault.example.com/v1/openai/models/a~b/",
            "https://vault.example.com/v1/openai/models/A~b",
            "https://vault.example.com/v1/openai%2Fmodels/a~b",
            "/v1/openai/models/a~b",
            "",
        ] {
            assert!(!is_same(other, ASKED), "{other}");
        }
        assert!(!is_same("ftp://a.test/", "ftp://a.test/"));
        assert!(!is_same("https://a.test/%zz", "https://a.test/%25zz"));
    }
}
