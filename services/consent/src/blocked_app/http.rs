//! `/api/v1/blocked-apps`.

use actix_web::{HttpResponse, delete, get, post, web};
use events::{AppKey, Verification};
use ids::{AppId, BlockedAppId, GrantId, HandleId, RequestId as AccessRequestId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use server::{Page, Person, Problem, RequestId, StrictJson};
use sessions::Permission;
use utoipa::ToSchema;

use super::{BlockError, BlockedAppRow, BlockedApps, What};
use crate::{app_key, vault::Actor, wire_error::sentence};

/// An app to block, named in one of four ways.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBlock {
    /// The app of this access request.
    #[schema(value_type = Option<String>)]
    request_id: Option<AccessRequestId>,
    /// The app of this grant.
    #[schema(value_type = Option<String>)]
    grant_id: Option<GrantId>,
    /// The registered app of this client id.
    #[schema(value_type = Option<String>)]
    client_id: Option<AppId>,
    /// Whoever controls, or says to have, this domain.
    domain: Option<String>,
    /// Whether its live grants are revoked, too.
    #[serde(default)]
    revoke_grants: bool,
}

/// A blocked app: its requests are denied without asking you.
#[derive(Serialize, ToSchema)]
pub struct BlockedAppView {
    /// The block's id.
    #[schema(value_type = String)]
    id: BlockedAppId,
    /// The app's name, as you saw it.
    app_name: String,
    /// `unverified`, `domain_verified` or `organization_approved`, as you saw it.
    #[schema(value_type = String)]
    verification: Verification,
    /// The client id, if that identifies it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    client_id: Option<AppId>,
    /// The domain, if that identifies it.
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<String>,
    /// The one handle at which its name is blocked, if it has nothing but a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    handle_id: Option<HandleId>,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    blocked_at: Timestamp,
}

/// What a block did.
#[derive(Serialize, ToSchema)]
pub struct BlockedView {
    /// The block's id; of a block that was in force before, the same.
    #[schema(value_type = String)]
    id: BlockedAppId,
    /// How many waiting requests were denied.
    denied_requests: usize,
    /// How many live grants were revoked.
    revoked_grants: usize,
}

impl From<BlockedAppRow> for BlockedAppView {
    fn from(row: BlockedAppRow) -> Self {
        let (client_id, domain, handle_id) = match row.key {
            AppKey::Client { app } => (Some(app), None, None),
            AppKey::Domain { domain } => (None, Some(domain), None),
            AppKey::Name { handle, .. } => (None, None, Some(handle)),
        };
        Self {
            id: row.id,
            app_name: row.app.name,
            verification: row.app.verification,
            client_id,
            domain,
            handle_id,
            blocked_at: row.blocked_at,
        }
    }
}

impl From<BlockError> for Problem {
    fn from(error: BlockError) -> Self {
        match error {
            BlockError::Refused(super::Refusal::Unknown) | BlockError::UnknownApp => {
                Self::not_found(sentence(&error))
            }
            BlockError::Refused(super::Refusal::Exists) | BlockError::TooMany => {
                Self::conflict(sentence(&error))
            }
            BlockError::Nameless => Self::unprocessable(sentence(&error))
                .named("app-not-identified", "Nothing identifies the app"),
            BlockError::Request(error) => error.into(),
            BlockError::Grant(error) => error.into(),
            BlockError::Record(error) => error.into(),
            BlockError::Database(error) => Self::dependency(&error),
        }
    }
}

impl NewBlock {
    fn what(&self) -> Result<What, Problem> {
        let domain = self.domain.as_deref().map(|text| {
            let known = app_key::written_domain(text);
            known.ok_or_else(|| {
                Problem::bad_request("domain is a host name, such as app.example.")
                    .at("/domain", "a host name is needed")
            })
        });
        match (self.request_id, self.grant_id, self.client_id, domain) {
            (Some(id), None, None, None) => Ok(What::Request(id)),
            (None, Some(id), None, None) => Ok(What::Grant(id)),
            (None, None, Some(id), None) => Ok(What::Client(id)),
            (None, None, None, Some(domain)) => Ok(What::Domain(domain?)),
            _ => Err(Problem::bad_request(
                "Name the app in one way: request_id, grant_id, client_id or domain.",
            )),
        }
    }
}

/// Lists the apps you block, newest first.
#[utoipa::path(tag = "blocked apps", responses(
    (status = 200, body = Page<BlockedAppView>), (status = 401, body = Problem), (status = 503, body = Problem)))]
#[get("/api/v1/blocked-apps")]
pub(crate) async fn list(
    person: Person,
    blocked: web::Data<BlockedApps>,
) -> Result<HttpResponse, Problem> {
    let rows = blocked
        .of(person.tenant, person.user)
        .await
        .map_err(|e| Problem::dependency(&e))?;
    Ok(HttpResponse::Ok().json(Page {
        items: rows.into_iter().map(BlockedAppView::from).collect(),
        next_cursor: None,
    }))
}

/// Blocks an app: what waits of it is denied, and so is what it asks later, without asking you.
///
/// An app that is unverified is blocked under its name at the one handle it asked at, and nowhere
/// else: anyone can type that name.
#[utoipa::path(tag = "blocked apps", request_body = NewBlock, responses(
    (status = 201, body = BlockedView), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem),
    (status = 422, body = Problem), (status = 503, body = Problem)))]
#[post("/api/v1/blocked-apps")]
pub(crate) async fn block(
    person: Person,
    request_id: RequestId,
    blocked: web::Data<BlockedApps>,
    body: StrictJson<NewBlock>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::DecideRequests)?;
    let actor = Actor::person(&person, &request_id);
    let done = blocked
        .block(&actor, &body.0.what()?, body.0.revoke_grants)
        .await?;
    Ok(HttpResponse::Created().json(BlockedView {
        id: done.id,
        denied_requests: done.denied,
        revoked_grants: done.revoked,
    }))
}

/// Lets an app ask again.
#[utoipa::path(tag = "blocked apps", params(("id" = String, Path)), responses(
    (status = 204), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, body = Problem), (status = 503, body = Problem)))]
#[delete("/api/v1/blocked-apps/{id}")]
pub(crate) async fn unblock(
    person: Person,
    request_id: RequestId,
    blocked: web::Data<BlockedApps>,
    id: web::Path<BlockedAppId>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::DecideRequests)?;
    blocked
        .unblock(&Actor::person(&person, &request_id), *id)
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
