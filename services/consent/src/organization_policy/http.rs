//! `/api/v1/policy`: what the organization lets its people allow.

use actix_web::{HttpResponse, get, put, web};
use events::{DynamicApps, PolicyRules, ResponseCache};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use server::{Person, Problem, RequestId, StrictJson};
use sessions::Permission;
use utoipa::ToSchema;

use super::{Policies, PolicyRow};
use crate::vault::Actor;

/// What the organization lets its people allow, as a whole.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPolicy {
    /// Whether apps that are known by a client id metadata document alone may be approved.
    client_documents: bool,
    /// Which apps that registered themselves (RFC 7591) may be approved: `none`, `with_token` for those
    /// that registered with a token of the organization, or `any`.
    #[schema(value_type = String)]
    dynamic_apps: DynamicApps,
    /// Whether a grant may be for every model of a provider.
    every_model: bool,
    /// The longest that a grant may last, 1 to 365 days.
    longest_grant_days: u16,
    /// Whether a proxy may keep an answer for an app that asks for it, and give it again to the very same
    /// call under the same grant: `off` or `allowed`. `off` when left out. It counts within a second for
    /// calls of grants that exist, too.
    #[serde(default)]
    #[schema(value_type = String)]
    response_cache: ResponseCache,
}

/// The organization's policy.
#[derive(Serialize, ToSchema)]
pub struct PolicyView {
    /// Whether apps that are known by a client id metadata document alone may be approved.
    client_documents: bool,
    /// Which apps that registered themselves may be approved: `none`, `with_token` or `any`.
    #[schema(value_type = String)]
    dynamic_apps: DynamicApps,
    /// Whether a grant may be for every model of a provider.
    every_model: bool,
    /// The longest that a grant may last, in days.
    longest_grant_days: u16,
    /// Whether a proxy may keep answers for apps that ask for it: `off` or `allowed`.
    #[schema(value_type = String)]
    response_cache: ResponseCache,
    /// Since when; left out while the organization never set one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    changed_at: Option<Timestamp>,
}

impl From<Option<PolicyRow>> for PolicyView {
    fn from(row: Option<PolicyRow>) -> Self {
        let rules = row.map(|row| row.rules).unwrap_or_default();
        Self {
            client_documents: rules.client_documents,
            dynamic_apps: rules.dynamic_apps,
            every_model: rules.every_model,
            longest_grant_days: rules.longest_grant_days,
            response_cache: rules.response_cache,
            changed_at: row.map(|row| row.changed_at),
        }
    }
}

/// Shows what the organization lets its people allow.
#[utoipa::path(tag = "policy", responses(
    (status = 200, body = PolicyView), (status = 401, body = Problem), (status = 503, body = Problem)))]
#[get("/api/v1/policy")]
pub(crate) async fn show(
    person: Person,
    policies: web::Data<Policies>,
) -> Result<HttpResponse, Problem> {
    let row = policies
        .of(person.tenant)
        .await
        .map_err(|e| Problem::dependency(&e))?;
    Ok(HttpResponse::Ok().json(PolicyView::from(row)))
}

/// Sets what the organization lets its people allow, as a whole. It counts for every decision from now
/// on; what was granted before stays until it ends or is revoked. `response_cache` counts for every call.
#[utoipa::path(tag = "policy", request_body = NewPolicy, responses(
    (status = 200, body = PolicyView), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 409, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem), (status = 503, body = Problem)))]
#[put("/api/v1/policy")]
pub(crate) async fn set(
    person: Person,
    request_id: RequestId,
    policies: web::Data<Policies>,
    body: StrictJson<NewPolicy>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::ManagePolicy)?;
    let rules = PolicyRules {
        client_documents: body.0.client_documents,
        dynamic_apps: body.0.dynamic_apps,
        every_model: body.0.every_model,
        longest_grant_days: body.0.longest_grant_days,
        response_cache: body.0.response_cache,
    };
    policies
        .set(&Actor::person(&person, &request_id), rules)
        .await?;
    let row = policies
        .of(person.tenant)
        .await
        .map_err(|e| Problem::dependency(&e))?;
    Ok(HttpResponse::Ok().json(PolicyView::from(row)))
}
