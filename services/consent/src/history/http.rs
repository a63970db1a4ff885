//! `/api/v1/decisions`: the history for programs.

use actix_web::{HttpResponse, get, web};
use events::{Verification, WireDetail};
use ids::{EventId, GrantId, RequestId, UserId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use server::{Page, PageQuery, Person, Problem, StrictQuery};
use utoipa::{IntoParams, ToSchema};

use super::{DecidedBy, DecisionRow, Wanted, of};
use crate::vault::Vault;

/// Which decisions to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// The `next_cursor` of the piece before; absent for the first.
    cursor: Option<String>,
    /// The most items to send: 1 to 200, 50 when absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
    /// Only those about this app: its id, or its name as it gave it.
    app: Option<String>,
}

/// A decision.
#[derive(Serialize, ToSchema)]
pub struct DecisionView {
    /// Its id.
    #[schema(value_type = String)]
    id: EventId,
    /// `granted`, `denied`, `widened`, `changed` or `revoked`.
    kind: &'static str,
    /// `person`, `ticket` (a ceiling that the person had set), `rule` (one that they had written),
    /// `administrator` (one of the person's organization) or `app` (it gave its access back, or showed
    /// a token twice that is good once).
    decided_by: &'static str,
    /// Which administrator, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    administrator_id: Option<UserId>,
    /// The app's name, as it gave it.
    app_name: String,
    /// The app's web address, as it gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    app_url: Option<String>,
    /// `unverified`, `domain_verified` or `organization_approved`.
    #[schema(value_type = String)]
    verification: Verification,
    /// Upon which request, if upon one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    request_id: Option<RequestId>,
    /// Of which grant, if of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    grant_id: Option<GrantId>,
    /// What was asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    authorization_details: Vec<WireDetail>,
    /// What was granted from then on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    granted_authorization_details: Vec<WireDetail>,
    /// Why, if somebody said why.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    decided_at: Timestamp,
}

impl DecisionView {
    fn of(row: DecisionRow, public_url: &str) -> Self {
        let granted = |detail| WireDetail::granted(detail, public_url);
        Self {
            id: row.id,
            kind: row.kind.name(),
            decided_by: row.by.name(),
            administrator_id: match row.by {
                DecidedBy::Administrator(user) => Some(user),
                _ => None,
            },
            app_name: row.app.name,
            app_url: row.app.url,
            verification: row.app.verification,
            request_id: row.request,
            grant_id: row.grant,
            authorization_details: row.asked.iter().map(WireDetail::requested).collect(),
            granted_authorization_details: row.granted.iter().map(granted).collect(),
            reason: row.reason,
            decided_at: row.decided_at,
        }
    }
}

/// Lists every decision about your vault, newest first.
#[utoipa::path(tag = "decisions", params(ListQuery), responses(
    (status = 200, body = Page<DecisionView>), (status = 400, body = Problem), (status = 401, body = Problem), (status = 503, body = Problem)))]
#[get("/api/v1/decisions")]
pub(crate) async fn list(
    person: Person,
    vault: web::Data<Vault>,
    query: StrictQuery<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let ListQuery { cursor, limit, app } = query.0;
    let query = PageQuery { cursor, limit };
    let limit = query.limit()?;
    let wanted = Wanted {
        before: query.cursor::<EventId>()?,
        app: app.filter(|app| !app.is_empty()),
        limit: i64::from(limit) + 1,
    };
    let rows = of(&vault, (person.tenant, person.user), &wanted)
        .await
        .map_err(|e| Problem::dependency(&e))?;
    let page = Page::of(rows, limit, |row| row.id.to_string());
    let view = |row| DecisionView::of(row, &vault.public_url);
    Ok(HttpResponse::Ok().json(Page {
        items: page.items.into_iter().map(view).collect(),
        next_cursor: page.next_cursor,
    }))
}
