//! `POST /oauth/revoke` (RFC 7009): an app gives its token back.

use actix_web::{HttpRequest, HttpResponse, post, web};
use ids::{GrantId, OkapToken, RefreshToken, TenantId, TokenDigest, UserId};
use postgres::{DatabaseError, Scope};
use server::RequestId;

use super::{
    error::OauthError,
    pace::Pace,
    parameters::{Form, Parameters},
    refresh,
    token::known_client,
};
use crate::{
    grant::Grants,
    registered_app::Apps,
    vault::{Actor, Vault},
};

/// The grant behind a token, and the client it was given to.
struct Held {
    tenant: TenantId,
    user: UserId,
    grant: GrantId,
    client_id: Option<String>,
}

const BY_TOKEN: &str = "
    -- consent.grant_by_token
    SELECT tenant_id, user_id, grant_id, app->>'app' AS client_id
      FROM consent.grant_access
     WHERE token_digest = $1";

/// Revokes the grant of an access token or a refresh token, with all its tokens. Unknown tokens and other clients' tokens are no error and have no
/// effect (RFC 7009 section 2.2).
#[utoipa::path(tag = "oauth", request_body(content = String, content_type = "application/x-www-form-urlencoded"), responses(
    (status = 200), (status = 400, body = OauthError), (status = 401, body = OauthError), (status = 429, body = OauthError), (status = 503, body = OauthError)))]
#[post("/oauth/revoke")]
pub(crate) async fn revoke(
    request: HttpRequest,
    request_id: RequestId,
    (vault, apps, pace): (web::Data<Vault>, web::Data<Apps>, web::Data<Pace>),
    grants: web::Data<Grants>,
    form: Form,
) -> HttpResponse {
    let answer = async {
        pace.count(&request)?;
        let parameters = Parameters::of_form(form)?;
        let token = parameters
            .get("token")
            .ok_or_else(|| OauthError::new("invalid_request", "token is missing"))?;
        known_client(&apps, &parameters).await?;
        let held = held(&vault, token).await;
        let Some(held) = held.map_err(|e| OauthError::unavailable(&e))? else {
            return Ok(());
        };
        // An app that came through OKAP has no client id: holding the token is its proof.
        if held.client_id.as_deref() != parameters.get("client_id") {
            return Ok(());
        }
        let actor = Actor::app(held.tenant, held.user, &request_id);
        grants
            .revoke(&actor, held.grant, "given back by the app")
            .await
            .map_err(|e| OauthError::unavailable(&e))
    };
    match answer.await {
        Ok(()) => HttpResponse::Ok()
            .insert_header(("cache-control", "no-store"))
            .finish(),
        Err(error) => error.response(),
    }
}

/// Whose token it is: an access token or a refresh token, told apart by their prefix.
async fn held(vault: &Vault, token: &str) -> Result<Option<Held>, DatabaseError> {
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
        .query_opt(BY_TOKEN, &[&digest.as_bytes().as_slice()])
        .await?;
    tx.commit().await?;
    Ok(row.map(|row| Held {
        tenant: TenantId::from_uuid(row.get("tenant_id")),
        user: UserId::from_uuid(row.get("user_id")),
        grant: GrantId::from_uuid(row.get("grant_id")),
        client_id: row.get("client_id"),
    }))
}
