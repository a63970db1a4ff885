//! The public keys of a client that signs what proves it (RFC 7517).

use jsonwebtoken::{
    DecodingKey,
    jwk::{AlgorithmParameters, JwkSet},
};
use serde_json::Value;

/// The most keys of one client: one in use, one to come, and some to spare.
const MOST_KEYS: usize = 10;
/// The fewest characters of an RSA modulus in base64url: 2,048 bits.
const SHORTEST_MODULUS: usize = 342;

/// Reads a key set, of public keys alone.
///
/// # Errors
/// Says what is wrong with it.
pub fn read(jwks: &Value) -> Result<JwkSet, &'static str> {
    let keys = jwks["keys"]
        .as_array()
        .ok_or("a JWK set has a list `keys`")?;
    if keys.is_empty() || keys.len() > MOST_KEYS {
        return Err("1 to 10 keys are needed");
    }
    if keys
        .iter()
        .any(|key| key.get("d").is_some() || key.get("k").is_some())
    {
        return Err("a private key or a shared secret stands in the set; send public keys alone");
    }
    let set: JwkSet =
        serde_json::from_value(jwks.clone()).map_err(|_| "a key of the set cannot be read")?;
    for key in &set.keys {
        let strong = match &key.algorithm {
            AlgorithmParameters::RSA(rsa) => rsa.n.len() >= SHORTEST_MODULUS,
            AlgorithmParameters::EllipticCurve(_) | AlgorithmParameters::OctetKeyPair(_) => true,
            AlgorithmParameters::OctetKey(_) => false,
        };
        if !strong {
            return Err("an RSA key has at least 2048 bits");
        }
        DecodingKey::from_jwk(key).map_err(|_| "a key of the set cannot be used")?;
        if set.keys.len() > 1 && key.common.key_id.is_none() {
            return Err("each of several keys has a `kid`");
        }
    }
    Ok(set)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_public_keys_that_are_strong_enough_are_taken() {
        let ec = json!({"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"});
        assert!(read(&json!({"keys": [ec]})).is_ok());
        let with = |member: &str, value: Value| {
            let mut key = ec.clone();
            key[member] = value;
            key
        };
        for wrong in [
            json!({}),
            json!({"keys": []}),
            json!({"keys": [ec, ec]}),
            json!({"keys": vec![with("kid", json!("a")); 11]}),
            json!({"keys": [with("d", json!("x"))]}),
            json!({"keys": [{"kty": "oct", "k": "AAAA"}]}),
            json!({"keys": [{"kty": "RSA", "n": "AQAB".repeat(43), "e": "AQAB"}]}),
            json!({"keys": [{"kty": "EC"}]}),
            json!({"keys": ["x"]}),
        ] {
            assert!(read(&wrong).is_err(), "{wrong}");
        }
        let two = json!({"keys": [with("kid", json!("a")), with("kid", json!("b"))]});
        assert!(read(&two).is_ok());
    }
}
