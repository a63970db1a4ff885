//! Who comes back for an answer: the holder of a request's poll secret.

use actix_web::HttpRequest;
use ids::{PollSecret, RequestId as AccessRequestId, TenantId, TokenDigest, UserId};
use postgres::{DatabaseError, Scope};
use server::{Problem, RequestId};

use super::knock::credential;
use crate::{
    access_request::{delivery, projection},
    oauth::is_verifier,
    vault::{Actor, Vault},
    way_back::{self, Channel},
};

/// A request, as the holder of its poll secret may act for it.
pub struct Held {
    /// For the person's vault that was asked: the row says whose it is.
    pub actor: Actor,
    /// Whether its answer went out.
    pub delivered: bool,
    /// How its answer goes back through the person's browser, if it does.
    pub back: Option<Channel>,
}

/// The digest of the poll secret that a caller sent: one that was given on the connection, or the
/// code verifier (RFC 7636 section 4.1) of an app that asked by a link and made its own.
pub fn held_secret(request: &HttpRequest) -> Option<TokenDigest> {
    let text = credential(request, "Bearer")?;
    match PollSecret::parse(text) {
        Ok(secret) => Some(secret.digest()),
        Err(_) => is_verifier(text).then(|| TokenDigest::of(text)),
    }
}

/// The request of this poll secret; `None` when it is of another request, or of none.
///
/// # Errors
/// When the database refuses.
pub async fn held(
    vault: &Vault,
    secret: TokenDigest,
    id: AccessRequestId,
    request_id: &RequestId,
) -> Result<Option<Held>, Problem> {
    let found = by_secret(vault, secret)
        .await
        .map_err(|e| Problem::dependency(&e))?;
    let Some((tenant, _, delivered)) = found.filter(|(_, request, _)| *request == id) else {
        return Ok(None);
    };
    let user = owner(vault, tenant, id)
        .await
        .map_err(|e| Problem::dependency(&e))?;
    let Some(user) = user else { return Ok(None) };
    Ok(Some(Held {
        actor: Actor::app(tenant, user, request_id),
        delivered,
        back: way_back::channel_of(vault, tenant, id).await?,
    }))
}

/// Whose request a poll secret belongs to, and whether its answer went out.
///
/// # Errors
/// When the database refuses.
pub async fn by_secret(
    vault: &Vault,
    secret: TokenDigest,
) -> Result<Option<(TenantId, AccessRequestId, bool)>, DatabaseError> {
    let tx = vault
        .postgres
        .begin("find poll secret", Scope::Holder(secret))
        .await?;
    let found = delivery::by_poll_secret(&tx, secret).await?;
    tx.commit().await?;
    Ok(found)
}

async fn owner(
    vault: &Vault,
    tenant: TenantId,
    id: AccessRequestId,
) -> Result<Option<UserId>, DatabaseError> {
    let tx = vault.begin("read access request", tenant).await?;
    let row = projection::one(&tx, id).await?;
    tx.commit().await?;
    Ok(row.map(|row| row.user))
}
