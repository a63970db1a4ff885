//! Authorization codes: minted when a person approves, redeemed once (RFC 6749 section 4.1.2).

use ids::{AuthorizationCode, GrantId, KeyThumbprint, RequestId, TenantId, TokenDigest};
use jiff::Timestamp;
use postgres::{DatabaseError, Tx};
use server::Problem;

use super::{error::redirect, possession};
use crate::{
    access_request::{
        RequestError,
        delivery::{self, OauthChannel},
    },
    grant::GrantError,
    policy::after,
    vault::Vault,
    way_back::CODE_LIVES,
};

/// A code, as it was stored.
pub struct StoredCode {
    /// Whose organization.
    pub tenant: TenantId,
    /// For which request.
    pub request: RequestId,
    /// Of which grant.
    pub grant: GrantId,
    /// The client it was given to.
    pub client_id: String,
    /// Where it was sent.
    pub redirect_uri: String,
    /// The challenge that its verifier must match.
    pub code_challenge: String,
    /// The key that its redeemer must hold, if it is bound to one (RFC 9449 section 10).
    pub bound_to: Option<KeyThumbprint>,
    /// When it lapses.
    pub expires_at: Timestamp,
    /// Whether it was redeemed.
    pub used: bool,
}

const ISSUE: &str = "
    -- consent.issue_code
    INSERT INTO consent.authorization_codes
           (digest, tenant_id, request_id, grant_id, client_id, redirect_uri, code_challenge, expires_at, key_thumbprint)
    VALUES ($1, store.current_tenant(), $2, $3, $4, $5, $6, $7, $8)";

const FIND: &str = "
    -- consent.find_code
    SELECT tenant_id, request_id, grant_id, client_id, redirect_uri, code_challenge, expires_at, used_at, key_thumbprint
      FROM consent.authorization_codes
     WHERE digest = $1";

const USE: &str = "
    -- consent.use_code
    UPDATE consent.authorization_codes SET used_at = $2 WHERE digest = $1 AND used_at IS NULL";

/// Where the browser goes after an approval: back to the app with a code, which exists once the
/// caller's transaction is committed.
///
/// # Errors
/// When there is no randomness or the database refuses.
pub async fn with_code(
    vault: &Vault,
    tx: &Tx,
    request: RequestId,
    grant: GrantId,
    channel: &OauthChannel,
) -> Result<String, RequestError> {
    let code = AuthorizationCode::mint().map_err(GrantError::from)?;
    let digest = code.digest();
    let expires_at = after(vault.clock.now(), CODE_LIVES);
    tx.execute(
        ISSUE,
        &[
            &digest.as_bytes().as_slice(),
            &request.uuid(),
            &grant.uuid(),
            &channel.client_id,
            &channel.redirect_uri,
            &channel.code_challenge,
            &expires_at,
            &channel.dpop_jkt.as_ref().map(KeyThumbprint::as_str),
        ],
    )
    .await?;
    Ok(redirect(
        &channel.redirect_uri,
        &[
            ("code", Some(code.reveal())),
            ("state", channel.state.as_deref()),
            ("iss", Some(&vault.public_url)),
        ],
    ))
}

/// Where the browser goes after a denial: back to the app with `access_denied`.
#[must_use]
pub fn with_denial(vault: &Vault, channel: &OauthChannel) -> String {
    redirect(
        &channel.redirect_uri,
        &[
            ("error", Some("access_denied")),
            ("error_description", Some("the person denied the request")),
            ("state", channel.state.as_deref()),
            ("iss", Some(&vault.public_url)),
        ],
    )
}

/// The redirect URI of a request, checked when it came in; for the one page whose form may lead there.
///
/// # Errors
/// When the database refuses.
pub async fn redirect_origin(
    vault: &Vault,
    tenant: TenantId,
    request: RequestId,
) -> Result<Option<String>, Problem> {
    let channel = channel(vault, tenant, request)
        .await
        .map_err(|e| Problem::dependency(&e))?;
    Ok(channel.map(|channel| channel.redirect_uri))
}

async fn channel(
    vault: &Vault,
    tenant: TenantId,
    request: RequestId,
) -> Result<Option<OauthChannel>, DatabaseError> {
    let tx = vault.begin("read OAuth channel", tenant).await?;
    let channel = delivery::oauth(&tx, request).await?;
    tx.commit().await?;
    Ok(channel)
}

/// The code of a digest; the transaction holds the digest.
///
/// # Errors
/// When the database refuses or the row cannot be read.
pub async fn find(tx: &Tx, digest: TokenDigest) -> Result<Option<StoredCode>, DatabaseError> {
    let row = tx.query_opt(FIND, &[&digest.as_bytes().as_slice()]).await?;
    row.map(|row| {
        let used_at: Option<Timestamp> = row.get("used_at");
        Ok(StoredCode {
            tenant: TenantId::from_uuid(row.get("tenant_id")),
            request: RequestId::from_uuid(row.get("request_id")),
            grant: GrantId::from_uuid(row.get("grant_id")),
            client_id: row.get("client_id"),
            redirect_uri: row.get("redirect_uri"),
            code_challenge: row.get("code_challenge"),
            bound_to: possession::stored(&row, "consent.authorization_codes")?,
            expires_at: row.get("expires_at"),
            used: used_at.is_some(),
        })
    })
    .transpose()
}

/// Redeems a code; false when somebody was first.
///
/// # Errors
/// When the database refuses.
pub async fn redeem(tx: &Tx, digest: TokenDigest, at: Timestamp) -> Result<bool, DatabaseError> {
    Ok(tx
        .execute(USE, &[&digest.as_bytes().as_slice(), &at])
        .await?
        == 1)
}
