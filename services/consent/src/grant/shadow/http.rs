//! Shadow limits for programs. They are set and dropped with `PATCH /api/v1/grants/{id}`.

use actix_web::{HttpResponse, post, web};
use events::{Provider, WireLimits};
use ids::{GrantId, ShadowId};
use jiff::Timestamp;
use serde::Serialize;
use server::{Person, Problem, RequestId};
use sessions::Permission;
use utoipa::ToSchema;

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

/// Makes the shadow limits of a grant bite, at every provider: they are its limits from now on, and
/// what it has spent stays counted.
#[utoipa::path(tag = "grants", params(("id" = String, Path)), responses(
    (status = 204), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, body = Problem), (status = 503, body = Problem)))]
#[post("/api/v1/grants/{id}/shadow-limits/adopt")]
pub(crate) async fn adopt(
    person: Person,
    request_id: RequestId,
    grants: web::Data<Grants>,
    id: web::Path<GrantId>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::DecideRequests)?;
    let actor = Actor::person(&person, &request_id);
    grants.adopt_shadow_limits(&actor, *id, None).await?;
    Ok(HttpResponse::NoContent().finish())
}
