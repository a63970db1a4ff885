//! `/api/v1/apps`: the organization's OAuth clients.

use std::collections::BTreeSet;

use actix_web::{HttpResponse, delete, get, http::header, post, web};
use events::{ClientAuthentication, GrantType};
use ids::AppId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use server::{Page, Person, Problem, RequestId, StrictJson};
use sessions::Permission;
use utoipa::ToSchema;

use super::{AppRow, Apps, Registration, check_redirect_uri, client_keys};
use crate::{provider_key::http::checked_name, vault::Actor};

/// The most redirect URIs of one app.
const MOST_REDIRECT_URIS: usize = 20;

/// An app to register.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApp {
    /// Its name, as people will see it.
    name: String,
    /// Its web address.
    url: Option<String>,
    /// Where browsers may be sent back to; compared exactly. None for an app that asks by device code
    /// alone.
    #[serde(default)]
    redirect_uris: Vec<String>,
    /// What it may come to the token endpoint with: `authorization_code`,
    /// `urn:ietf:params:oauth:grant-type:device_code`, or both, and `refresh_token` for an app that
    /// renews its access token every hour, and `urn:ietf:params:oauth:grant-type:token-exchange` for one
    /// that makes child tokens of it. Left out: `authorization_code` alone, with an
    /// access token that lasts as long as what was granted.
    #[serde(default = "GrantType::code_alone")]
    #[schema(value_type = Vec<String>)]
    grant_types: BTreeSet<GrantType>,
    /// How it proves that it is itself: `client_secret_basic`, `client_secret_post` or
    /// `private_key_jwt` for a program on a server, which can keep a secret; left out: `none`, and PKCE
    /// and its redirect URI stand for it.
    #[serde(default)]
    token_endpoint_auth_method: Option<String>,
    /// Its public keys, a JWK set (RFC 7517), for `private_key_jwt`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    jwks: Option<Value>,
}

/// A registered app.
#[derive(Serialize, ToSchema)]
pub struct AppView {
    /// Its id, which is its OAuth client id.
    #[schema(value_type = String)]
    id: AppId,
    /// Its name.
    name: String,
    /// Its web address.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// Where browsers may be sent back to.
    redirect_uris: Vec<String>,
    /// What it may come to the token endpoint with.
    #[schema(value_type = Vec<String>)]
    grant_types: BTreeSet<GrantType>,
    /// How it proves that it is itself.
    token_endpoint_auth_method: &'static str,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    registered_at: Timestamp,
}

/// What an app needs to ask for access.
#[derive(Serialize, ToSchema)]
pub struct Registered {
    /// Its id.
    #[schema(value_type = String)]
    id: AppId,
    /// Its OAuth client id.
    #[schema(value_type = String)]
    client_id: AppId,
    /// Its secret, if it has one. Shown once.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
}

/// Another secret of an app. Shown once.
#[derive(Serialize, ToSchema)]
pub struct RenewedSecret {
    /// The secret.
    client_secret: String,
}

fn authentication(
    method: Option<&str>,
    jwks: Option<Value>,
) -> Result<ClientAuthentication, Problem> {
    let refused = |member: &str, rule: &str| {
        Problem::bad_request(format!("How the app proves itself: {rule}.")).at(member, rule)
    };
    let of_keys = |jwks: Option<Value>| {
        let jwks = jwks.ok_or_else(|| refused("/jwks", "private_key_jwt needs a JWK set"))?;
        client_keys::read(&jwks).map_err(|rule| refused("/jwks", rule))?;
        Ok(ClientAuthentication::PrivateKeyJwt { jwks })
    };
    match method {
        Some("private_key_jwt") => of_keys(jwks),
        _ if jwks.is_some() => Err(refused("/jwks", "keys belong to private_key_jwt")),
        None | Some("none") => Ok(ClientAuthentication::None),
        Some("client_secret_basic") => Ok(ClientAuthentication::ClientSecretBasic),
        Some("client_secret_post") => Ok(ClientAuthentication::ClientSecretPost),
        Some(_) => Err(refused(
            "/token_endpoint_auth_method",
            "none, client_secret_basic, client_secret_post or private_key_jwt",
        )),
    }
}

impl From<AppRow> for AppView {
    fn from(row: AppRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            url: row.url,
            redirect_uris: row.redirect_uris,
            grant_types: row.grant_types,
            token_endpoint_auth_method: row.authentication.name(),
            registered_at: row.registered_at,
        }
    }
}

/// Registers an app of the organization.
#[utoipa::path(tag = "apps", request_body = NewApp, responses(
    (status = 201, body = Registered), (status = 400, body = Problem), (status = 401, body = Problem),
    (status = 403, body = Problem), (status = 409, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem),
    (status = 503, body = Problem)))]
#[post("/api/v1/apps")]
pub(crate) async fn register(
    person: Person,
    request_id: RequestId,
    apps: web::Data<Apps>,
    body: StrictJson<NewApp>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::ManageApps)?;
    let NewApp {
        name,
        url,
        redirect_uris,
        grant_types,
        token_endpoint_auth_method,
        jwks,
    } = body.0;
    let authentication = authentication(token_endpoint_auth_method.as_deref(), jwks)?;
    let name = checked_name(&name)?;
    let url = url.map(|url| checked_url(&url)).transpose()?;
    let by_browser = grant_types.contains(&GrantType::AuthorizationCode);
    if !by_browser && !grant_types.contains(&GrantType::DeviceCode) {
        let rule = "authorization_code or the device code is needed";
        return Err(Problem::bad_request(format!("{rule}.")).at("/grant_types", rule));
    }
    if (by_browser && redirect_uris.is_empty()) || redirect_uris.len() > MOST_REDIRECT_URIS {
        let rule = format!("1 to {MOST_REDIRECT_URIS} redirect URIs are needed");
        return Err(Problem::bad_request(format!("{rule}.")).at("/redirect_uris", rule));
    }
    for (index, uri) in redirect_uris.iter().enumerate() {
        check_redirect_uri(uri).map_err(|e| {
            Problem::bad_request(crate::wire_error::sentence(&e))
                .at(format!("/redirect_uris/{index}"), e.to_string())
        })?;
    }
    let registration = Registration {
        name,
        url,
        redirect_uris,
        grant_types,
        authentication,
    };
    let (id, secret) = apps
        .register(&Actor::person(&person, &request_id), registration)
        .await?;
    let mut response = HttpResponse::Created();
    Ok(response
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(Registered {
            id,
            client_id: id,
            client_secret: secret.map(|secret| secret.reveal().to_owned()),
        }))
}

/// Lists the organization's apps.
#[utoipa::path(tag = "apps", responses(
    (status = 200, body = Page<AppView>), (status = 401, body = Problem), (status = 503, body = Problem)))]
#[get("/api/v1/apps")]
pub(crate) async fn list(person: Person, apps: web::Data<Apps>) -> Result<HttpResponse, Problem> {
    let rows = apps
        .of(person.tenant)
        .await
        .map_err(|e| Problem::dependency(&e))?;
    let items = rows.into_iter().map(AppView::from).collect();
    Ok(HttpResponse::Ok().json(Page {
        items,
        next_cursor: None,
    }))
}

/// Makes another secret for an app that has one; the old one is no good from here on.
#[utoipa::path(tag = "apps", responses(
    (status = 200, body = RenewedSecret), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, body = Problem), (status = 503, body = Problem)),
    params(("id" = String, Path)))]
#[post("/api/v1/apps/{id}/secret")]
pub(crate) async fn renew_secret(
    person: Person,
    request_id: RequestId,
    apps: web::Data<Apps>,
    id: web::Path<AppId>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::ManageApps)?;
    let secret = apps
        .renew_secret(&Actor::person(&person, &request_id), *id)
        .await?;
    let mut response = HttpResponse::Ok();
    Ok(response
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(RenewedSecret {
            client_secret: secret.reveal().to_owned(),
        }))
}

/// Removes an app: it may not ask any more.
#[utoipa::path(tag = "apps", responses(
    (status = 204), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, body = Problem), (status = 503, body = Problem)),
    params(("id" = String, Path)))]
#[delete("/api/v1/apps/{id}")]
pub(crate) async fn remove(
    person: Person,
    request_id: RequestId,
    apps: web::Data<Apps>,
    id: web::Path<AppId>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::ManageApps)?;
    apps.remove(&Actor::person(&person, &request_id), *id)
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// An app's web address: only shown, never fetched.
pub(crate) fn checked_url(text: &str) -> Result<String, Problem> {
    let refused = || {
        Problem::bad_request("A web address begins with http:// or https://.")
            .at("/url", "http or https")
    };
    let url = url::Url::parse(text).map_err(|_| refused())?;
    let no_credentials = url.username().is_empty() && url.password().is_none();
    let plain = matches!(url.scheme(), "http" | "https") && no_credentials && text.len() <= 500;
    if plain {
        Ok(url.to_string())
    } else {
        Err(refused())
    }
}
