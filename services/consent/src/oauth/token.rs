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
    exchange::{ACCESS_TOKEN, exchange},
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
    /// After a token exchange (RFC 8693 section 2.2.1): that `access_token` is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_token_type: Option<&'static str>,
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

/// Exchanges an authorization code, a device code, a refresh token or another access token for an
/// access token.
///
/// `authorization_details` may ask for less than was granted (RFC 9396 section 6). An access token is
/// exchanged (RFC 8693) for one of a child grant: it may do no more, counts against the limits of the
/// grant it came from, and ends with it.
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
        if wanted == GrantType::TokenExchange {
            let rooms = (vault.as_ref(), apps.as_ref(), grants.as_ref());
            let exchanged = exchange(rooms, &request, &parameters, &request_id).await?;
            return Ok(TokenResponse {
                issued_token_type: Some(ACCESS_TOKEN),
                ..response(&vault, &exchanged, None)
            });
        }
        let client = client_with((&vault, &apps), &request, &parameters, wanted).await?;
        let rooms = Rooms {
            vault: &vault,
            requests: &requests,
            grants: &grants,
            key: possession::key_of_token(&vault, &client, &request).await?,
        };
        let issued = match wanted {
            GrantType::DeviceCode => collect(&rooms, &client, &parameters, &request_id).await,
            GrantType::RefreshToken => renew(&rooms, &client, &parameters, &request_id).await,
            _ => redeem(&rooms, &client, &parameters, &request_id).await,
        };
        issued.map(|issued| response(&vault, &issued.delivered, issued.refresh.as_ref()))
    };
    match answer.await {
        // RFC 6749 section 5.1 asks for both headers.
        Ok(response) => HttpResponse::Ok()
            .insert_header(("cache-control", "no-store"))
            .insert_header(("pragma", "no-cache"))
            .json(response),
        Err(error) => error.response(),
    }
}

fn grant_type(parameters: &Parameters) -> Result<GrantType, OauthError> {
    match parameters.required("grant_type")? {
        "authorization_code" => Ok(GrantType::AuthorizationCode),
        "refresh_token" => Ok(GrantType::RefreshToken),
        "urn:ietf:params:oauth:grant-type:device_code" => Ok(GrantType::DeviceCode),
        "urn:ietf:params:oauth:grant-type:token-exchange" => Ok(GrantType::TokenExchange),
        _ => Err(OauthError::new(
            "unsupported_grant_type",
            "authorization_code, refresh_token, the device code and token exchange are supported",
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

fn response(vault: &Vault, delivered: &Delivered, refresh: Option<&RefreshToken>) -> TokenResponse {
    let seconds = delivered.expires_at.as_second() - vault.clock.now().as_second();
    TokenResponse {
        access_token: delivered.token.reveal().to_owned(),
        token_type: token_type(delivered.bound_to),
        expires_in: seconds.max(0),
        issued_token_type: None,
        refresh_token: refresh.map(|renewal| renewal.reveal().to_owned()),
        grant_id: delivered.grant,
        authorization_details: delivered
            .details
            .iter()
            .map(|d| WireDetail::granted(d, &vault.public_url))
            .collect(),
    }
}
