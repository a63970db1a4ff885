//! Shadow limits for programs. They are set with `PATCH /api/v1/grants/{id}`.

use actix_web::{HttpResponse, delete, post, web};
use events::{Provider, WireLimits};
use ids::{GrantId, ShadowId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use server::{Person, Problem, RequestId, StrictQuery};
use sessions::Permission;
use utoipa::{IntoParams, ToSchema};

use super::ShadowRow;
use crate::{grant::Grants, vault::Actor};

/// Tighter limits that are tried at one provider.
#[derive(Serialize, ToSchema)]
pub struct ShadowView {
    /// Their id. Others in their place have another.
    #[schema(value_type = String)]
    id: ShadowId,
    /// At which provider.
    #[schema(value_type = String)]
    provider: Provider,
    /// The limits; those that are not tried are left out.
    limits: WireLimits,
    /// Since when. Calls that began before are not counted.
    #[schema(value_type = String, format = DateTime)]
    set_at: Timestamp,
}

impl ShadowView {
    pub(in crate::grant) fn of(row: &ShadowRow) -> Self {
        Self {
            id: row.shadow.id,
            provider: row.shadow.provider.clone(),
            limits: WireLimits::from(&row.shadow.limits),
            set_at: row.set_at,
        }
    }
}

/// Which of a grant's shadow limits.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct AtProvider {
    /// Those at this provider; all when it is left out.
    #[param(value_type = Option<String>)]
    provider: Option<Provider>,
}

/// Makes the shadow limits of a grant bite: they are its limits from now on, and what it has spent stays
/// counted.
#[utoipa::path(tag = "grants", params(("id" = String, Path), AtProvider), responses(
    (status = 204), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem), (status = 503, body = Problem)))]
#[post("/api/v1/grants/{id}/shadow-limits/adopt")]
pub(crate) async fn adopt(
    person: Person,
    request_id: RequestId,
    grants: web::Data<Grants>,
    id: web::Path<GrantId>,
    query: StrictQuery<AtProvider>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::DecideRequests)?;
    let actor = Actor::person(&person, &request_id);
    let at = query.0.provider;
    grants.adopt_shadow_limits(&actor, *id, at.as_ref()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Drops the shadow limits of a grant: nothing else changes.
#[utoipa::path(tag = "grants", params(("id" = String, Path), AtProvider), responses(
    (status = 204), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem), (status = 503, body = Problem)))]
#[delete("/api/v1/grants/{id}/shadow-limits")]
pub(crate) async fn remove(
    person: Person,
    request_id: RequestId,
    grants: web::Data<Grants>,
    id: web::Path<GrantId>,
    query: StrictQuery<AtProvider>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::DecideRequests)?;
    let actor = Actor::person(&person, &request_id);
    let at = query.0.provider;
    grants.drop_shadow_limits(&actor, *id, at.as_ref()).await?;
    Ok(HttpResponse::NoContent().finish())
}
