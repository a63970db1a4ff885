//! A token that somebody shows at an endpoint other than a provider's: whose it is.

use events::AuthorizationDetail;
use ids::{GrantId, KeyThumbprint, OkapToken, RefreshToken, TenantId, TokenDigest, UserId};
use jiff::Timestamp;
use postgres::{DatabaseError, Scope};

use super::{possession, refresh};
use crate::vault::Vault;

/// A token of ours, and the grant behind it.
pub(super) struct Held {
    pub tenant: TenantId,
    pub user: UserId,
    pub grant: GrantId,
    /// The client it was given to; `None` for an app that came through OKAP.
    pub client_id: Option<String>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// The key that it is bound to, if it is to one.
    pub bound_to: Option<KeyThumbprint>,
    /// Whether it was ended or used up before that.
    pub spent: bool,
    /// What it may do; `None` for a refresh token, which is no good at a provider.
    pub access: Option<Vec<AuthorizationDetail>>,
}

const BY_ACCESS_TOKEN: &str = "
    -- consent.grant_by_token
    SELECT tenant_id, user_id, grant_id, app->>'app' AS client_id, details, expires_at, closed_at, key_thumbprint
      FROM consent.grant_access
     WHERE token_digest = $1";

/// Whose token it is: an access token or a refresh token, told apart by their prefix.
///
/// # Errors
/// When the database refuses or the row cannot be read.
pub(super) async fn held(vault: &Vault, token: &str) -> Result<Option<Held>, DatabaseError> {
    if let Ok(token) = OkapToken::parse(token) {
        return by_access_token(vault, token.digest()).await;
    }
    let Ok(token) = RefreshToken::parse(token) else {
        return Ok(None);
    };
    let digest = token.digest();
    let tx = vault
        .postgres
        .begin("find refresh token", Scope::Holder(digest))
        .await?;
    let stored = refresh::find(&tx, digest).await?;
    tx.commit().await?;
    Ok(stored.map(|stored| Held {
        tenant: stored.tenant,
        user: stored.user,
        grant: stored.grant,
        client_id: Some(stored.client_id),
        expires_at: stored.expires_at,
        bound_to: stored.bound_to,
        spent: stored.used,
        access: None,
    }))
}

async fn by_access_token(
    vault: &Vault,
    digest: TokenDigest,
) -> Result<Option<Held>, DatabaseError> {
    let tx = vault
        .postgres
        .begin("find grant by token", Scope::Holder(digest))
        .await?;
    let row = tx
        .query_opt(BY_ACCESS_TOKEN, &[&digest.as_bytes().as_slice()])
        .await?;
    tx.commit().await?;
    let Some(row) = row else { return Ok(None) };
    let details = serde_json::from_value(row.get("details"));
    let closed_at: Option<Timestamp> = row.get("closed_at");
    Ok(Some(Held {
        tenant: TenantId::from_uuid(row.get("tenant_id")),
        user: UserId::from_uuid(row.get("user_id")),
        grant: GrantId::from_uuid(row.get("grant_id")),
        client_id: row.get("client_id"),
        expires_at: row.get("expires_at"),
        bound_to: possession::stored(&row, "consent.grant_access")?,
        spent: closed_at.is_some(),
        access: Some(details.map_err(|_| DatabaseError::Row {
            table: "consent.grant_access",
            column: "details",
        })?),
    }))
}
