//! `POST /oauth/token` (RFC 6749 section 3.2): a code of some kind or a refresh token becomes an
//! access token.

use actix_web::{HttpRequest, HttpResponse, post, web};
use events::{GrantType, WireDetail};
use ids::{GrantId, KeyThumbprint, RefreshToken};
use serde::Serialize;
use server::RequestId;
use utoipa::ToSchema;

use super::{
    client::client_with,
    device::collect,
    error::OauthError,
    pace::Pace,
    parameters::{Form, Parameters},
    possession,
    redeem::redeem,
    refresh::renew,
};
use crate::{
    access_request::{RequestError, Requests},
    grant::{Delivered, GrantError, Grants},
    registered_app::Apps,
    vault::Vault,
};

/// The token response (RFC 6749 section 5.1, RFC 9396 section 7).
#[derive(Serialize, ToSchema)]
pub struct TokenResponse {
    /// The OKAP token, shown once.
    access_token: String,
    /// `DPoP` when it is bound to the key of the request's proof (RFC 9449), else `Bearer`.
    token_type: &'static str,
    /// Seconds until it ends.
    expires_in: i64,
    /// What the next access token is got with, once; for clients of that grant type.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    /// The grant: what a request for more of it names (Grant Management).
    #[schema(value_type = String)]
    grant_id: GrantId,
    /// What the token may do, with where to call.
    authorization_details: Vec<WireDetail>,
}

/// What this endpoint works with.
pub(super) struct Rooms<'a> {
    pub vault: &'a Vault,
    pub requests: &'a Requests,
    pub grants: &'a Grants,
    /// The key that the client shows to hold.
    pub key: Option<KeyThumbprint>,
}

/// What goes out.
pub(super) struct Issued {
    pub delivered: Delivered,
    pub refresh: Option<RefreshToken>,
}

/// Exchanges an authorization code or a refresh token for an access token.
///
/// `authorization_details` may ask for less than was granted (RFC 9396 section 6).
#[utoipa::path(tag = "oauth", request_body(content = crate::oauth::forms::TokenForm, content_type = "application/x-www-form-urlencoded"), responses(
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
        let wanted = grant_type(&parameters)?;
        let client = client_with((&vault, &apps), &request, &parameters, wanted).await?;
        let rooms = Rooms {
            vault: &vault,
            requests: &requests,
            grants: &grants,
            key: possession::key_of_token(&vault, &client, &request).await?,
        };
        match wanted {
            GrantType::AuthorizationCode => redeem(&rooms, &client, &parameters, &request_id).await,
            GrantType::DeviceCode => collect(&rooms, &client, &parameters, &request_id).await,
            GrantType::RefreshToken => renew(&rooms, &client, &parameters, &request_id).await,
        }
    };
    match answer.await {
        // RFC 6749 section 5.1 asks for both headers.
        Ok(issued) => HttpResponse::Ok()
            .insert_header(("cache-control", "no-store"))
            .insert_header(("pragma", "no-cache"))
            .json(response(&vault, &issued)),
        Err(error) => error.response(),
    }
}

fn grant_type(parameters: &Parameters) -> Result<GrantType, OauthError> {
    match parameters.required("grant_type")? {
        "authorization_code" => Ok(GrantType::AuthorizationCode),
        "refresh_token" => Ok(GrantType::RefreshToken),
        "urn:ietf:params:oauth:grant-type:device_code" => Ok(GrantType::DeviceCode),
        _ => Err(OauthError::new(
            "unsupported_grant_type",
            "authorization_code, refresh_token and the device code are supported",
        )),
    }
}

/// What was presented is no good (any more).
pub(super) fn invalid_grant(description: &str) -> OauthError {
    OauthError::new("invalid_grant", description)
}

/// Why no token was issued of a grant, in the words of RFC 6749 section 5.2.
pub(super) fn refused(error: RequestError) -> OauthError {
    match error {
        RequestError::Grant(GrantError::OtherResource) => {
            OauthError::new("invalid_target", "nothing was granted at this resource")
        }
        RequestError::Grant(GrantError::Narrowing(invalid)) => {
            OauthError::new("invalid_authorization_details", invalid.to_string())
        }
        RequestError::Delivered
        | RequestError::Refused(_)
        | RequestError::Grant(GrantError::Refused(_)) => invalid_grant("the grant has ended"),
        error => OauthError::unavailable(&error),
    }
}

/// What kind of token it is, by what it is bound to.
pub(super) const fn token_type(bound_to: Option<KeyThumbprint>) -> &'static str {
    match bound_to {
        Some(_) => "DPoP",
        None => "Bearer",
    }
}

fn response(vault: &Vault, issued: &Issued) -> TokenResponse {
    let delivered = &issued.delivered;
    let seconds = delivered.expires_at.as_second() - vault.clock.now().as_second();
    TokenResponse {
        access_token: delivered.token.reveal().to_owned(),
        token_type: token_type(delivered.bound_to),
        expires_in: seconds.max(0),
        refresh_token: issued
            .refresh
            .as_ref()
            .map(|renewal| renewal.reveal().to_owned()),
        grant_id: delivered.grant,
        authorization_details: delivered
            .details
            .iter()
            .map(|d| WireDetail::granted(d, &vault.public_url))
            .collect(),
    }
}
