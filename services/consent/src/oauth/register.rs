//! `POST /oauth/register` (RFC 7591): an app registers itself, and reads or ends its registration
//! afterwards (RFC 7592).

use std::{collections::BTreeSet, num::NonZeroU32, time::Duration};

use actix_web::{HttpRequest, HttpResponse, delete, get, http::StatusCode, post, web};
use events::{ClientAuthentication, ClientKeys, GrantType};
use ids::{AppId, RegistrationAccess, RegistrationToken};
use serde::Serialize;
use serde_json::Value;
use server::{Problem, RateLimit, StrictJson, Throttle};
use utoipa::ToSchema;

use super::error::OauthError;
use crate::{
    client_metadata::ClientMetadata,
    okap::credential,
    registered_app::{AppError, AppRow, Apps, Arrived, Registration},
    vault::Vault,
};

/// How often one address may register an hour. An organization's developers may share one.
const REGISTRATIONS_PER_HOUR: NonZeroU32 = NonZeroU32::new(20).unwrap();

/// Counts registrations by address. Cheap to clone; clones count together.
#[derive(Clone)]
pub struct RegistrationPace(RateLimit);

impl RegistrationPace {
    /// Nobody has registered yet.
    #[must_use]
    pub fn new() -> Self {
        let hour = Duration::from_secs(3_600);
        Self(RateLimit::of(Throttle::new(
            "registrations",
            REGISTRATIONS_PER_HOUR,
            hour,
        )))
    }
}

impl Default for RegistrationPace {
    fn default() -> Self {
        Self::new()
    }
}

/// What an app is registered with (RFC 7591 section 3.2.1): perhaps less than it asked for.
#[derive(Serialize, ToSchema)]
pub struct RegisteredClient {
    /// Its OAuth client id.
    client_id: String,
    /// Since when, in seconds since 1970.
    client_id_issued_at: i64,
    /// Its secret, if it has one. Shown once.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    /// When the secret ends: 0, never by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret_expires_at: Option<u8>,
    /// What it reads or ends its registration with (RFC 7592). Shown once.
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_access_token: Option<String>,
    /// Where it does so.
    registration_client_uri: String,
    /// Its name, as people will see it.
    client_name: String,
    /// Its web address.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_uri: Option<String>,
    /// Where browsers may be sent back to; compared exactly.
    redirect_uris: Vec<String>,
    /// What it may come to the token endpoint with.
    #[schema(value_type = Vec<String>)]
    grant_types: BTreeSet<GrantType>,
    /// `code`, for an app that sends browsers.
    response_types: Vec<&'static str>,
    /// How it proves that it is itself.
    token_endpoint_auth_method: &'static str,
    /// Its public keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    jwks: Option<Value>,
    /// Where its public keys are.
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks_uri: Option<String>,
    /// Whether every token of it must be bound to a key (RFC 9449 section 5.2).
    dpop_bound_access_tokens: bool,
    /// Always `ai_model_access`.
    authorization_details_types: [&'static str; 1],
}

/// What is shown once.
#[derive(Default)]
struct Shown {
    secret: Option<String>,
    access: Option<String>,
}

/// Registers an app: with a registration token as bearer it belongs to the token's organization;
/// without one, where the operator lets anybody register, to none.
#[utoipa::path(tag = "oauth", request_body(content = Object, description = "Client metadata (RFC 7591 section 2)"),
    params(("authorization" = Option<String>, Header, description = "Bearer and a registration token")), responses(
    (status = 201, body = RegisteredClient), (status = 400, body = OauthError), (status = 401, body = OauthError), (status = 403, body = OauthError),
    (status = 429, body = OauthError), (status = 503, body = OauthError)))]
#[post("/oauth/register")]
pub(crate) async fn register(
    request: HttpRequest,
    request_id: server::RequestId,
    (vault, apps, pace): (
        web::Data<Vault>,
        web::Data<Apps>,
        web::Data<RegistrationPace>,
    ),
    body: Result<StrictJson<ClientMetadata>, Problem>,
) -> HttpResponse {
    let id = request_id.to_string();
    let answer = async {
        let counted = pace.0.count(&request);
        counted.map_err(|problem| OauthError::too_many(&problem))?;
        let token = bearer(&request)?;
        if token.is_none() && !vault.open_registration {
            let why =
                "a registration token is needed; an administrator of your organization makes one";
            return Err(OauthError::new("invalid_token", why).with_status(401));
        }
        let metadata = body.map_err(|problem| invalid(problem.detail()))?.0;
        // RFC 7591 section 2: an app that does not say has a secret.
        let default_method = "client_secret_basic";
        let registration = metadata
            .registration(default_method, vault.published.reach())
            .map_err(|fault| OauthError::new(fault.code(), fault.to_string()))?;
        let arrived = match token {
            Some(token) => apps.register_with_token(&token, registration, &id).await,
            None => {
                apps.register_openly(without_device(registration)?, &id)
                    .await
            }
        };
        arrived.map_err(refused)
    };
    match answer.await {
        Ok(Arrived {
            app,
            secret,
            access,
        }) => {
            let shown = Shown {
                secret: secret.map(|secret| secret.reveal().to_owned()),
                access: Some(access.reveal().to_owned()),
            };
            no_store(StatusCode::CREATED).json(view(&vault, app, shown))
        }
        Err(error) => answered(&error),
    }
}

/// Shows an app its own registration, without secrets.
#[utoipa::path(tag = "oauth", params(("client_id" = String, Path), ("authorization" = String, Header, description = "Bearer and the registration access token")), responses(
    (status = 200, body = RegisteredClient), (status = 401, body = OauthError), (status = 429, body = OauthError), (status = 503, body = OauthError)))]
#[get("/oauth/register/{client_id}")]
pub(crate) async fn show(
    request: HttpRequest,
    (vault, apps, pace): (web::Data<Vault>, web::Data<Apps>, web::Data<super::Pace>),
    client_id: web::Path<String>,
) -> HttpResponse {
    match its_own(&request, (&apps, &pace), &client_id).await {
        Ok(app) => no_store(StatusCode::OK).json(view(&vault, app, Shown::default())),
        Err(error) => answered(&error),
    }
}

/// Ends an app's own registration, and what the people of its organization granted it.
#[utoipa::path(tag = "oauth", params(("client_id" = String, Path), ("authorization" = String, Header, description = "Bearer and the registration access token")), responses(
    (status = 204), (status = 401, body = OauthError), (status = 429, body = OauthError), (status = 503, body = OauthError)))]
#[delete("/oauth/register/{client_id}")]
pub(crate) async fn end(
    request: HttpRequest,
    request_id: server::RequestId,
    (apps, pace): (web::Data<Apps>, web::Data<super::Pace>),
    client_id: web::Path<String>,
) -> HttpResponse {
    let ended = async {
        let app = its_own(&request, (&apps, &pace), &client_id).await?;
        let ended = apps.withdraw(&app, &request_id.to_string()).await;
        ended.map_err(refused)
    };
    match ended.await {
        Ok(()) => no_store(StatusCode::NO_CONTENT).finish(),
        Err(error) => answered(&error),
    }
}

/// The app whose registration access token the request bears, which must be the one it names.
async fn its_own(
    request: &HttpRequest,
    (apps, pace): (&Apps, &super::Pace),
    client_id: &str,
) -> Result<AppRow, OauthError> {
    pace.count(request)?;
    let unknown = || {
        let why = "the registration access token is not this app's, or the app is gone";
        OauthError::new("invalid_token", why).with_status(401)
    };
    let token = credential(request, "Bearer").ok_or_else(unknown)?;
    let token = RegistrationAccess::parse(token).map_err(|_| unknown())?;
    let id: AppId = client_id.parse().map_err(|_| unknown())?;
    let app = apps.by_registration_access(&token).await;
    let app = app.map_err(|e| OauthError::unavailable(&e))?;
    app.filter(|app| app.id == id).ok_or_else(unknown)
}

fn bearer(request: &HttpRequest) -> Result<Option<RegistrationToken>, OauthError> {
    if !request.headers().contains_key("authorization") {
        return Ok(None);
    }
    let token = credential(request, "Bearer").ok_or_else(unknown_token)?;
    RegistrationToken::parse(token)
        .map(Some)
        .map_err(|_| unknown_token())
}

fn unknown_token() -> OauthError {
    let why = "the registration token is not known, was used up, has expired or was ended";
    OauthError::new("invalid_token", why).with_status(401)
}

fn invalid(why: &str) -> OauthError {
    OauthError::new("invalid_client_metadata", why)
}

/// A device's code is entered by people of the organization that the app belongs to; this one
/// belongs to none.
fn without_device(mut registration: Registration) -> Result<Registration, OauthError> {
    registration.grant_types.remove(&GrantType::DeviceCode);
    if registration
        .grant_types
        .contains(&GrantType::AuthorizationCode)
    {
        return Ok(registration);
    }
    Err(invalid(
        "grant_types: authorization_code is needed; an app with the device code belongs to an \
         organization, and registers with its token",
    ))
}

fn refused(error: AppError) -> OauthError {
    match error {
        AppError::NoToken => unknown_token(),
        AppError::TooMany | AppError::Full => {
            OauthError::new("access_denied", error.to_string()).with_status(403)
        }
        error => OauthError::unavailable(&error),
    }
}

fn view(vault: &Vault, app: AppRow, shown: Shown) -> RegisteredClient {
    let by_browser = app.grant_types.contains(&GrantType::AuthorizationCode);
    let token_endpoint_auth_method = app.authentication.name();
    let (jwks, jwks_uri) = match app.authentication {
        ClientAuthentication::PrivateKeyJwt {
            keys: ClientKeys::Jwks(jwks),
        } => (Some(jwks), None),
        ClientAuthentication::PrivateKeyJwt {
            keys: ClientKeys::JwksUri(uri),
        } => (None, Some(uri)),
        _ => (None, None),
    };
    RegisteredClient {
        registration_client_uri: format!("{}/oauth/register/{}", vault.public_url, app.id),
        client_id: app.client_id,
        client_id_issued_at: app.registered_at.as_second(),
        client_secret_expires_at: shown.secret.is_some().then_some(0),
        client_secret: shown.secret,
        registration_access_token: shown.access,
        client_name: app.name,
        client_uri: app.url,
        redirect_uris: app.redirect_uris,
        grant_types: app.grant_types,
        response_types: by_browser.then_some("code").into_iter().collect(),
        token_endpoint_auth_method,
        jwks,
        jwks_uri,
        dpop_bound_access_tokens: app.dpop_bound,
        authorization_details_types: [events::TYPE],
    }
}

fn no_store(status: StatusCode) -> actix_web::HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response
        .insert_header(("cache-control", "no-store"))
        .insert_header(("pragma", "no-cache"));
    response
}

/// A bearer's challenge (RFC 6750 section 3) where a token is missing or no good.
fn answered(error: &OauthError) -> HttpResponse {
    let mut response = error.response();
    if response.status() == StatusCode::UNAUTHORIZED {
        let challenge = "Bearer realm=\"latchkey\", error=\"invalid_token\"";
        let value = actix_web::http::header::HeaderValue::from_static(challenge);
        response
            .headers_mut()
            .insert(actix_web::http::header::WWW_AUTHENTICATE, value);
    }
    response
}
