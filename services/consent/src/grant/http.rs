//! `/api/v1/grants`: connected apps for programs.

use actix_web::{HttpResponse, get, patch, post, web};
use events::WireDetail;
use ids::{ApprovalRuleId, GrantId};
use jiff::Timestamp;
use serde::Serialize;
use server::{Page, PageQuery, Person, Problem, RequestId, StrictJson, StrictQuery};
use sessions::Permission;
use utoipa::ToSchema;

use super::{
    Administrator, Authority, GrantRow, Grants,
    change::{GrantChange, SentChange},
    of_app::REVOKED_BY_ADMINISTRATOR,
    shadow::{ShadowChange, http::ShadowView},
    standing::{self, LimitView},
};
use crate::vault::{Actor, Vault};

/// A grant, with how its limits stand.
#[derive(Serialize, ToSchema)]
pub struct GrantView {
    /// Its id.
    #[schema(value_type = String)]
    id: GrantId,
    /// The grant it was made from by token exchange, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    parent: Option<GrantId>,
    /// `live`, `expired` or `revoked`.
    state: &'static str,
    /// The app's name.
    app_name: String,
    /// The app's web address.
    #[serde(skip_serializing_if = "Option::is_none")]
    app_url: Option<String>,
    /// `unverified`, `domain_verified` or `organization_approved`.
    #[schema(value_type = String)]
    verification: events::Verification,
    /// What is granted.
    authorization_details: Vec<WireDetail>,
    /// How its limits stand; `null` when that cannot be read now.
    limits: Option<Vec<LimitView>>,
    /// The tighter limits that are tried: no call is refused by them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shadow_limits: Vec<ShadowView>,
    /// The rule of yours that granted it without asking you, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    approval_rule_id: Option<ApprovalRuleId>,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    granted_at: Timestamp,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

fn view(row: &GrantRow, limits: Option<Vec<LimitView>>, public_url: &str) -> GrantView {
    GrantView {
        id: row.id,
        parent: row.above.first().map(|parent| parent.grant),
        state: row.state.name(),
        app_name: row.app.name.clone(),
        app_url: row.app.url.clone(),
        verification: row.app.verification,
        authorization_details: row
            .details
            .iter()
            .map(|detail| WireDetail::granted(detail, public_url))
            .collect(),
        limits,
        shadow_limits: row.shadows.iter().map(ShadowView::of).collect(),
        approval_rule_id: row.rule,
        granted_at: row.granted_at,
        expires_at: row.expires_at,
    }
}

/// Lists your grants, newest first.
#[utoipa::path(tag = "grants", params(("cursor" = Option<String>, Query), ("limit" = Option<u16>, Query)), responses(
    (status = 200, body = Page<GrantView>), (status = 400, body = Problem), (status = 401, body = Problem), (status = 503, body = Problem)))]
#[get("/api/v1/grants")]
pub(crate) async fn list(
    person: Person,
    vault: web::Data<Vault>,
    grants: web::Data<Grants>,
    query: StrictQuery<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let (limit, before) = (query.0.limit()?, query.0.cursor::<GrantId>()?);
    let rows = grants
        .of(person.tenant, person.user, before, i64::from(limit) + 1)
        .await
        .map_err(|e| Problem::dependency(&e))?;
    let page = Page::of(rows, limit, |row| row.id.to_string());
    let limits = standing::of(&vault, person.tenant, &page.items).await;
    let items = page
        .items
        .iter()
        .zip(limits)
        .map(|(row, limits)| view(row, limits, &vault.public_url))
        .collect();
    Ok(HttpResponse::Ok().json(Page {
        items,
        next_cursor: page.next_cursor,
    }))
}

/// Shows one grant.
#[utoipa::path(tag = "grants", params(("id" = String, Path)), responses(
    (status = 200, body = GrantView), (status = 401, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem)))]
#[get("/api/v1/grants/{id}")]
pub(crate) async fn show(
    person: Person,
    vault: web::Data<Vault>,
    grants: web::Data<Grants>,
    id: web::Path<GrantId>,
) -> Result<HttpResponse, Problem> {
    let row = grants.one(person.tenant, person.user, *id).await?;
    let limits = standing::of(&vault, person.tenant, std::slice::from_ref(&row))
        .await
        .pop()
        .flatten();
    Ok(HttpResponse::Ok().json(view(&row, limits, &vault.public_url)))
}

/// Moves limits and expiry, or narrows models and capabilities; the token stays.
///
/// Limits and expiry may be raised: for an unverified app to its cap and for a day more, for any
/// other as far as a limit can say and for a year. Models and capabilities are never widened.
///
/// A grant with one provider takes `limits`, `expires` and `models` by themselves, of which those
/// that are left out stay. `authorization_details` say it for every provider of a grant.
///
/// `shadow_limits` tries tighter limits first: no call is refused by them, and billing tells at
/// `/api/v1/usage/shadow-limits` which would have been. They count the calls that begin once they are
/// set, and are ended by `null`, or made to bite by `/shadow-limits/adopt`.
#[utoipa::path(tag = "grants", request_body = GrantChange, params(("id" = String, Path)), responses(
    (status = 204), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem),
    (status = 422, body = Problem), (status = 503, body = Problem)))]
#[patch("/api/v1/grants/{id}")]
pub(crate) async fn change(
    person: Person,
    request_id: RequestId,
    vault: web::Data<Vault>,
    grants: web::Data<Grants>,
    id: web::Path<GrantId>,
    body: StrictJson<SentChange>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::DecideRequests)?;
    let row = grants.one(person.tenant, person.user, *id).await?;
    let actor = Actor::person(&person, &request_id);
    match body.0.shadow(&row.details)? {
        Some(ShadowChange::Set(provider, limits)) => {
            let tried = (provider, limits);
            grants.set_shadow_limits(&actor, *id, tried).await?;
        }
        Some(ShadowChange::Drop) => grants.drop_shadow_limits(&actor, *id, None).await?,
        None => {
            let changed = body.0.upon(&row.details, vault.clock.now())?;
            grants.change(&actor, *id, changed).await?;
        }
    }
    Ok(HttpResponse::NoContent().finish())
}

/// Revokes a grant: no proxy starts another call of it once this has answered.
///
/// An administrator may revoke any grant of the organization. To everybody else another person's
/// grant is as unknown as none.
#[utoipa::path(tag = "grants", params(("id" = String, Path)), responses(
    (status = 204), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, body = Problem), (status = 503, body = Problem)))]
#[post("/api/v1/grants/{id}/revoke")]
pub(crate) async fn revoke(
    person: Person,
    request_id: RequestId,
    grants: web::Data<Grants>,
    id: web::Path<GrantId>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::DecideRequests)?;
    let owner = grants.owner(person.tenant, *id).await?;
    let (authority, reason) = match Administrator::of(&person) {
        Some(administrator) if owner != person.user => (
            Authority::Organization(administrator),
            REVOKED_BY_ADMINISTRATOR,
        ),
        _ => (Authority::Owner, "revoked by the person"),
    };
    grants
        .revoke(
            (&Actor::person(&person, &request_id), authority),
            *id,
            reason,
        )
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
