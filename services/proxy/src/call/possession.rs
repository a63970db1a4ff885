//! Tokens that are bound to a key (RFC 9449 section 7): good only beside a proof by that key, made
//! for this call and used once. All others are bearer tokens, and nothing here costs them anything.

use std::time::Duration;

use actix_web::{
    HttpRequest,
    http::header::{self, HeaderMap, HeaderValue},
};
use dpop::{Asked, Proof, ProofError};
use grant_access::GrantAccess;
use ids::TokenDigest;
use jiff::Timestamp;
use server::Site;

use crate::{call::gate::Gate, error::Refusal};

/// The token in a value of `Authorization`, if its scheme is this one.
pub(crate) fn of_scheme<'v>(value: &'v HeaderValue, scheme: &str) -> Option<&'v [u8]> {
    let (named, token) = value.as_bytes().split_at_checked(scheme.len())?;
    let token = token.strip_prefix(b" ")?;
    named
        .eq_ignore_ascii_case(scheme.as_bytes())
        .then_some(token)
}

/// The proof that came with a token; `None` when the token was not sent in the DPoP scheme.
///
/// # Errors
/// When it was, and the proof is missing or is not for this request.
pub(crate) fn proof(
    request: &HttpRequest,
    token: TokenDigest,
    now: Timestamp,
) -> Result<Option<Proof>, Refusal> {
    if !in_dpop_scheme(request.headers()) {
        return Ok(None);
    }
    let values = request.headers().get_all("dpop");
    let proof = dpop::only(values.map(HeaderValue::as_bytes)).map_err(Refusal::Proof)?;
    let proof = proof.ok_or(Refusal::Proof(ProofError::Missing))?;
    // The address that the app knows, whatever the gateway calls us.
    let site = Site::of(request).map_err(|_| Refusal::Fault)?;
    let asked = Asked {
        method: request.method().as_str(),
        url: &site.url(request.uri().path()),
        token: Some(token),
    };
    let proof = dpop::verify(proof, &asked, now).map_err(Refusal::Proof)?;
    Ok(Some(proof))
}

fn in_dpop_scheme(headers: &HeaderMap) -> bool {
    let mut sent = headers.get_all(header::AUTHORIZATION);
    sent.any(|value| of_scheme(value, "dpop").is_some())
}

/// Refuses a token that its sender may not use: one that is bound to a key without a proof by that
/// key, and one that is not bound to any beside a proof. Uses up the proof.
///
/// # Errors
/// With what must be told.
pub(crate) async fn expect(
    gate: &Gate,
    access: &GrantAccess,
    proof: Option<&Proof>,
) -> Result<(), Refusal> {
    let proof = match (access.bound_to, proof) {
        (None, None) => return Ok(()),
        (Some(_), None) => return Err(Refusal::TokenBound),
        (None, Some(_)) => return Err(Refusal::TokenNotBound),
        (Some(key), Some(proof)) if key != proof.key => return Err(Refusal::OtherKey),
        (Some(_), Some(proof)) => proof,
    };
    let left = proof.until.duration_since(gate.clock.now());
    let left = Duration::try_from(left).unwrap_or_default();
    match gate.limits.use_once(proof.used, left).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Refusal::Proof(ProofError::Used)),
        Err(error) => {
            tracing::error!(%error, "whether a proof was used before cannot be asked");
            Err(Refusal::VaultUnavailable)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_is_known_by_its_name_in_any_case() {
        let value = HeaderValue::from_static("dPoP okap_x");
        assert_eq!(of_scheme(&value, "dpop"), Some(&b"okap_x"[..]));
        assert_eq!(of_scheme(&value, "bearer"), None);
        for other in ["DPoP", "DPoPokap_x", "DPoPx okap_x", ""] {
            assert_eq!(of_scheme(&HeaderValue::from_static(other), "dpop"), None);
        }
    }
}
