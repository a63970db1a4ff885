//! Reading and checking a proof (RFC 9449 section 4.3).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ids::{KeyThumbprint, TokenDigest};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, Validation};
use serde::Deserialize;
use serde_json::{Number, Value};

use crate::{
    error::ProofError,
    key::{self, PublicKey},
    target,
};

/// What a proof may be signed with, as metadata names it. Nothing symmetric, and not `none`.
pub const ALGORITHMS: [&str; 4] = ["ES256", "RS256", "PS256", "EdDSA"];
/// How far from now, either way, the instant may be at which a proof was made.
pub const WINDOW: SignedDuration = SignedDuration::from_secs(60);
/// The most characters of a proof: several times what one with an RSA key of 4,096 bits has.
const LONGEST: usize = 8_192;
/// The most characters of a `jti`.
const LONGEST_ID: usize = 256;

/// The request that a proof must be for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its address, as its sender wrote it; query and fragment do not count.
    pub url: &'a str,
    /// The digest of the access token that comes with it.
    pub token: Option<TokenDigest>,
}

/// A proof that holds. It counts once: whoever gets it asks first whether it was used before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// The key that its sender holds.
    pub key: KeyThumbprint,
    /// Of the key and the proof's `jti`: what must be remembered.
    pub used: TokenDigest,
    /// Until when it must be remembered.
    pub until: Timestamp,
}

#[derive(Deserialize)]
struct Header {
    typ: Option<String>,
    alg: Option<String>,
    jwk: Option<Value>,
    crit: Option<Value>,
}

#[derive(Deserialize)]
struct Claims {
    htm: Option<Value>,
    htu: Option<Value>,
    iat: Option<Number>,
    jti: Option<Value>,
    ath: Option<Value>,
}

/// The proof among the values of a request's `DPoP` headers; `None` when there is none.
///
/// # Errors
/// When there are several, or it is no text.
pub fn only<'h>(values: impl IntoIterator<Item = &'h [u8]>) -> Result<Option<&'h str>, ProofError> {
    let mut values = values.into_iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(ProofError::Several);
    }
    let text = std::str::from_utf8(value).map_err(|_| ProofError::Form)?;
    Ok(Some(text.trim_ascii()))
}

/// Checks a proof against the request that it came with.
///
/// # Errors
/// Says what is wrong with it.
pub fn verify(proof: &str, asked: &Asked<'_>, now: Timestamp) -> Result<Proof, ProofError> {
    let header = header(proof)?;
    if header.typ.as_deref() != Some("dpop+jwt") {
        return Err(ProofError::Type);
    }
    let algorithm = algorithm(header.alg.as_deref())?;
    let key = key::read(&header.jwk.ok_or(ProofError::Key)?, algorithm)?;
    let claims = signed(proof, &key, algorithm)?;
    if text(claims.htm.as_ref(), "htm")? != asked.method {
        return Err(ProofError::Method);
    }
    if !target::is_same(text(claims.htu.as_ref(), "htu")?, asked.url) {
        return Err(ProofError::Target);
    }
    let until = until(claims.iat.as_ref(), now)?;
    if let Some(token) = asked.token
        && text(claims.ath.as_ref(), "ath")? != BASE64.encode(token.as_bytes())
    {
        return Err(ProofError::Token);
    }
    let id = text(claims.jti.as_ref(), "jti")?;
    if id.is_empty() || id.len() > LONGEST_ID {
        return Err(ProofError::Claim("jti"));
    }
    Ok(Proof {
        key: key.thumbprint,
        used: TokenDigest::of(&format!("{} {id}", key.thumbprint)),
        until,
    })
}

fn header(proof: &str) -> Result<Header, ProofError> {
    let mut parts = proof.split('.');
    let three = (parts.next(), parts.next(), parts.next(), parts.next());
    let (Some(first), Some(_), Some(_), None) = three else {
        return Err(ProofError::Form);
    };
    if proof.len() > LONGEST {
        return Err(ProofError::Form);
    }
    let decoded = BASE64.decode(first).map_err(|_| ProofError::Form)?;
    let header: Header = serde_json::from_slice(&decoded).map_err(|_| ProofError::Form)?;
    match header.crit {
        // Nothing that must be understood is understood here (RFC 7515 section 4.1.11).
        Some(_) => Err(ProofError::Form),
        None => Ok(header),
    }
}

fn algorithm(name: Option<&str>) -> Result<Algorithm, ProofError> {
    match name {
        Some("ES256") => Ok(Algorithm::ES256),
        Some("RS256") => Ok(Algorithm::RS256),
        Some("PS256") => Ok(Algorithm::PS256),
        Some("EdDSA") => Ok(Algorithm::EdDSA),
        _ => Err(ProofError::Algorithm),
    }
}

/// The claims of a proof that this key has signed.
fn signed(proof: &str, key: &PublicKey, algorithm: Algorithm) -> Result<Claims, ProofError> {
    let mut validation = Validation::new(algorithm);
    // Time is looked at by the clock of the caller; a proof has no `exp` and no `aud`.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    jsonwebtoken::decode::<Claims>(proof, &key.decoding, &validation)
        .map(|decoded| decoded.claims)
        .map_err(|error| match error.kind() {
            jsonwebtoken::errors::ErrorKind::Json(_) => ProofError::Form,
            _ => ProofError::Signature,
        })
}

fn text<'c>(claim: Option<&'c Value>, name: &'static str) -> Result<&'c str, ProofError> {
    claim.and_then(Value::as_str).ok_or(ProofError::Claim(name))
}

/// Until when a proof that was made at `iat` must be remembered: as long as it could be shown again,
/// to a clock that is slow.
fn until(iat: Option<&Number>, now: Timestamp) -> Result<Timestamp, ProofError> {
    let unreadable = ProofError::Claim("iat");
    let seconds = iat.and_then(Number::as_f64).ok_or(unreadable)?;
    let since = SignedDuration::try_from_secs_f64(seconds).map_err(|_| unreadable)?;
    let made = Timestamp::UNIX_EPOCH.checked_add(since);
    let made = made.map_err(|_| unreadable)?;
    if now.duration_since(made).abs() > WINDOW {
        return Err(ProofError::Time);
    }
    made.checked_add(WINDOW * 2).map_err(|_| unreadable)
}
