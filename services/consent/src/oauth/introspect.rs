//! `POST /oauth/introspect` (RFC 7662): a client asks what a token of its own is good for.

use actix_web::{HttpRequest, HttpResponse, post, web};
use events::WireDetail;
use ids::{GrantId, KeyThumbprint, UserId};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    client::client,
    error::OauthError,
    held::{Held, held},
    pace::Pace,
    parameters::{Form, Parameters},
    token::token_type,
};
use crate::{
    grant::{GrantError, GrantState, Grants},
    registered_app::Apps,
    vault::Vault,
};

/// What a token is good for (RFC 7662 section 2.2, RFC 9396 section 9.2). Of one that is good for
/// nothing, or is not the client's, nothing but that is told.
#[derive(Default, Serialize, ToSchema)]
pub struct Introspection {
    /// Whether it is good at this moment.
    active: bool,
    /// Who issued it.
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    /// The client it was given to.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    /// The person who granted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    sub: Option<UserId>,
    /// The grant it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    grant_id: Option<GrantId>,
    /// `DPoP` or `Bearer`; left out for a refresh token.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    /// The key that it is bound to, if it is to one (RFC 9449 section 6.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    cnf: Option<Confirmation>,
    /// When it ends, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    /// What it may do, with where to call; left out for a refresh token.
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization_details: Option<Vec<WireDetail>>,
}

/// The key that a token is bound to (RFC 7800 section 3.1).
#[derive(Serialize, ToSchema)]
pub struct Confirmation {
    /// Its thumbprint.
    #[schema(value_type = String)]
    jkt: KeyThumbprint,
}

/// Tells a client what a token that was given to it is good for: an access token or a refresh token.
#[utoipa::path(tag = "oauth", request_body(content = crate::oauth::forms::TokenInHandForm, content_type = "application/x-www-form-urlencoded"), responses(
    (status = 200, body = Introspection), (status = 400, body = OauthError), (status = 401, body = OauthError), (status = 429, body = OauthError), (status = 503, body = OauthError)))]
#[post("/oauth/introspect")]
pub(crate) async fn introspect(
    request: HttpRequest,
    (vault, apps, pace): (web::Data<Vault>, web::Data<Apps>, web::Data<Pace>),
    grants: web::Data<Grants>,
    form: Form,
) -> HttpResponse {
    let answer = async {
        pace.count(&request)?;
        let parameters = Parameters::of_form(form)?;
        let token = parameters.required("token")?;
        // RFC 7662 section 2.1: nobody asks here without saying who they are.
        let client = client((&vault, &apps), &request, &parameters)
            .await?
            .ok_or_else(|| OauthError::new("invalid_client", "client_id is missing"))?;
        let held = held(&vault, token)
            .await
            .map_err(|e| OauthError::unavailable(&e))?
            .filter(|held| held.client_id.as_deref() == Some(client.id.to_string().as_str()));
        Ok::<_, OauthError>(match held {
            Some(held) if is_active(&vault, &grants, &held).await? => {
                told(&vault, client.client_id, held)
            }
            _ => Introspection::default(),
        })
    };
    match answer.await {
        Ok(introspection) => HttpResponse::Ok()
            .insert_header(("cache-control", "no-store"))
            .json(introspection),
        Err(error) => error.response(),
    }
}

/// Whether a token is good now. The row of an access token says so itself; a refresh token is as
/// good as its grant.
async fn is_active(vault: &Vault, grants: &Grants, held: &Held) -> Result<bool, OauthError> {
    if held.spent || vault.clock.now() >= held.expires_at {
        return Ok(false);
    }
    if held.access.is_some() {
        return Ok(true);
    }
    match grants.one(held.tenant, held.user, held.grant).await {
        Ok(grant) => Ok(grant.state == GrantState::Live),
        Err(GrantError::Refused(_)) => Ok(false),
        Err(error) => Err(OauthError::unavailable(&error)),
    }
}

fn told(vault: &Vault, client_id: String, held: Held) -> Introspection {
    let now = vault.clock.now();
    let wire = |details: Vec<events::AuthorizationDetail>| {
        let live = details.iter().filter(|detail| now < detail.expires);
        live.map(|detail| WireDetail::granted(detail, &vault.public_url))
            .collect()
    };
    Introspection {
        active: true,
        iss: Some(vault.public_url.clone()),
        client_id: Some(client_id),
        sub: Some(held.user),
        grant_id: Some(held.grant),
        token_type: held.access.is_some().then(|| token_type(held.bound_to)),
        cnf: held.bound_to.map(|jkt| Confirmation { jkt }),
        exp: Some(held.expires_at.as_second()),
        authorization_details: held.access.map(wire),
    }
}
