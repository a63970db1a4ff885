//! Stage one: a request on a known route, with one well-formed token.

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderMap, HeaderName},
};
use dpop::Proof;
use http::HeaderMap as Forwarded;
use ids::{OkapToken, TokenDigest, TokenRefusal};
use server::RequestId;

use crate::{
    body::FormType,
    cache::MaxAge,
    call::{
        gate::Gate,
        headers,
        possession::{self, of_scheme},
        route::{Found, Route},
    },
    error::{Refusal, Shape},
    provider::{AddedRoute, Dialect, Endpoint},
};

/// A request on a known route, with one well-formed token.
pub struct Received {
    pub(crate) route: Route,
    pub(crate) digest: TokenDigest,
    /// That its sender holds a key, if it came with a proof.
    pub(crate) proof: Option<Proof>,
    pub(crate) shape: Shape,
    pub(crate) forwarded: Forwarded,
    pub(crate) declared_length: Option<usize>,
    /// What the body is, where it is a form.
    pub(crate) form: Option<FormType>,
    /// How old a kept answer may be, if the app takes one.
    pub(crate) max_age: Option<MaxAge>,
}

/// A refusal, and the shape to tell it in.
pub type Told = (Shape, Refusal);

impl Received {
    /// Reads the head of a request. Nothing is looked up.
    ///
    /// # Errors
    /// When it is on no route, carries no token or a malformed one, or cannot be checked.
    pub fn read(gate: &Gate, request: &HttpRequest, id: RequestId) -> Result<Self, Told> {
        let shape = |dialect| Shape {
            dialect,
            request_id: id.to_string(),
        };
        let (method, path) = (request.method(), request.uri().path());
        let matched = match gate.providers.route(method, path) {
            Ok(matched) => Found::from(matched),
            Err(nothing) => AddedRoute::find(method, path)
                .map(Found::from)
                .ok_or_else(|| {
                    let refusal = nothing.closed.map_or(Refusal::NoRoute, Refusal::NotOffered);
                    (shape(nothing.dialect), refusal)
                })?,
        };
        let shape = shape(matched.upstream.dialect());
        let (query, added) = matched.query(request.query_string());
        let parameters = parameters(&query, matched.endpoint);
        let read = added.and_then(|added| {
            let parameters = parameters?;
            let digest = token(request.headers(), parameters.key)?;
            let proof = possession::proof(request, digest, gate.clock.now())?;
            let form = form(request.headers(), matched.endpoint)?;
            let route = matched.route(parameters.to_send, added);
            let forwarded = headers::to_provider(request.headers(), route.upstream.dialect());
            let declared_length = headers::declared_length(request.headers())?;
            let max_age = MaxAge::asked(request.headers())?;
            let body = (declared_length, form);
            Ok((route, (digest, proof), (forwarded, max_age), body))
        });
        match read {
            Ok((route, (digest, proof), (forwarded, max_age), (declared_length, form))) => {
                Ok(Self {
                    route,
                    digest,
                    proof,
                    shape,
                    forwarded,
                    declared_length,
                    form,
                    max_age,
                })
            }
            Err(refusal) => Err((shape, refusal)),
        }
    }
}

/// What the body is, where it is a form. A body of another kind than the endpoint takes is refused.
fn form(headers: &HeaderMap, endpoint: Endpoint) -> Result<Option<FormType>, Refusal> {
    if endpoint.takes_form() {
        return headers::expect_form(headers).map(Some);
    }
    if endpoint.has_body() {
        headers::expect_json(headers)?;
    }
    Ok(None)
}

pub(super) struct Parameters<'q> {
    /// A token given as Google's SDKs may give it.
    pub(super) key: Option<&'q str>,
    to_send: String,
}

/// Takes a query apart. Nothing in it is decoded: values that need it are no parameters here.
pub(super) fn parameters(query: &str, endpoint: Endpoint) -> Result<Parameters<'_>, Refusal> {
    let mut taken = Parameters {
        key: None,
        to_send: String::new(),
    };
    let mut seen: Vec<&str> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let shown = || name.chars().take(64).collect::<String>();
        if seen.contains(&name) {
            let message = format!("the parameter `{}` is there twice", shown());
            return Err(Refusal::of_parameter(&shown(), message));
        }
        seen.push(name);
        if name == "key" {
            taken.key = Some(value).filter(|key| !key.is_empty());
            continue;
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.;=%~,".contains(&b);
        // `$alt` may come with its first character encoded.
        let known = name.replace("%24", "$");
        if !endpoint.parameters().contains(&known.as_str()) || !value.bytes().all(plain) {
            let message = format!("the parameter `{}` is not taken here", shown());
            return Err(Refusal::of_parameter(&shown(), message));
        }
        if !taken.to_send.is_empty() {
            taken.to_send.push('&');
        }
        taken.to_send.push_str(pair);
    }
    Ok(taken)
}

/// Where SDKs put a key that is not in `Authorization`.
static KEY_HEADERS: [HeaderName; 3] = [
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-goog-api-key"),
    HeaderName::from_static("api-key"),
];

/// The one token of a request, from wherever its SDK puts it.
pub(crate) fn token(headers: &HeaderMap, key: Option<&str>) -> Result<TokenDigest, Refusal> {
    let mut found: Option<&[u8]> = None;
    let authorized = headers
        .get_all(header::AUTHORIZATION)
        .filter_map(|value| of_scheme(value, "bearer").or_else(|| of_scheme(value, "dpop")));
    let named = KEY_HEADERS
        .iter()
        .flat_map(|name| headers.get_all(name))
        .map(header::HeaderValue::as_bytes);
    for token in authorized.chain(named).chain(key.map(str::as_bytes)) {
        let token = token.trim_ascii();
        if token.is_empty() {
            continue;
        }
        if found.is_some_and(|other| other != token) {
            return Err(Refusal::SeveralTokens);
        }
        found = Some(token);
    }
    let token = found.ok_or(Refusal::TokenMissing)?;
    let malformed = || Refusal::TokenMalformed(TokenRefusal::Character);
    let token = std::str::from_utf8(token).map_err(|_| malformed())?;
    if token.starts_with("lk_") {
        return Err(Refusal::ManagementToken);
    }
    OkapToken::parse(token)
        .map(|token| token.digest())
        .map_err(Refusal::TokenMalformed)
}

impl Shape {
    /// The shape for what is not on any provider's route.
    #[must_use]
    pub fn usual(id: RequestId) -> Self {
        Self {
            dialect: Dialect::OpenAi,
            request_id: id.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn headers(all: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in all {
            map.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        map
    }

    #[test]
    fn a_token_is_taken_from_wherever_an_sdk_puts_it() {
        let token_minted = OkapToken::mint().unwrap();
        let text = token_minted.reveal();
        let bearer = format!("Bearer {text}");
        let lower = format!("bearer  {text}");
        for (all, key) in [
            (vec![("authorization", bearer.as_str())], None),
            (vec![("authorization", lower.as_str())], None),
            (vec![("authorization", &format!("DPoP {text}"))], None),
            (vec![("x-api-key", text)], None),
            (vec![("x-goog-api-key", text)], None),
            (vec![], Some(text)),
            (
                vec![("x-api-key", text), ("authorization", bearer.as_str())],
                Some(text),
            ),
            (
                vec![("authorization", "Basic abc"), ("x-api-key", text)],
                None,
            ),
        ] {
            assert_eq!(
                token(&headers(&all), key),
                Ok(token_minted.digest()),
                "{all:?}"
            );
        }
    }

    #[test]
    fn bad_tokens_are_refused_before_any_look_up() {
        let good = OkapToken::mint().unwrap();
        let bearer = format!("Bearer {}", good.reveal());
        let other = OkapToken::mint().unwrap();
        let of = |all: &[(&str, &str)]| token(&headers(all), None).unwrap_err();
        assert_eq!(of(&[]), Refusal::TokenMissing);
        assert_eq!(of(&[("authorization", "Bearer ")]), Refusal::TokenMissing);
        assert_eq!(
            of(&[("authorization", "Basic okap_")]),
            Refusal::TokenMissing
        );
        assert_eq!(
            of(&[("authorization", "Bearer lk_abc")]),
            Refusal::ManagementToken
        );
        assert!(matches!(
            of(&[("x-api-key", "sk-real")]),
            Refusal::TokenMalformed(_)
        ));
        assert!(matches!(
            of(&[("x-api-key", "okap_short")]),
            Refusal::TokenMalformed(_)
        ));
        assert_eq!(
            of(&[("authorization", &bearer), ("x-api-key", other.reveal())]),
            Refusal::SeveralTokens
        );
        assert_eq!(
            of(&[("authorization", &bearer), ("authorization", "Bearer x")]),
            Refusal::SeveralTokens
        );
    }

    #[test]
    fn only_known_parameters_are_sent_on() {
        let stream = Endpoint::StreamGenerateContent;
        let taken = parameters("key=okap_x&alt=sse&%24alt=json;enum-encoding=int", stream).unwrap();
        assert_eq!(
            (taken.key, taken.to_send.as_str()),
            (Some("okap_x"), "alt=sse&%24alt=json;enum-encoding=int")
        );
        assert_eq!(
            parameters("beta=true", Endpoint::Messages).unwrap().to_send,
            "beta=true"
        );
        for (query, endpoint) in [
            ("alt=sse&alt=json", stream),
            ("alt=a/b", stream),
            ("alt=a#b", stream),
            ("model=other", Endpoint::ChatCompletions),
            ("api-version=1", Endpoint::ChatCompletions),
            ("al%74=sse", stream),
        ] {
            assert!(parameters(query, endpoint).is_err(), "{query}");
        }
    }
}
