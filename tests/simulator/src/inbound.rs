//! What a call brings besides its JSON: key, headers, query.

use actix_web::{HttpRequest, http::header::AUTHORIZATION};
use jiff::Timestamp;

use crate::{
    answer::Form,
    entry::{Entry, KeyMark, sha256},
    form,
    provider::{Dialect, Route},
    request::Asked,
    target::Target,
    tokens::Tokens,
};

/// A key, and whether it came as a bearer token.
#[derive(Clone, Copy)]
pub struct SentKey<'r> {
    pub text: &'r str,
    pub bearer: bool,
}

impl<'r> SentKey<'r> {
    /// Finds the key where the dialect's clients put it. Anthropic takes a bearer token too,
    /// Azure an `api-key`, and Google a `key` in the query.
    pub fn find(request: &'r HttpRequest, dialect: Dialect) -> Option<Self> {
        let bearer = || {
            let value = header(request, AUTHORIZATION.as_str())?;
            let (scheme, key) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
        };
        let plain = |text| Self {
            text,
            bearer: false,
        };
        let key = match dialect {
            // Azure has it in a header of its own.
            Dialect::OpenAi => bearer()
                .map(|text| Self { text, bearer: true })
                .or_else(|| header(request, "api-key").map(plain)),
            Dialect::Anthropic => header(request, "x-api-key")
                .map(plain)
                .or_else(|| bearer().map(|text| Self { text, bearer: true })),
            Dialect::Google => header(request, "x-goog-api-key")
                .or_else(|| query_member(request, "key"))
                .map(plain),
        };
        key.filter(|key| !key.text.is_empty())
    }
}

/// Begins the log entry of a call.
pub fn open_entry(
    request: &HttpRequest,
    body: &[u8],
    target: Target<'_>,
    key: Option<SentKey<'_>>,
    arrived: Timestamp,
) -> Entry {
    Entry {
        arrived,
        provider: target.provider,
        route: target.route,
        path: request.path().to_owned(),
        model: String::new(),
        stream: false,
        key: key.map(|key| KeyMark::of(key.text)),
        status: None,
        tokens: Tokens::default(),
        billed: false,
        completed: false,
        client_gone: false,
        request_headers: header_lines(request),
        body_sha256: sha256(body),
        body_bytes: body.len(),
    }
}

/// How the answer goes out: only Google decides it by path and query.
pub fn form(request: &HttpRequest, route: Route, asked: Form) -> Form {
    match route {
        Route::StreamGenerate if query_member(request, "alt") == Some("sse") => Form::Events,
        Route::StreamGenerate => Form::List,
        Route::Chat
        | Route::Responses
        | Route::Messages
        | Route::Images
        | Route::ImageEdits
        | Route::Speech
        | Route::Transcriptions
        | Route::Translations => asked,
        _ => Form::Json,
    }
}

/// The form that came, if it is one.
pub fn form_of(request: &HttpRequest, body: &[u8]) -> Option<Asked> {
    form::read(header(request, "content-type")?, body)
}

/// Everything that came: request line, headers, body.
pub fn everything_sent(request: &HttpRequest, body: &[u8]) -> String {
    format!(
        "{} {}\n{}\n{}",
        request.method(),
        request.uri(),
        header_lines(request),
        String::from_utf8_lossy(body)
    )
}

/// Undoes percent-encoding in a path segment; what is not UTF-8 is replaced.
pub fn percent_decoded(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(decoded) if byte == b'%' => {
                bytes.push(decoded);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn header_lines(request: &HttpRequest) -> String {
    let mut lines = String::with_capacity(512);
    for (name, value) in request.headers() {
        lines.push_str(name.as_str());
        lines.push_str(": ");
        lines.push_str(&String::from_utf8_lossy(value.as_bytes()));
        lines.push('\n');
    }
    lines
}

fn header<'r>(request: &'r HttpRequest, name: &str) -> Option<&'r str> {
    request.headers().get(name)?.to_str().ok().map(str::trim)
}

fn query_member<'r>(request: &'r HttpRequest, name: &str) -> Option<&'r str> {
    request
        .query_string()
        .split('&')
        .filter_map(|member| member.split_once('='))
        .find_map(|(found, value)| (found == name).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_encoding_is_undone() {
        assert_eq!(percent_decoded("a%20b%2Fc"), "a b/c");
        assert_eq!(percent_decoded("100%"), "100%");
        assert_eq!(percent_decoded("%zz%C3%A4"), "%zzä");
    }
}
