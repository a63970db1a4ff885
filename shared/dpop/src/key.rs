//! The public key in a proof.

use ids::KeyThumbprint;
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, ThumbprintHash},
};
use serde_json::Value;

use crate::error::ProofError;

/// Members that only a private or a shared key has (RFC 7518 section 6).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
/// The fewest characters of an RSA modulus in base64url: 2,048 bits.
const SHORTEST_MODULUS: usize = 342;

/// A key that proofs of one algorithm are checked with.
pub(crate) struct PublicKey {
    pub(crate) decoding: DecodingKey,
    pub(crate) thumbprint: KeyThumbprint,
}

/// Reads a JWK, which must be the public half of a key that `algorithm` is for.
pub(crate) fn read(jwk: &Value, algorithm: Algorithm) -> Result<PublicKey, ProofError> {
    let members = jwk.as_object().ok_or(ProofError::Key)?;
    if PRIVATE.iter().any(|name| members.contains_key(*name)) {
        return Err(ProofError::PrivateKey);
    }
    let jwk: Jwk = serde_json::from_value(jwk.clone()).map_err(|_| ProofError::Key)?;
    let fits = match (&jwk.algorithm, algorithm) {
        (AlgorithmParameters::EllipticCurve(key), Algorithm::ES256) => {
            key.curve == EllipticCurve::P256
        }
        (AlgorithmParameters::OctetKeyPair(key), Algorithm::EdDSA) => {
            key.curve == EllipticCurve::Ed25519
        }
        (AlgorithmParameters::RSA(key), Algorithm::RS256 | Algorithm::PS256) => {
            key.n.len() >= SHORTEST_MODULUS
        }
        _ => false,
    };
    if !fits {
        return Err(ProofError::Key);
    }
    let decoding = DecodingKey::from_jwk(&jwk).map_err(|_| ProofError::Key)?;
    // Only now: its members are base64url, so the text that is digested is what RFC 7638 says.
    let thumbprint = jwk.thumbprint(ThumbprintHash::SHA256);
    Ok(PublicKey {
        decoding,
        thumbprint: thumbprint.parse().map_err(|_| ProofError::Key)?,
    })
}
