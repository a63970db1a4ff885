//! An app that holds a key and shows it (RFC 9449 section 4).

use anyhow::{Result, anyhow};
use aws_lc_rs::{
    digest,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use clock::Clock;
use ids::EventId;
use serde_json::{Value, json};

/// A key that proofs are signed with.
pub struct Prover(EcdsaKeyPair);

impl Prover {
    /// One with a new key.
    ///
    /// # Errors
    /// When none can be made.
    pub fn new() -> Result<Self> {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        Ok(Self(key.map_err(|_| anyhow!("no key could be made"))?))
    }

    /// A proof for one request, made now.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn proof(&self, method: &str, url: &str, token: Option<&str>) -> Result<String> {
        let now = Clock::system().now();
        let mut claims = json!({"htm": method, "htu": url, "iat": now.as_second(), "jti": EventId::new(now).to_string()});
        if let Some(token) = token {
            let digest = digest::digest(&digest::SHA256, token.as_bytes());
            claims["ath"] = BASE64.encode(digest).into();
        }
        // 4, then both coordinates.
        let (x, y) = self.0.public_key().as_ref()[1..].split_at(32);
        let jwk =
            json!({"kty": "EC", "crv": "P-256", "x": BASE64.encode(x), "y": BASE64.encode(y)});
        let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk});
        let part = |value: &Value| BASE64.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(&claims));
        let signature = self.0.sign(&SystemRandom::new(), message.as_bytes());
        let signature = signature.map_err(|_| anyhow!("the proof could not be signed"))?;
        Ok(format!("{message}.{}", BASE64.encode(signature)))
    }
}
