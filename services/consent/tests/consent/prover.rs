//! A client that holds a key and shows it (RFC 9449 section 4).

use actix_web::test::TestRequest;
use aws_lc_rs::{
    digest,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ids::EventId;
use serde_json::{Value, json};

use crate::world::{Answer, ORIGIN, World};

pub struct Prover(EcdsaKeyPair);

impl Prover {
    pub fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    fn jwk(&self) -> Value {
        // 4, then both coordinates.
        let point = &self.0.public_key().as_ref()[1..];
        json!({"kty": "EC", "crv": "P-256", "x": BASE64.encode(&point[..32]), "y": BASE64.encode(&point[32..])})
    }

    /// The thumbprint of the key (RFC 7638).
    pub fn thumbprint(&self) -> String {
        let jwk = self.jwk();
        let text = format!(
            r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#,
            jwk["x"], jwk["y"]
        );
        BASE64.encode(digest::digest(&digest::SHA256, text.as_bytes()))
    }

    /// A proof for a POST to this path, made now.
    pub fn proof(&self, world: &World, path: &str) -> String {
        let now = world.clock.now();
        let jti = EventId::new(now).to_string();
        let claims = json!({"htm": "POST", "htu": format!("{ORIGIN}{path}"), "iat": now.as_second(), "jti": jti});
        let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk()});
        let part = |value: &Value| BASE64.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(&claims));
        let signature = self.0.sign(&SystemRandom::new(), message.as_bytes());
        format!("{message}.{}", BASE64.encode(signature.unwrap()))
    }

    /// Sends a form with a proof.
    pub async fn post(&self, world: &World, path: &str, form: &[(&'static str, String)]) -> Answer {
        with_proof(world, path, form, &self.proof(world, path)).await
    }
}

/// Sends a form with this proof.
pub async fn with_proof(
    world: &World,
    path: &str,
    form: &[(&'static str, String)],
    proof: &str,
) -> Answer {
    let request = TestRequest::post().uri(path).set_form(form);
    world.send(request.insert_header(("dpop", proof))).await
}
