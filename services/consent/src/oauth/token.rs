//! `POST /oauth/token` (RFC 6749 section 4.1.3): a code becomes the grant's one token.

use actix_web::{HttpRequest, HttpResponse, post, web};
use events::WireDetail;
use ids::{AuthorizationCode, UserId};
use postgres::Scope;
use serde::Serialize;
use server::RequestId;
use utoipa::ToSchema;

use super::{
    code::{self, StoredCode},
    error::OauthError,
    pace::Pace,
    parameters::{Form, Parameters},
    pkce,
};
use crate::{
    access_request::{RequestError, Requests, projection},
    grant::{Delivered, Grants},
    registered_app::Apps,
    vault::{Actor, Vault},
};

/// The token response (RFC 6749 section 5.1, RFC 9396 section 7).
#[derive(Serialize, ToSchema)]
pub struct TokenResponse {
    /// The OKAP token, shown once.
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Seconds until the last of it ends.
    expires_in: i64,
    /// What was granted, with where to call.
    authorization_details: Vec<WireDetail>,
}

/// Exchanges an authorization code for the token of what was granted.
#[utoipa::path(tag = "oauth", request_body(content = String, content_type = "application/x-www-form-urlencoded"), responses(
    (status = 200, body = TokenResponse), (status = 400, body = OauthError), (status = 401, body = OauthError), (status = 429, body = OauthError), (status = 503, body = OauthError)))]
#[post("/oauth/token")]
pub(crate) async fn token(
    request: HttpRequest,
    request_id: RequestId,
    (vault, apps, pace): (web::Data<Vault>, web::Data<Apps>, web::Data<Pace>),
    (requests, grants): (web::Data<Requests>, web::Data<Grants>),
    form: Form,
) -> HttpResponse {
    let answer = async {
        pace.count(&request)?;
        let parameters = Parameters::of_form(form)?;
        match parameters.get("grant_type") {
            Some("authorization_code") => {}
            Some(_) => {
                return Err(OauthError::new(
                    "unsupported_grant_type",
                    "only authorization_code is supported",
                ));
            }
            None => return Err(OauthError::new("invalid_request", "grant_type is missing")),
        }
        known_client(&apps, &parameters).await?;
        redeem(&vault, &requests, &grants, &parameters, &request_id).await
    };
    match answer.await {
        // RFC 6749 section 5.1 asks for both headers.
        Ok(delivered) => HttpResponse::Ok()
            .insert_header(("cache-control", "no-store"))
            .insert_header(("pragma", "no-cache"))
            .json(response(&vault, &delivered)),
        Err(error) => error.response(),
    }
}

/// Refuses a client that names itself and is not registered (RFC 6749 section 5.2).
pub(super) async fn known_client(apps: &Apps, parameters: &Parameters) -> Result<(), OauthError> {
    let Some(client_id) = parameters.get("client_id") else {
        return Ok(());
    };
    let known = apps
        .by_client_id(client_id)
        .await
        .map_err(|e| OauthError::unavailable(&e))?;
    known
        .map(drop)
        .ok_or_else(|| OauthError::new("invalid_client", "no app of this client_id is registered"))
}

async fn redeem(
    vault: &Vault,
    requests: &Requests,
    grants: &Grants,
    parameters: &Parameters,
    request_id: &RequestId,
) -> Result<Delivered, OauthError> {
    let required = |name: &'static str| {
        parameters
            .get(name)
            .ok_or_else(|| OauthError::new("invalid_request", format!("{name} is missing")))
    };
    let invalid_grant = |description: &str| OauthError::new("invalid_grant", description);
    let (code_text, verifier) = (required("code")?, required("code_verifier")?);
    let (client_id, redirect_uri) = (required("client_id")?, required("redirect_uri")?);
    if parameters.get("authorization_details").is_some() {
        return Err(OauthError::new(
            "invalid_request",
            "narrowing at the token endpoint is not offered",
        ));
    }
    if !pkce::is_verifier(verifier) {
        return Err(OauthError::new(
            "invalid_request",
            "code_verifier must be 43 to 128 unreserved characters",
        ));
    }
    let code = AuthorizationCode::parse(code_text)
        .map_err(|_| invalid_grant("the code is not one of ours"))?;
    let digest = code.digest();
    let now = vault.clock.now();

    let tx = vault
        .postgres
        .begin("redeem code", Scope::Holder(digest))
        .await
        .map_err(|e| OauthError::unavailable(&e))?;
    let stored = code::find(&tx, digest)
        .await
        .map_err(|e| OauthError::unavailable(&e))?;
    let stored = stored.ok_or_else(|| invalid_grant("the code is not known"))?;
    if stored.client_id != client_id || stored.redirect_uri != redirect_uri {
        return Err(invalid_grant(
            "the code was given to another client or redirect_uri",
        ));
    }
    if !pkce::matches(verifier, &stored.code_challenge) {
        return Err(invalid_grant("code_verifier does not match the challenge"));
    }
    if !stored.used && now >= stored.expires_at {
        return Err(invalid_grant("the code has expired"));
    }
    tx.set_scope(Scope::Tenant(stored.tenant))
        .await
        .map_err(|e| OauthError::unavailable(&e))?;
    let user = owner(&tx, &stored).await?;
    let actor = Actor {
        name: client_id.to_owned(),
        ..Actor::app(stored.tenant, user, request_id)
    };
    if stored.used
        || !code::redeem(&tx, digest, now)
            .await
            .map_err(|e| OauthError::unavailable(&e))?
    {
        drop(tx);
        // A code that comes twice was stolen by one of the two: neither keeps the token
        // (RFC 6749 section 4.1.2).
        grants
            .revoke(
                &actor,
                stored.grant,
                "its authorization code was used twice",
            )
            .await
            .map_err(|e| OauthError::unavailable(&e))?;
        return Err(invalid_grant(
            "the code was used before; what it gave is revoked",
        ));
    }
    let delivered = requests
        .deliver_in(&tx, &actor, stored.request)
        .await
        .map_err(|error| match error {
            RequestError::Delivered
            | RequestError::Refused(_)
            | RequestError::Grant(crate::grant::GrantError::Refused(_)) => {
                invalid_grant("the grant has ended")
            }
            error => OauthError::unavailable(&error),
        })?;
    tx.commit().await.map_err(|e| OauthError::unavailable(&e))?;
    vault.changed(&[]);
    Ok(delivered)
}

async fn owner(tx: &postgres::Tx, stored: &StoredCode) -> Result<UserId, OauthError> {
    let row = projection::one(tx, stored.request)
        .await
        .map_err(|e| OauthError::unavailable(&e))?;
    row.map(|row| row.user)
        .ok_or_else(|| OauthError::new("invalid_grant", "the code is not known"))
}

fn response(vault: &Vault, delivered: &Delivered) -> TokenResponse {
    let seconds = delivered.expires_at.as_second() - vault.clock.now().as_second();
    TokenResponse {
        access_token: delivered.token.reveal().to_owned(),
        token_type: "Bearer",
        expires_in: seconds.max(0),
        authorization_details: delivered
            .details
            .iter()
            .map(|d| WireDetail::granted(d, &vault.public_url))
            .collect(),
    }
}
