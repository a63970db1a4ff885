//! Which headers pass, in both directions, by name. What is not named here does not pass.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{HeaderMap as Upstream, HeaderName as UpstreamName, HeaderValue as UpstreamValue};

use crate::{
    body::FormType,
    call::{key_watch::KeyWatch, retry_after},
    error::Refusal,
    provider::{Dialect, KeyHeader},
};

/// What providers are told of us, in place of what the app says of itself.
const USER_AGENT: UpstreamValue =
    UpstreamValue::from_static(concat!("latchkey/", env!("CARGO_PKG_VERSION")));

/// What a provider calls a call, as apps are told.
pub(crate) const PROVIDER_REQUEST_ID: HeaderName = HeaderName::from_static("x-provider-request-id");

/// What OpenAI and those like it tell with each answer, made ready once.
static USUAL: [HeaderName; 6] = [
    HeaderName::from_static("x-ratelimit-limit-requests"),
    HeaderName::from_static("x-ratelimit-limit-tokens"),
    HeaderName::from_static("x-ratelimit-remaining-requests"),
    HeaderName::from_static("x-ratelimit-remaining-tokens"),
    HeaderName::from_static("x-ratelimit-reset-requests"),
    HeaderName::from_static("x-ratelimit-reset-tokens"),
];

/// Anthropic's betas that change neither what a call costs nor where its data goes. Others are
/// left out.
const ANTHROPIC_BETAS: [&str; 19] = [
    "advanced-tool-use-",
    "claude-code-",
    "computer-use-",
    "context-1m-",
    "context-management-",
    "dev-full-thinking-",
    "effort-",
    "extended-cache-ttl-",
    "fine-grained-tool-streaming-",
    "interleaved-thinking-",
    "max-tokens-3-5-sonnet-",
    "model-context-window-exceeded-",
    "output-128k-",
    "pdfs-",
    "prompt-caching-",
    "structured-outputs-",
    "token-counting-",
    "token-efficient-tools-",
    "tool-examples-",
];

/// Refuses a body that is compressed.
fn expect_plain(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut encoded = headers.get_all(header::CONTENT_ENCODING);
    if encoded.any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Refusal::MediaType(
            "send the body without `Content-Encoding`",
        ));
    }
    Ok(())
}

/// Refuses a body that is no plain form; gives what is between its parts.
pub(crate) fn expect_form(headers: &HeaderMap) -> Result<FormType, Refusal> {
    expect_plain(headers)?;
    let mut sent = headers.get_all(header::CONTENT_TYPE);
    let (first, second) = (sent.next(), sent.next());
    let only = first.filter(|_| second.is_none());
    only.and_then(|value| FormType::parse(value.to_str().ok()?))
        .ok_or(Refusal::MediaType(
            "send the body as `Content-Type: multipart/form-data` with one plain boundary",
        ))
}

/// Refuses a body that is not plain JSON.
pub(crate) fn expect_json(headers: &HeaderMap) -> Result<(), Refusal> {
    expect_plain(headers)?;
    let wrong = Refusal::MediaType("send the body as `Content-Type: application/json`, in UTF-8");
    let mut types = headers.get_all(header::CONTENT_TYPE);
    let (first, None) = (types.next(), types.next()) else {
        // Of two, a reader may take either.
        return Err(wrong);
    };
    let Some(sent) = first.and_then(|value| value.to_str().ok()) else {
        return Err(wrong);
    };
    let mut parts = sent.split(';').map(str::trim);
    let is_json = parts
        .next()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
    let mut charsets = parts.filter_map(|part| part.split_once('='));
    let is_utf8 = charsets.all(|(name, value)| {
        !name.trim().eq_ignore_ascii_case("charset")
            || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
    });
    if is_json && is_utf8 {
        Ok(())
    } else {
        Err(wrong)
    }
}

/// The length that a body is said to have.
pub(crate) fn declared_length(headers: &HeaderMap) -> Result<Option<usize>, Refusal> {
    let Some(value) = headers.get(header::CONTENT_LENGTH) else {
        return Ok(None);
    };
    let length = value.to_str().ok().and_then(|text| text.parse().ok());
    length.map(Some).ok_or_else(|| Refusal::Request {
        message: "`Content-Length` is no number".to_owned(),
        param: None,
    })
}

/// The headers of a request that the provider gets to see. Credentials, cookies, organizations and
/// what gateways add are not among them.
pub(crate) fn to_provider(headers: &HeaderMap, dialect: Dialect) -> Upstream {
    let mut sent = Upstream::with_capacity(16);
    sent.insert("user-agent", USER_AGENT);
    // An answer that is compressed could neither be metered nor watched.
    sent.insert("accept-encoding", UpstreamValue::from_static("identity"));
    for (name, value) in headers {
        let name = name.as_str();
        let passes = match name {
            "accept" => true,
            "anthropic-version" => dialect == Dialect::Anthropic,
            _ => name.starts_with("x-stainless-"),
        };
        if passes {
            put(&mut sent, name, value.as_bytes());
        }
    }
    if dialect == Dialect::Anthropic {
        let betas = headers
            .get_all("anthropic-beta")
            .filter_map(|value| value.to_str().ok());
        let known: Vec<&str> = betas
            .flat_map(|list| list.split(','))
            .map(str::trim)
            .filter(|beta| ANTHROPIC_BETAS.iter().any(|known| beta.starts_with(known)))
            .collect();
        if !known.is_empty() {
            put(&mut sent, "anthropic-beta", known.join(",").as_bytes());
        }
    }
    sent
}

/// Whether a provider is asked for a longer context window than the model's usual one.
pub(crate) fn ask_for_longest_window(sent: &Upstream) -> bool {
    let betas = sent.get_all("anthropic-beta");
    let mut betas = betas.iter().filter_map(|value| value.to_str().ok());
    betas.any(|list| list.split(',').any(|beta| beta.starts_with("context-1m-")))
}

fn put(headers: &mut Upstream, name: &str, value: &[u8]) {
    let (name, value) = (
        UpstreamName::from_bytes(name.as_bytes()),
        UpstreamValue::from_bytes(value),
    );
    if let (Ok(name), Ok(value)) = (name, value) {
        headers.append(name, value);
    }
}

/// Adds the provider's key, where the provider wants it.
///
/// # Errors
/// When the key fits no header; such a key is not stored.
pub(crate) fn add_key(
    headers: &mut Upstream,
    style: KeyHeader,
    key: &str,
) -> Result<(), http::header::InvalidHeaderValue> {
    let (name, text) = match style {
        KeyHeader::Bearer => (
            "authorization",
            zeroize::Zeroizing::new(["Bearer ", key].concat()),
        ),
        KeyHeader::XApiKey => ("x-api-key", zeroize::Zeroizing::new(key.to_owned())),
        KeyHeader::ApiKey => ("api-key", zeroize::Zeroizing::new(key.to_owned())),
        KeyHeader::XGoogApiKey => ("x-goog-api-key", zeroize::Zeroizing::new(key.to_owned())),
    };
    let mut value = UpstreamValue::from_str(&text)?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}

/// The headers of an answer that the app gets to see; none that holds a piece of the key.
pub(crate) fn to_app<'h>(
    headers: &'h Upstream,
    watch: &'h KeyWatch,
) -> impl Iterator<Item = (HeaderName, HeaderValue)> + 'h {
    headers.iter().filter_map(move |(name, value)| {
        let name = name_for_app(name.as_str())?;
        if watch.finds_in(value.as_bytes()) {
            return None;
        }
        let value = match name.as_str() {
            "retry-after" => retry_after::seconds_or_date(value.as_bytes())?,
            "retry-after-ms" => retry_after::milliseconds(value.as_bytes())?,
            _ => HeaderValue::from_bytes(value.as_bytes()).ok()?,
        };
        Some((name, value))
    })
}

/// What the app is told a header of an answer by; `None` for one that does not pass.
fn name_for_app(name: &str) -> Option<HeaderName> {
    match name {
        "request-id" | "x-request-id" => return Some(PROVIDER_REQUEST_ID),
        "retry-after" | "retry-after-ms" | "x-should-retry" => {}
        _ if name.starts_with("x-ratelimit-") || name.starts_with("anthropic-ratelimit-") => {}
        _ => return None,
    }
    let usual = USUAL.iter().find(|usual| usual.as_str() == name);
    usual
        .cloned()
        .or_else(|| HeaderName::from_bytes(name.as_bytes()).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(all: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in all {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            map.append(name, HeaderValue::from_str(value).unwrap());
        }
        map
    }

    #[test]
    fn the_longest_window_is_asked_for_by_its_beta_alone() {
        for (betas, asks) in [
            (&["context-1m-2025-08-07"][..], true),
            (&["effort-2025-11-24, context-1m-2025-08-07"], true),
            (&["effort-2025-11-24", "context-1m-2025-08-07"], true),
            (&["context-management-2025-06-27"], false),
            (&[], false),
        ] {
            let all: Vec<_> = betas.iter().map(|beta| ("anthropic-beta", *beta)).collect();
            let sent = to_provider(&request(&all), Dialect::Anthropic);
            assert_eq!(ask_for_longest_window(&sent), asks, "{betas:?}");
        }
    }

    #[test]
    fn only_named_headers_reach_a_provider() {
        let app = request(&[
            ("authorization", "Bearer okap_x"),
            ("x-api-key", "okap_x"),
            ("x-goog-api-key", "okap_x"),
            ("api-key", "okap_x"),
            ("cookie", "a=b"),
            ("openai-organization", "org"),
            ("openai-project", "p"),
            ("x-forwarded-for", "1.2.3.4"),
            ("forwarded", "for=1"),
            ("connection", "x-stainless-lang"),
            ("te", "trailers"),
            ("host", "vault"),
            ("content-length", "5"),
            ("transfer-encoding", "chunked"),
            ("accept-encoding", "gzip"),
            ("user-agent", "OpenAI/Python"),
            ("idempotency-key", "k"),
            ("x-okap-cache", "max-age=60"),
            ("accept", "application/json"),
            ("x-stainless-lang", "python"),
            ("anthropic-version", "2023-06-01"),
            (
                "anthropic-beta",
                "interleaved-thinking-2025-05-14, mcp-client-2025-04-04",
            ),
            ("anthropic-beta", "files-api-2025-04-14"),
        ]);
        let sent = to_provider(&app, Dialect::Anthropic);
        let mut names: Vec<&str> = sent.keys().map(UpstreamName::as_str).collect();
        names.sort_unstable();
        let expected = [
            "accept",
            "accept-encoding",
            "anthropic-beta",
            "anthropic-version",
            "user-agent",
            "x-stainless-lang",
        ];
        assert_eq!(names, expected);
        assert_eq!(sent["anthropic-beta"], "interleaved-thinking-2025-05-14");
        assert_eq!(sent["accept-encoding"], "identity");
        assert!(
            sent["user-agent"]
                .to_str()
                .unwrap()
                .starts_with("latchkey/")
        );
        assert!(!to_provider(&app, Dialect::OpenAi).contains_key("anthropic-version"));
    }

    #[test]
    fn the_key_goes_where_the_provider_wants_it() {
        for (style, name, value) in [
            (KeyHeader::Bearer, "authorization", "Bearer sk-1"),
            (KeyHeader::XApiKey, "x-api-key", "sk-1"),
            (KeyHeader::XGoogApiKey, "x-goog-api-key", "sk-1"),
        ] {
            let mut headers = Upstream::new();
            add_key(&mut headers, style, "sk-1").unwrap();
            assert_eq!(headers[name], value);
            assert!(headers[name].is_sensitive());
        }
    }

    #[test]
    fn only_named_headers_reach_the_app_and_none_with_the_key() {
        let watch = KeyWatch::new("sk-aB3dE5gH7jK9mN1pQ3");
        let mut headers = Upstream::new();
        for (name, value) in [
            ("set-cookie", "a=b"),
            ("openai-organization", "org"),
            ("server", "x"),
            ("alt-svc", "h3"),
            ("location", "https://evil"),
            ("x-request-id", "req_1"),
            ("x-ratelimit-remaining-tokens", "9"),
            ("x-ratelimit-note", "key aB3dE5gH7jK9 here"),
            ("retry-after", "soon"),
            ("retry-after", "3"),
            ("retry-after-ms", "1e9"),
        ] {
            headers.append(name, UpstreamValue::from_static(value));
        }
        let mut names: Vec<String> = to_app(&headers, &watch)
            .map(|(name, _)| name.to_string())
            .collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "retry-after",
                "x-provider-request-id",
                "x-ratelimit-remaining-tokens"
            ]
        );
    }

    #[test]
    fn a_body_must_be_plain_json() {
        let ok = |all: &[(&str, &str)]| expect_json(&request(all)).is_ok();
        assert!(ok(&[("content-type", "application/json")]));
        assert!(ok(&[(
            "content-type",
            "Application/JSON; charset=\"UTF-8\""
        )]));
        assert!(!ok(&[]));
        assert!(!ok(&[("content-type", "text/plain")]));
        assert!(!ok(&[("content-type", "application/json; charset=utf-16")]));
        assert!(!ok(&[("content-type", "multipart/form-data; boundary=x")]));
        assert!(!ok(&[
            ("content-type", "application/json"),
            ("content-encoding", "gzip")
        ]));
        assert!(!ok(&[
            ("content-type", "application/json"),
            ("content-encoding", "identity"),
            ("content-encoding", "gzip")
        ]));
        assert!(!ok(&[
            ("content-type", "application/json"),
            ("content-type", "multipart/form-data; boundary=x")
        ]));
    }
}
