//! Which key a client holds: DPoP at the endpoints that it calls directly (RFC 9449 section 5).

use actix_web::{HttpRequest, http::header::HeaderValue};
use dpop::{Asked, ProofError};
use ids::{KeyThumbprint, TokenDigest};
use jiff::Timestamp;
use postgres::DatabaseError;

use super::{error::OauthError, parameters::Parameters, token::invalid_grant};
use crate::{registered_app::AppRow, vault::Vault};

const USE: &str = "
    -- consent.use_dpop_proof
    INSERT INTO consent.dpop_proofs (digest, tenant_id, expires_at)
    VALUES ($1, store.current_tenant(), $2)
        ON CONFLICT (digest) DO NOTHING";

/// The key that a client shows to hold; `None` when it shows none. Its proof is used up: it counts
/// once.
///
/// # Errors
/// `invalid_dpop_proof` when what it shows proves nothing.
pub(super) async fn key(
    vault: &Vault,
    client: &AppRow,
    request: &HttpRequest,
) -> Result<Option<KeyThumbprint>, OauthError> {
    let values = request.headers().get_all("dpop");
    let Some(proof) = dpop::only(values.map(HeaderValue::as_bytes)).map_err(invalid)? else {
        return Ok(None);
    };
    let asked = Asked {
        method: request.method().as_str(),
        url: &format!("{}{}", vault.public_url, request.uri().path()),
        token: None,
    };
    let proof = dpop::verify(proof, &asked, vault.clock.now()).map_err(invalid)?;
    match use_once(vault, client, proof.used, proof.until).await {
        Ok(true) => Ok(Some(proof.key)),
        Ok(false) => Err(invalid(ProofError::Used)),
        Err(error) => Err(OauthError::unavailable(&error)),
    }
}

/// The key that a token request shows; one is needed of a client that is registered so (RFC 9449
/// section 5.2).
///
/// # Errors
/// As [`key`].
pub(super) async fn key_of_token(
    vault: &Vault,
    client: &AppRow,
    request: &HttpRequest,
) -> Result<Option<KeyThumbprint>, OauthError> {
    let key = key(vault, client, request).await?;
    if client.dpop_bound && key.is_none() {
        return Err(invalid(ProofError::Missing));
    }
    Ok(key)
}

/// Refuses to give anything for what is bound to a key to whoever does not show that key.
///
/// # Errors
/// `invalid_dpop_proof` when no key is shown, `invalid_grant` when another is.
pub(super) fn expect(
    bound_to: Option<KeyThumbprint>,
    shown: Option<KeyThumbprint>,
) -> Result<(), OauthError> {
    match (bound_to, shown) {
        (Some(_), None) => Err(invalid(ProofError::Missing)),
        (Some(bound), Some(shown)) if bound != shown => Err(invalid_grant(
            "it is bound to another key than the one that signed the DPoP proof",
        )),
        _ => Ok(()),
    }
}

/// The key that an authorization request binds its code to (RFC 9449 section 10).
///
/// # Errors
/// `invalid_request` when it is no thumbprint.
pub(super) fn of_code(parameters: &Parameters) -> Result<Option<KeyThumbprint>, OauthError> {
    let named = parameters.get("dpop_jkt").map(str::parse);
    named.transpose().map_err(|_| {
        OauthError::new(
            "invalid_request",
            "dpop_jkt must be the thumbprint of a key: 43 characters of base64url",
        )
    })
}

/// The key that a pushed request binds its code to: named in it, shown beside it, or both (RFC 9449
/// section 10.1).
///
/// # Errors
/// `invalid_request` when the two are not the same.
pub(super) fn of_pushed(
    parameters: &Parameters,
    shown: Option<KeyThumbprint>,
) -> Result<Option<KeyThumbprint>, OauthError> {
    match (of_code(parameters)?, shown) {
        (Some(named), Some(shown)) if named != shown => Err(OauthError::new(
            "invalid_request",
            "dpop_jkt names another key than the one that signed the DPoP proof",
        )),
        (named, shown) => Ok(named.or(shown)),
    }
}

fn invalid(error: ProofError) -> OauthError {
    OauthError::new("invalid_dpop_proof", error.to_string())
}

async fn use_once(
    vault: &Vault,
    client: &AppRow,
    digest: TokenDigest,
    until: Timestamp,
) -> Result<bool, DatabaseError> {
    let tx = vault.begin("use DPoP proof", client.tenant).await?;
    let used = tx
        .execute(USE, &[&digest.as_bytes().as_slice(), &until])
        .await?;
    tx.commit().await?;
    Ok(used == 1)
}

/// The thumbprint in a column, which may be empty.
///
/// # Errors
/// When it is none.
pub(super) fn stored(
    row: &tokio_postgres::Row,
    table: &'static str,
) -> Result<Option<KeyThumbprint>, DatabaseError> {
    let column = "key_thumbprint";
    let text: Option<&str> = row.get(column);
    text.map(str::parse)
        .transpose()
        .map_err(|_| DatabaseError::Row { table, column })
}
