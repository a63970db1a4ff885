//! Somebody with a key.

use aws_lc_rs::{
    digest,
    rand::SystemRandom,
    rsa::{self, KeySize},
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
        RSA_PSS_SHA256,
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ids::KeyThumbprint;
use serde_json::{Value, json};

pub enum Signer {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(rsa::KeyPair),
    Ps256(rsa::KeyPair),
}

impl Signer {
    pub fn es256() -> Self {
        Self::Es256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    pub fn eddsa() -> Self {
        Self::EdDsa(Ed25519KeyPair::generate().unwrap())
    }

    pub fn rs256() -> Self {
        Self::Rs256(rsa::KeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    pub fn ps256() -> Self {
        Self::Ps256(rsa::KeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    pub fn header(&self) -> Value {
        let alg = match self {
            Self::Es256(_) => "ES256",
            Self::EdDsa(_) => "EdDSA",
            Self::Rs256(_) => "RS256",
            Self::Ps256(_) => "PS256",
        };
        json!({"typ": "dpop+jwt", "alg": alg, "jwk": self.jwk()})
    }

    /// The public half (RFC 7518 section 6, RFC 8037 section 2).
    pub fn jwk(&self) -> Value {
        match self {
            Self::Es256(key) => {
                // 4, then both coordinates.
                let point = &key.public_key().as_ref()[1..];
                let (x, y) = (BASE64.encode(&point[..32]), BASE64.encode(&point[32..]));
                json!({"kty": "EC", "crv": "P-256", "x": x, "y": y})
            }
            Self::EdDsa(key) => {
                let x = BASE64.encode(key.public_key().as_ref());
                json!({"kty": "OKP", "crv": "Ed25519", "x": x})
            }
            Self::Rs256(key) | Self::Ps256(key) => {
                let public = key.public_key();
                let n = BASE64.encode(public.modulus().big_endian_without_leading_zero());
                let e = BASE64.encode(public.exponent().big_endian_without_leading_zero());
                json!({"kty": "RSA", "n": n, "e": e})
            }
        }
    }

    /// The thumbprint by the letter of RFC 7638 section 3.
    pub fn thumbprint(&self) -> KeyThumbprint {
        let jwk = self.jwk();
        let text = match jwk["kty"].as_str().unwrap() {
            "EC" => format!(
                r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#,
                jwk["x"], jwk["y"]
            ),
            "OKP" => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":{}}}"#, jwk["x"]),
            _ => format!(r#"{{"e":{},"kty":"RSA","n":{}}}"#, jwk["e"], jwk["n"]),
        };
        let digest = digest::digest(&digest::SHA256, text.as_bytes());
        BASE64.encode(digest).parse().unwrap()
    }

    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| BASE64.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let signature = self.signature(message.as_bytes());
        format!("{message}.{}", BASE64.encode(signature))
    }

    fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Es256(key) => key.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::EdDsa(key) => key.sign(message).as_ref().to_vec(),
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .unwrap();
                signature
            }
            Self::Ps256(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PSS_SHA256, &random, message, &mut signature)
                    .unwrap();
                signature
            }
        }
    }
}
