//! `/api/v1/apps`: the organization's OAuth clients.

use std::collections::BTreeSet;

use actix_web::{HttpResponse, delete, get, http::header, patch, post, web};
use events::{ClientAuthentication, ClientKeys, GrantType};
use ids::AppId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use server::{Page, Person, Problem, RequestId, StrictJson};
use sessions::Permission;
use utoipa::ToSchema;

use super::{AppRow, Apps, Fault, Registration, RegistrationChange, authentication};
use crate::{
    vault::{Actor, Vault},
    wire_error::sentence,
};

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
    /// Where its public keys are instead, an https address.
    #[serde(default)]
    jwks_uri: Option<String>,
    /// Whether every token of it must be bound to a key: it then sends a DPoP proof with each token
    /// request (RFC 9449 section 5.2). Left out: it may.
    #[serde(default)]
    dpop_bound_access_tokens: bool,
}

/// A change of an app; at least one member. One that is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1)]
pub struct AppChange {
    /// Its name, as people will see it from now on.
    name: Option<String>,
    /// Its web address; an empty one takes it away.
    url: Option<String>,
    /// Where browsers may be sent back to: all of them. What is under way to another ends without a
    /// token.
    redirect_uris: Option<Vec<String>>,
    /// What it may come to the token endpoint with: all of it.
    #[schema(value_type = Option<Vec<String>>)]
    grant_types: Option<BTreeSet<GrantType>>,
    /// How it proves that it is itself. An app that comes to have a secret gets it from
    /// `POST /api/v1/apps/{id}/secret`.
    token_endpoint_auth_method: Option<String>,
    /// Its public keys, a JWK set (RFC 7517), for `private_key_jwt`.
    #[schema(value_type = Option<Object>)]
    jwks: Option<Value>,
    /// Where its public keys are instead, an https address.
    jwks_uri: Option<String>,
    /// Whether every token of it must be bound to a key (RFC 9449 section 5.2).
    dpop_bound_access_tokens: Option<bool>,
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
    /// Where its public keys are, if it has an address for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks_uri: Option<String>,
    /// Whether it registered itself, with a registration token of the organization.
    self_registered: bool,
    /// Whether every token of it must be bound to a key (RFC 9449 section 5.2).
    dpop_bound_access_tokens: bool,
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

/// A rule that a registration breaks, by the names of this API.
impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        let member = match fault.member.as_str() {
            "client_name" => "name",
            "client_uri" => "url",
            other => other,
        };
        Self::bad_request(sentence(&fault)).at(format!("/{member}"), fault.rule)
    }
}

impl AppChange {
    /// What changes.
    ///
    /// # Errors
    /// 400 when nothing does.
    fn named(self) -> Result<RegistrationChange, Problem> {
        let Self {
            name,
            url,
            redirect_uris,
            grant_types,
            token_endpoint_auth_method,
            jwks,
            jwks_uri,
            dpop_bound_access_tokens,
        } = self;
        let named = RegistrationChange {
            name,
            url,
            redirect_uris,
            grant_types,
            authentication: token_endpoint_auth_method,
            jwks,
            jwks_uri,
            dpop_bound: dpop_bound_access_tokens,
        };
        if named == RegistrationChange::default() {
            return Err(Problem::bad_request(
                "Name what changes: at least one member is needed.",
            ));
        }
        Ok(named)
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
            self_registered: row.registration.is_some(),
            jwks_uri: match row.authentication {
                ClientAuthentication::PrivateKeyJwt {
                    keys: ClientKeys::JwksUri(uri),
                } => Some(uri),
                _ => None,
            },
            dpop_bound_access_tokens: row.dpop_bound,
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
    (vault, apps): (web::Data<Vault>, web::Data<Apps>),
    body: StrictJson<NewApp>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::ManageApps)?;
    let app = body.0;
    let authentication = authentication(
        app.token_endpoint_auth_method.as_deref(),
        app.jwks,
        app.jwks_uri,
        vault.published.reach(),
    )?;
    let registration = Registration {
        name: app.name,
        url: app.url,
        redirect_uris: app.redirect_uris,
        grant_types: app.grant_types,
        authentication,
        dpop_bound: app.dpop_bound_access_tokens,
    };
    let registration = registration.checked()?;
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

/// Changes what an app of the organization is registered with. What it was granted stays.
#[utoipa::path(tag = "apps", request_body = AppChange, params(("id" = String, Path)), responses(
    (status = 200, body = AppView), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem),
    (status = 503, body = Problem)))]
#[patch("/api/v1/apps/{id}")]
pub(crate) async fn change(
    person: Person,
    request_id: RequestId,
    apps: web::Data<Apps>,
    id: web::Path<AppId>,
    body: StrictJson<AppChange>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::ManageApps)?;
    let actor = Actor::person(&person, &request_id);
    let changed = apps.change(&actor, *id, body.0.named()?).await?;
    Ok(HttpResponse::Ok().json(AppView::from(changed)))
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

/// Removes an app: it may not ask any more, and what anybody in the organization granted it is
/// revoked. No proxy starts another call of it once this has answered.
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
