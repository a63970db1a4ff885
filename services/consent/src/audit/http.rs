//! `/api/v1/audit`: the record for programs.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, get, web};
use ids::EventId;
use jiff::Timestamp;
use serde::Serialize;
use server::{Page, PageQuery, Person, Problem, StrictQuery};
use sessions::Permission;
use utoipa::ToSchema;

use super::{AuditEntry, By, of};
use crate::vault::Vault;

/// Something that was decided in the organization.
#[derive(Serialize, ToSchema)]
pub struct AuditView {
    /// Its id.
    #[schema(value_type = String)]
    id: EventId,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Who.
    actor: AuditActor,
    /// What, such as `grant.revoked`.
    #[schema(example = "grant.revoked")]
    action: String,
    /// What it was done to, and what else it speaks of: ids, by the kind of thing that each names.
    subjects: BTreeMap<&'static str, String>,
    /// Upon which HTTP request, as `x-request-id` told it.
    request_id: String,
}

/// Who decided.
#[derive(Serialize, ToSchema)]
pub struct AuditActor {
    /// `person` (in a browser or with an API token), `rule` (that a person wrote), `program` (an app) or
    /// `system` (a part of Latchkey, or its operator).
    kind: &'static str,
    /// The person, rule or app by id, or the part of Latchkey by name; `null` for an app that has no
    /// id.
    id: Option<String>,
}

impl From<By> for AuditActor {
    fn from(by: By) -> Self {
        let (kind, id) = match by {
            By::Person(user) => ("person", Some(user.to_string())),
            By::Rule(rule) => ("rule", Some(rule.to_string())),
            By::Program(app) => ("program", app),
            By::System(name) => ("system", Some(name)),
        };
        Self { kind, id }
    }
}

impl From<AuditEntry> for AuditView {
    fn from(entry: AuditEntry) -> Self {
        Self {
            id: entry.id,
            at: entry.at,
            actor: entry.by.into(),
            action: entry.action,
            subjects: entry.subjects,
            request_id: entry.request_id,
        }
    }
}

/// Lists everything that was decided in the organization, newest first. It holds no secret.
#[utoipa::path(tag = "audit", params(PageQuery), responses(
    (status = 200, body = Page<AuditView>), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 503, body = Problem)))]
#[get("/api/v1/audit")]
pub(crate) async fn list(
    person: Person,
    vault: web::Data<Vault>,
    query: StrictQuery<PageQuery>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::ReadAudit)?;
    let limit = query.0.limit()?;
    let piece = (query.0.cursor::<EventId>()?, i64::from(limit) + 1);
    let entries = of(&vault, person.tenant, piece)
        .await
        .map_err(|e| Problem::dependency(&e))?;
    let page = Page::of(entries, limit, |entry| entry.id.to_string());
    Ok(HttpResponse::Ok().json(Page {
        items: page.items.into_iter().map(AuditView::from).collect(),
        next_cursor: page.next_cursor,
    }))
}
