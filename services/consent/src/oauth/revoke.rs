//! `POST /oauth/revoke` (RFC 7009): an app gives its token back.

use actix_web::{HttpRequest, HttpResponse, post, web};
use server::RequestId;

use super::{
    client::client,
    error::OauthError,
    held::held,
    pace::Pace,
    parameters::{Form, Parameters},
};
use crate::{
    grant::{Authority, Grants},
    registered_app::Apps,
    vault::{Actor, Vault},
};

/// Revokes the grant of an access token or a refresh token, with all its tokens. Unknown tokens and other clients' tokens are no error and have no
/// effect (RFC 7009 section 2.2).
#[utoipa::path(tag = "oauth", request_body(content = crate::oauth::forms::TokenInHandForm, content_type = "application/x-www-form-urlencoded"), responses(
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
        let client = client((&vault, &apps), &request, &parameters).await?;
        let held = held(&vault, token).await;
        let Some(held) = held.map_err(|e| OauthError::unavailable(&e))? else {
            return Ok(());
        };
        // An app that came through OKAP has no client id: holding the token is its proof.
        if held.client_id != client.map(|client| client.id.to_string()) {
            return Ok(());
        }
        let actor = Actor::app(held.tenant, held.user, &request_id);
        grants
            .revoke(
                (&actor, Authority::Owner),
                held.grant,
                "given back by the app",
            )
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
