//! Request bodies, read whole and taken strictly.

use std::{fmt, future::Future, marker::PhantomData, pin::Pin, time::Duration};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::{
        StatusCode,
        header::{self, HeaderMap},
    },
    web::BytesMut,
};
use futures_util::StreamExt;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::{duplicates, problem::Problem};

/// The most bytes a JSON or form body may have, unless a route says otherwise with [`BodyLimit`].
pub const DEFAULT_BODY_LIMIT: usize = 256 * 1024;

/// The longest a body of that size may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// The most bytes a body may have under the scope that has this as `app_data`.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimit(pub usize);

/// A JSON object (RFC 8259) as a body, taken strictly: `Content-Type: application/json`, UTF-8, no name twice
/// in one object, nothing after the value, no larger than the limit. Unknown members are refused
/// where the type says `#[serde(deny_unknown_fields)]`, as every request type should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrictJson<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for StrictJson<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let accepted = expect_media_type(request.headers(), "application/json");
        let limit = limit_of(request);
        let declared = declared_length(request.headers());
        let payload = payload.take();
        Box::pin(async move {
            accepted?;
            let body = read_whole(payload, limit, declared).await?;
            parse_json(&body).map(Self)
        })
    }
}

/// Reads a JSON object as strictly as [`StrictJson`] does.
///
/// # Errors
/// 400, saying what is wrong and where.
pub fn parse_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let text = utf8(body)?;
    match text
        .trim_start_matches([' ', '\t', '\r', '\n'])
        .chars()
        .next()
    {
        Some('{') => {}
        None => {
            return Err(Problem::bad_request(
                "The body is empty; a JSON object is needed.",
            ));
        }
        // serde would read a struct from a list of its members, which no client means.
        Some(_) => return Err(Problem::bad_request("A JSON object is needed.")),
    }
    if let Some(name) = duplicates::first_duplicate(text) {
        let detail = "The body holds the same name twice in one object.";
        return Err(Problem::bad_request(detail).at(name, "is there twice"));
    }
    serde_json::from_str(text).map_err(|error| json_problem(&error))
}

/// Reads a member that is a JSON object; for `#[serde(deserialize_with = …)]`. serde would read a
/// struct from a list of its members, too.
///
/// # Errors
/// When it is anything but an object, or the object does not fit.
pub fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    deserializer.deserialize_map(ObjectVisitor(PhantomData))
}

/// The same for a member that may be left out or `null`.
///
/// # Errors
/// When it is anything but an object or `null`, or the object does not fit.
pub fn optional_object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let found: Option<Object<T>> = Option::deserialize(deserializer)?;
    Ok(found.map(|object| object.0))
}

#[derive(Deserialize)]
#[serde(transparent, bound = "T: Deserialize<'de>")]
struct Object<T>(#[serde(deserialize_with = "object")] T);

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members))
    }
}

fn json_problem(error: &serde_json::Error) -> Problem {
    // serde_json ends its message with the position; it is told once, in words.
    let message = error.to_string();
    let what = message
        .rsplit_once(" at line ")
        .map_or(message.as_str(), |(what, _)| what);
    let kind = if error.is_data() {
        "The body does not fit"
    } else {
        "The body is not JSON"
    };
    let place = match (error.line(), error.column()) {
        (0, _) => String::new(),
        (line, column) => format!(" (line {line}, column {column})"),
    };
    Problem::bad_request(format!("{kind}: {what}{place}."))
}

/// Refuses unless the body is of this media type, in UTF-8, and not compressed.
pub(crate) fn expect_media_type(headers: &HeaderMap, expected: &str) -> Result<(), Problem> {
    let refused = |detail: String| Err(Problem::unsupported_media_type(detail));
    if headers.contains_key(header::CONTENT_ENCODING) {
        return refused("Send the body without `Content-Encoding`.".to_owned());
    }
    let sent = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let Some(sent) = sent else {
        return refused(format!("Send the body with `Content-Type: {expected}`."));
    };
    let mut parts = sent.split(';').map(str::trim);
    if !parts
        .next()
        .is_some_and(|essence| essence.eq_ignore_ascii_case(expected))
    {
        return refused(format!("Send the body with `Content-Type: {expected}`."));
    }
    let charset = parts
        .filter_map(|parameter| parameter.split_once('='))
        .find_map(|(name, value)| {
            name.trim()
                .eq_ignore_ascii_case("charset")
                .then(|| value.trim().trim_matches('"'))
        });
    match charset {
        Some(charset) if !charset.eq_ignore_ascii_case("utf-8") => {
            refused("Send the body in UTF-8.".to_owned())
        }
        _ => Ok(()),
    }
}

pub(crate) fn limit_of(request: &HttpRequest) -> usize {
    request
        .app_data::<BodyLimit>()
        .map_or(DEFAULT_BODY_LIMIT, |limit| limit.0)
}

pub(crate) fn declared_length(headers: &HeaderMap) -> Option<usize> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// The whole body. A declared length above the limit is refused before a byte is read, and a body
/// that trickles in is not waited for.
pub(crate) async fn read_whole(
    payload: Payload,
    limit: usize,
    declared: Option<usize>,
) -> Result<BytesMut, Problem> {
    if declared.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    let room = declared.unwrap_or(1024).min(limit);
    let whole = collect(payload, limit, BytesMut::with_capacity(room));
    tokio::time::timeout(PATIENCE, whole)
        .await
        .unwrap_or_else(|_| {
            let (status, detail) = (
                StatusCode::REQUEST_TIMEOUT,
                "The body took too long to arrive.",
            );
            Err(Problem::new(
                status,
                "timeout",
                "The request took too long",
                detail,
            ))
        })
}

async fn collect(
    mut payload: Payload,
    limit: usize,
    mut body: BytesMut,
) -> Result<BytesMut, Problem> {
    while let Some(piece) = payload.next().await {
        let piece = piece.map_err(|_| Problem::bad_request("The body broke off."))?;
        if body.len() + piece.len() > limit {
            return Err(too_large(limit));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

fn too_large(limit: usize) -> Problem {
    Problem::too_large(format!("A body here may have at most {limit} bytes."))
}

pub(crate) fn utf8(body: &[u8]) -> Result<&str, Problem> {
    std::str::from_utf8(body).map_err(|error| {
        let at = error.valid_up_to();
        Problem::bad_request(format!("The body is not UTF-8 from byte {at} on."))
    })
}
