//! What a 401 says about how to ask: `WWW-Authenticate` (RFC 9110 section 11.6.1, RFC 6750 section
//! 3, RFC 9449 section 7.1, RFC 9728 section 5.1).

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
};
use dpop::ALGORITHMS;
use events::Provider;
use server::Site;

use crate::error::{Refusal, Shape};

const METADATA: &str = "/.well-known/oauth-protected-resource/v1";

/// The answer to a request that is refused; a 401 says where tokens for it are given.
pub(crate) fn told(request: &HttpRequest, shape: &Shape, refusal: &Refusal) -> HttpResponse {
    let origin = Site::of(request).map_or("", Site::origin);
    let mut response = shape.response_at(refusal, origin);
    if response.status() != StatusCode::UNAUTHORIZED {
        return response;
    }
    let metadata = format!("{origin}{}", metadata(request.uri().path()));
    let challenge = challenge(refusal, &metadata);
    if let Ok(value) = header::HeaderValue::try_from(challenge) {
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, value);
    }
    response
}

/// The path of the metadata of the resource at a path.
fn metadata(path: &str) -> String {
    let provider = path.split('/').nth(2).unwrap_or_default();
    match provider.parse::<Provider>() {
        Ok(provider) if provider.is_built_in() => format!("{METADATA}/{provider}"),
        _ => METADATA.to_owned(),
    }
}

fn challenge(refusal: &Refusal, metadata: &str) -> String {
    let error = |code: &str| format!("error=\"{code}\", ");
    let bearer = |error: &str| format!("Bearer {error}resource_metadata=\"{metadata}\"");
    let dpop = |error: &str| {
        let algorithms = ALGORITHMS.join(" ");
        format!("DPoP {error}algs=\"{algorithms}\", resource_metadata=\"{metadata}\"")
    };
    match refusal {
        // Who sent nothing is told no error (RFC 6750 section 3.1).
        Refusal::TokenMissing => format!("{}, {}", bearer(""), dpop("")),
        Refusal::TokenBound | Refusal::TokenNotBound | Refusal::OtherKey => {
            dpop(&error("invalid_token"))
        }
        Refusal::Proof(_) => dpop(&error("invalid_dpop_proof")),
        _ => format!("{}, {}", bearer(&error("invalid_token")), dpop("")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_names_the_scheme_the_error_and_where_to_look() {
        let of = |refusal: &Refusal| challenge(refusal, "M");
        let dpop = "algs=\"ES256 RS256 PS256 EdDSA\", resource_metadata=\"M\"";
        assert_eq!(
            of(&Refusal::TokenMissing),
            format!("Bearer resource_metadata=\"M\", DPoP {dpop}")
        );
        assert_eq!(
            of(&Refusal::TokenExpired),
            format!("Bearer error=\"invalid_token\", resource_metadata=\"M\", DPoP {dpop}")
        );
        assert_eq!(
            of(&Refusal::TokenBound),
            format!("DPoP error=\"invalid_token\", {dpop}")
        );
        assert_eq!(
            of(&Refusal::Proof(dpop::ProofError::Used)),
            format!("DPoP error=\"invalid_dpop_proof\", {dpop}")
        );
    }

    #[test]
    fn the_metadata_is_that_of_the_provider_asked() {
        assert_eq!(
            metadata("/v1/openai/chat/completions"),
            format!("{METADATA}/openai")
        );
        for other in ["/v1/grant", "/v1/chat/completions", "/v1", "/"] {
            assert_eq!(metadata(other), METADATA, "{other}");
        }
    }
}
