//! What a client signs to prove that it is itself: `private_key_jwt` (RFC 7523 section 3).

use ids::TokenDigest;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, dangerous,
    jwk::{Jwk, JwkSet},
};
use serde::Deserialize;

/// The `client_assertion_type` of a signed assertion.
pub(super) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// What an assertion may be signed with. Nothing symmetric, and not `none`.
pub(super) const ALGORITHMS: [&str; 4] = ["ES256", "RS256", "PS256", "EdDSA"];
const SIGNED_WITH: [Algorithm; 4] = [
    Algorithm::ES256,
    Algorithm::RS256,
    Algorithm::PS256,
    Algorithm::EdDSA,
];
/// How long an assertion may last at most: what client libraries give theirs when nobody says.
const LONGEST: SignedDuration = SignedDuration::from_hours(1);
/// How far the client's clock may be off.
const LEEWAY: SignedDuration = SignedDuration::from_secs(30);

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: i64,
    nbf: Option<i64>,
    jti: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// An assertion that holds, to be used once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Proven {
    /// Of the client and the assertion's `jti`.
    pub digest: TokenDigest,
    /// Until when it has to be remembered.
    pub until: Timestamp,
}

/// Whose assertion it says it is, before anything of it is believed.
pub(super) fn named(assertion: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Subject {
        sub: String,
    }
    let decoded = dangerous::insecure_decode::<Subject>(assertion).ok()?;
    Some(decoded.claims.sub)
}

/// Which key it says it is signed with.
pub(super) fn key_id(assertion: &str) -> Option<String> {
    jsonwebtoken::decode_header(assertion).ok()?.kid
}

/// Checks an assertion against the keys of the client that it names.
///
/// # Errors
/// Says what is wrong with it.
pub(super) fn verify(
    assertion: &str,
    keys: &JwkSet,
    client_id: &str,
    audiences: &[String],
    now: Timestamp,
) -> Result<Proven, &'static str> {
    let header =
        jsonwebtoken::decode_header(assertion).map_err(|_| "the assertion is not a signed JWT")?;
    if !SIGNED_WITH.contains(&header.alg) {
        return Err("the assertion is signed with an algorithm that is not offered");
    }
    let key = key_of(keys, header.kid.as_deref())
        .ok_or("the assertion names a key that the app did not register")?;
    let key = DecodingKey::from_jwk(key).map_err(|_| "the app's key cannot be used")?;
    let mut validation = Validation::new(header.alg);
    // Time and audience are looked at below, by our own clock.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let claims: Claims = jsonwebtoken::decode(assertion, &key, &validation)
        .map_err(|_| "the assertion's signature or claims do not hold")?
        .claims;
    if claims.iss != client_id || claims.sub != client_id {
        return Err("iss and sub of the assertion must be the client_id");
    }
    let is_ours = |audience: &String| audiences.contains(audience);
    let for_us = match &claims.aud {
        Audience::One(one) => is_ours(one),
        Audience::Several(several) => several.iter().any(is_ours),
    };
    if !for_us {
        return Err("aud of the assertion must be this issuer or its token endpoint");
    }
    let expires = Timestamp::from_second(claims.exp).map_err(|_| "exp is out of range")?;
    if now >= expires.saturating_add(LEEWAY).unwrap_or(expires) {
        return Err("the assertion has expired");
    }
    if expires > now.saturating_add(LONGEST + LEEWAY).unwrap_or(now) {
        return Err("an assertion lasts an hour at most");
    }
    let early = now.saturating_add(LEEWAY).unwrap_or(now).as_second();
    if claims.nbf.is_some_and(|nbf| nbf > early) {
        return Err("the assertion is not valid yet");
    }
    if claims.jti.is_empty() || claims.jti.len() > 200 {
        return Err("jti of the assertion has 1 to 200 characters");
    }
    Ok(Proven {
        digest: TokenDigest::of(&format!("{client_id} {}", claims.jti)),
        until: expires.saturating_add(LEEWAY).unwrap_or(expires),
    })
}

/// The key that the assertion names; the only one, if it names none.
fn key_of<'a>(keys: &'a JwkSet, kid: Option<&str>) -> Option<&'a Jwk> {
    match (kid, keys.keys.as_slice()) {
        (Some(kid), [only]) if only.common.key_id.is_none() && !kid.is_empty() => Some(only),
        (Some(kid), _) => keys.find(kid),
        (None, [only]) => Some(only),
        (None, _) => None,
    }
}
