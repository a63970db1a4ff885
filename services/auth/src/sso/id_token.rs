//! The checks of an ID token (OpenID Connect Core 1.0 section 3.1.3.7), those of the crate and
//! those it leaves to its callers.

use std::time::SystemTime;

use jiff::{SignedDuration, Timestamp};
use openidconnect::{
    AccessToken, AccessTokenHash, AdditionalClaims, ClaimsVerificationError, ClientId,
    IdTokenVerifier, IssuerUrl, Nonce, SignatureVerificationError,
    core::{
        CoreGenderClaim, CoreJsonWebKey, CoreJsonWebKeySet, CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    },
};
use serde::{Deserialize, Serialize};

/// How far apart two clocks may be.
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);
/// A token is fetched the moment it is issued, so an old one is somebody else's.
const OLDEST: SignedDuration = SignedDuration::from_mins(10);

/// Signatures that only the identity provider can make. Never `none`, and never one of the
/// symmetric ones, which anybody who knows the client secret can make.
pub const ALGORITHMS: [CoreJwsSigningAlgorithm; 4] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// Claims of an ID token that the crate does not know.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NotBefore {
    /// RFC 7519 section 4.1.5; seconds, possibly with a fraction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<f64>,
}

impl AdditionalClaims for NotBefore {}

/// An ID token as it came.
pub type IdToken = openidconnect::IdToken<
    NotBefore,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

/// What an ID token says.
pub type Claims = openidconnect::IdTokenClaims<NotBefore, CoreGenderClaim>;

/// What the token of this sign-in must agree with.
pub struct Expected<'a> {
    /// What we are called at the provider.
    pub client_id: &'a ClientId,
    /// The provider of this very connection.
    pub issuer: &'a IssuerUrl,
    /// Its keys.
    pub keys: &'a CoreJsonWebKeySet,
    /// What was sent along.
    pub nonce: &'a Nonce,
    /// The access token that came with it.
    pub access_token: &'a AccessToken,
    /// The present instant.
    pub now: Timestamp,
}

/// Why an ID token is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenRefusal {
    /// It names a key that is not in the key set we have. The set may be old.
    #[error("the ID token is signed by an unknown key")]
    UnknownKey,
    /// One of the crate's checks failed.
    #[error("the ID token is not valid: {0}")]
    Crate(ClaimsVerificationError),
    /// It was issued to somebody else (`azp`).
    #[error("the ID token was issued to another party")]
    AuthorizedParty,
    /// Its times do not fit (`iat`, `nbf`).
    #[error("the ID token is not of this moment: {0}")]
    Time(&'static str),
    /// It belongs to another access token (`at_hash`).
    #[error("the ID token belongs to another access token")]
    AccessToken,
    /// A subject is 1 to 255 ASCII characters (section 2).
    #[error("the ID token's subject is not valid")]
    Subject,
}

impl From<ClaimsVerificationError> for IdTokenRefusal {
    fn from(error: ClaimsVerificationError) -> Self {
        match error {
            ClaimsVerificationError::SignatureVerification(
                SignatureVerificationError::NoMatchingKey,
            ) => Self::UnknownKey,
            other => Self::Crate(other),
        }
    }
}

/// The claims of a token that passes every check.
///
/// # Errors
/// Names the check that failed. Nothing in it is secret.
pub fn verify<'t>(
    token: &'t IdToken,
    expected: &Expected<'_>,
) -> Result<&'t Claims, IdTokenRefusal> {
    let verifier = verifier(expected);
    let claims = token.claims(&verifier, expected.nonce)?;
    check_authorized_party(claims, expected.client_id)?;
    check_times(claims, expected.now)?;
    check_access_token(token, claims, &verifier, expected.access_token)?;
    let subject = claims.subject().as_str();
    if subject.is_empty() || subject.len() > 255 || !subject.is_ascii() {
        return Err(IdTokenRefusal::Subject);
    }
    Ok(claims)
}

fn verifier<'a>(expected: &Expected<'_>) -> IdTokenVerifier<'a, CoreJsonWebKey> {
    let exp_is_compared_with = expected
        .now
        .saturating_sub(LEEWAY)
        .unwrap_or(Timestamp::MIN);
    // Public, although we may have a secret: then no symmetric signature is ever accepted.
    IdTokenVerifier::new_public_client(
        expected.client_id.clone(),
        expected.issuer.clone(),
        expected.keys.clone(),
    )
    .set_allowed_algs(ALGORITHMS)
    .set_other_audience_verifier_fn(|_| false)
    .set_time_fn(move || SystemTime::from(exp_is_compared_with).into())
}

/// Steps 4 and 5: with several audiences `azp` must be there, and if it is there it must be us.
fn check_authorized_party(claims: &Claims, us: &ClientId) -> Result<(), IdTokenRefusal> {
    match claims.authorized_party() {
        Some(party) if party == us => Ok(()),
        None if claims.audiences().len() == 1 => Ok(()),
        _ => Err(IdTokenRefusal::AuthorizedParty),
    }
}

/// Step 10 and RFC 7519 section 4.1.5.
fn check_times(claims: &Claims, now: Timestamp) -> Result<(), IdTokenRefusal> {
    let (now, leeway) = (now.as_second(), LEEWAY.as_secs());
    let issued = claims.issue_time().timestamp();
    if issued > now + leeway {
        return Err(IdTokenRefusal::Time("it was issued in the future"));
    }
    if issued < now - OLDEST.as_secs() - leeway {
        return Err(IdTokenRefusal::Time("it was issued long ago"));
    }
    match claims.additional_claims().nbf {
        // Seconds of any century fit a double exactly.
        #[expect(clippy::cast_precision_loss, reason = "seconds are far below 2^53")]
        Some(not_before) if not_before > (now + leeway) as f64 || not_before.is_nan() => {
            Err(IdTokenRefusal::Time("it is not valid yet"))
        }
        _ => Ok(()),
    }
}

/// Section 3.1.3.8.
fn check_access_token(
    token: &IdToken,
    claims: &Claims,
    verifier: &IdTokenVerifier<'_, CoreJsonWebKey>,
    access_token: &AccessToken,
) -> Result<(), IdTokenRefusal> {
    let Some(told) = claims.access_token_hash() else {
        return Ok(());
    };
    let algorithm = token.signing_alg();
    let key = token.signing_key(verifier);
    let (Ok(algorithm), Ok(key)) = (algorithm, key) else {
        return Err(IdTokenRefusal::AccessToken);
    };
    match AccessTokenHash::from_token(access_token, algorithm, key) {
        Ok(hash) if hash == *told => Ok(()),
        _ => Err(IdTokenRefusal::AccessToken),
    }
}

#[cfg(test)]
#[path = "id_token_tests.rs"]
mod tests;
