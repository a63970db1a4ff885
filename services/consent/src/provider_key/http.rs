//! `/api/v1/provider-keys`.

use actix_web::{HttpResponse, delete, get, post, web};
use events::Provider;
use ids::ProviderKeyId;
use jiff::Timestamp;
use key_vault::ProviderSecret;
use serde::{Deserialize, Serialize};
use server::{Page, Person, Problem, RequestId, StrictJson};
use sessions::Permission;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::{ProviderKeyError, ProviderKeyRow, ProviderKeys};
use crate::vault::Actor;

/// A provider key to store.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProviderKey {
    /// The provider's name, such as `openai`, or that of one that your organization added: the key is
    /// then bound to its host.
    provider: String,
    /// Your name for it, 1 to 80 characters.
    name: String,
    /// The key itself. It is sealed at once and never shown again.
    #[schema(value_type = String)]
    secret: Zeroizing<String>,
}

/// A new secret for a key.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSecret {
    /// The key itself.
    #[schema(value_type = String)]
    secret: Zeroizing<String>,
}

/// A provider key, without the key.
#[derive(Serialize, ToSchema)]
pub struct ProviderKeyView {
    /// Its id.
    #[schema(value_type = String)]
    id: ProviderKeyId,
    /// Its provider.
    provider: String,
    /// Your name for it.
    name: String,
    /// Its last four characters.
    last_four: String,
    /// How often it was rotated, plus one.
    version: i32,
    /// `usable`, or `invalid` when the provider refused it.
    health: &'static str,
    /// When it was stored.
    #[schema(value_type = String, format = DateTime)]
    stored_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    changed_at: Timestamp,
    /// When its provider last said whether it takes this version: when it was asked, or refused a
    /// call. Later than `check_requested_at`, or the provider has not answered yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    checked_at: Option<Timestamp>,
    /// When its provider was last to be asked about this version.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    check_requested_at: Option<Timestamp>,
}

impl From<ProviderKeyRow> for ProviderKeyView {
    fn from(row: ProviderKeyRow) -> Self {
        Self {
            id: row.id,
            provider: row.provider.to_string(),
            name: row.name,
            last_four: row.last_four,
            version: row.version,
            health: row.state.name(),
            stored_at: row.stored_at,
            changed_at: row.changed_at,
            checked_at: row.checked_at,
            check_requested_at: row.check_requested_at,
        }
    }
}

/// The id of what was made.
#[derive(Serialize, ToSchema)]
pub struct Stored {
    /// The id.
    #[schema(value_type = String)]
    id: ProviderKeyId,
}

/// Stores a provider key, sealed.
#[utoipa::path(tag = "provider keys", request_body = NewProviderKey, responses(
    (status = 201, body = Stored), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 409, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem), (status = 503, body = Problem)))]
#[post("/api/v1/provider-keys")]
pub(crate) async fn store(
    person: Person,
    request_id: RequestId,
    keys: web::Data<ProviderKeys>,
    body: StrictJson<NewProviderKey>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::KeepProviderKeys)?;
    let NewProviderKey {
        provider,
        name,
        secret,
    } = body.0;
    let provider = known_provider(&provider)?;
    let name = checked_name(&name)?;
    let secret = checked_secret(&secret)?;
    let id = keys
        .store(
            &Actor::person(&person, &request_id),
            provider,
            name,
            &secret,
        )
        .await?;
    Ok(HttpResponse::Created().json(Stored { id }))
}

/// Lists your provider keys.
#[utoipa::path(tag = "provider keys", responses(
    (status = 200, body = Page<ProviderKeyView>), (status = 401, body = Problem), (status = 503, body = Problem)))]
#[get("/api/v1/provider-keys")]
pub(crate) async fn list(
    person: Person,
    keys: web::Data<ProviderKeys>,
) -> Result<HttpResponse, Problem> {
    let rows = keys
        .of(person.tenant, person.user)
        .await
        .map_err(|e| Problem::dependency(&e))?;
    let items = rows.into_iter().map(ProviderKeyView::from).collect();
    Ok(HttpResponse::Ok().json(Page {
        items,
        next_cursor: None,
    }))
}

/// Puts a new secret in the place of the old one; grants and tokens stay as they are.
#[utoipa::path(tag = "provider keys", request_body = NewSecret, responses(
    (status = 204), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem), (status = 413, body = Problem),
    (status = 415, body = Problem), (status = 503, body = Problem)),
    params(("id" = String, Path)))]
#[post("/api/v1/provider-keys/{id}/rotate")]
pub(crate) async fn rotate(
    person: Person,
    request_id: RequestId,
    keys: web::Data<ProviderKeys>,
    id: web::Path<ProviderKeyId>,
    body: StrictJson<NewSecret>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::KeepProviderKeys)?;
    let secret = checked_secret(&body.0.secret)?;
    keys.rotate(&Actor::person(&person, &request_id), *id, &secret)
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Has the provider asked whether it takes a key, by what it tells for nothing: its list of models. What
/// it says appears in the key's `health` and `checked_at`; where it does not answer, or says nothing of
/// the key, both stay. While an answer may still come, another check changes nothing. A key is checked
/// in the same way when it is stored or rotated.
#[utoipa::path(tag = "provider keys", responses(
    (status = 202, description = "The provider will be asked"), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem), (status = 429, body = Problem), (status = 503, body = Problem)),
    params(("id" = String, Path)))]
#[post("/api/v1/provider-keys/{id}/check")]
pub(crate) async fn check(
    person: Person,
    request_id: RequestId,
    keys: web::Data<ProviderKeys>,
    id: web::Path<ProviderKeyId>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::KeepProviderKeys)?;
    keys.expect_pace(person.user)?;
    keys.check(&Actor::person(&person, &request_id), *id)
        .await?;
    Ok(HttpResponse::Accepted().finish())
}

/// Destroys a key; calls that need it are refused.
#[utoipa::path(tag = "provider keys", responses(
    (status = 204), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, body = Problem), (status = 503, body = Problem)),
    params(("id" = String, Path)))]
#[delete("/api/v1/provider-keys/{id}")]
pub(crate) async fn destroy(
    person: Person,
    request_id: RequestId,
    keys: web::Data<ProviderKeys>,
    id: web::Path<ProviderKeyId>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::KeepProviderKeys)?;
    keys.delete(&Actor::person(&person, &request_id), *id)
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The providers that take a key: all but the sandbox.
pub(crate) fn with_keys() -> impl Iterator<Item = &'static str> {
    let all = Provider::BUILT_IN.into_iter();
    all.filter(|name| *name != Provider::SANDBOX)
}

/// A provider that takes a key, or one that the organization may have added.
pub(super) fn known_provider(text: &str) -> Result<Provider, Problem> {
    let takes_keys = |provider: &Provider| {
        provider.is_free() || with_keys().any(|name| name == provider.as_str())
    };
    text.parse()
        .ok()
        .filter(takes_keys)
        .ok_or_else(|| ProviderKeyError::UnknownProvider.into())
}

/// A name that a person gives a thing.
pub(crate) fn checked_name(text: &str) -> Result<String, Problem> {
    let name = crate::access_request::details::plain_text(text);
    if (1..=80).contains(&name.chars().count()) {
        Ok(name)
    } else {
        Err(Problem::bad_request("A name has 1 to 80 characters.")
            .at("/name", "1 to 80 characters"))
    }
}

/// A provider's key as a person sent it.
pub(super) fn checked_secret(text: &str) -> Result<ProviderSecret, Problem> {
    ProviderSecret::parse(text.trim()).map_err(|e| {
        Problem::bad_request(crate::wire_error::sentence(&e)).at("/secret", e.to_string())
    })
}
