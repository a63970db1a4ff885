//! `/api/v1/approval-rules`.

use actix_web::{HttpResponse, delete, get, post, web};
use events::{AppKey, Ceiling, RuleTerms};
use ids::{AppId, ApprovalRuleId};
use jiff::Timestamp;
use money::{LARGEST_LIMIT, Nanodollars};
use serde::{Deserialize, Serialize};
use server::{Page, Person, Problem, RequestId, StrictJson};
use sessions::Permission;
use utoipa::ToSchema;

use super::{ApprovalRuleRow, ApprovalRules, InForce, NamedApp, NewRule, Refusal, RuleError};
use crate::{address::WireCeiling, app_key, vault::Actor, wire_error::sentence};

/// The most live grants that one rule may have at a time.
pub(super) const MOST_LIVE_GRANTS: u16 = 100;

/// A rule to write. The app is named by its client id or by its domain, never by a mere name.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApprovalRule {
    /// A registered app of your organization.
    #[schema(value_type = Option<String>)]
    client_id: Option<AppId>,
    /// Whoever shows to control this domain.
    domain: Option<String>,
    /// The most that one grant may be.
    #[serde(deserialize_with = "server::object")]
    ceiling: WireCeiling,
    /// How many live grants of this rule there may be at a time, 1 to 100.
    live_grants: u16,
    /// What the monthly limits of its live grants may add up to in USD, as a decimal string.
    monthly_total: String,
}

/// A rule: what an app is granted at once, when it asks through your own signed-in browser.
#[derive(Serialize, ToSchema)]
pub struct ApprovalRuleView {
    /// Its id.
    #[schema(value_type = String)]
    id: ApprovalRuleId,
    /// The app's name when the rule was written.
    app_name: String,
    /// The client id, if that identifies the app.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    client_id: Option<AppId>,
    /// The domain, if that identifies the app.
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<String>,
    /// The most that one grant may be.
    ceiling: WireCeiling,
    /// How many live grants of this rule there may be at a time.
    live_grants: u16,
    /// How many there are now.
    live_grants_now: usize,
    /// What the monthly limits of its live grants may add up to in USD.
    monthly_total: String,
    /// What they add up to now; `null` when that is more than can be said.
    monthly_total_now: Option<String>,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    written_at: Timestamp,
}

/// A rule that was written.
#[derive(Serialize, ToSchema)]
pub struct WrittenView {
    /// Its id.
    #[schema(value_type = String)]
    id: ApprovalRuleId,
}

impl From<(ApprovalRuleRow, InForce)> for ApprovalRuleView {
    fn from((row, in_force): (ApprovalRuleRow, InForce)) -> Self {
        let (client_id, domain) = match row.key {
            AppKey::Client { app } => (Some(app), None),
            AppKey::Domain { domain } => (None, Some(domain)),
            AppKey::Name { .. } => (None, None),
        };
        Self {
            id: row.id,
            app_name: row.name,
            client_id,
            domain,
            ceiling: WireCeiling::from(&row.terms.ceiling),
            live_grants: row.terms.live_grants,
            live_grants_now: in_force.grants,
            monthly_total: row.terms.monthly_total.to_string(),
            monthly_total_now: in_force.monthly_total.map(|total| total.to_string()),
            written_at: row.written_at,
        }
    }
}

impl From<RuleError> for Problem {
    fn from(error: RuleError) -> Self {
        match error {
            RuleError::Refused(Refusal::Unknown) => Self::not_found(sentence(&error)),
            RuleError::Refused(Refusal::Nameless) => Self::unprocessable(sentence(&error)),
            RuleError::Refused(Refusal::Exists) | RuleError::TooMany => {
                Self::conflict(sentence(&error))
            }
            RuleError::UnknownApp => {
                Self::unprocessable(sentence(&error)).at("/client_id", "not registered")
            }
            RuleError::Record(error) => error.into(),
            RuleError::Database(error) => Self::dependency(&error),
        }
    }
}

impl TryFrom<NewApprovalRule> for NewRule {
    type Error = Problem;

    fn try_from(new: NewApprovalRule) -> Result<Self, Problem> {
        let app = match (new.client_id, new.domain.as_deref()) {
            (Some(id), None) => NamedApp::Client(id),
            (None, Some(text)) => {
                let domain = app_key::written_domain(text).ok_or_else(|| {
                    Problem::bad_request("domain is a host name, such as app.example.")
                        .at("/domain", "a host name is needed")
                })?;
                NamedApp::Domain(domain)
            }
            _ => {
                let detail = "Name the app in one way: client_id or domain.";
                return Err(Problem::bad_request(detail));
            }
        };
        let ceiling = Ceiling::try_from(new.ceiling).map_err(|why| {
            Problem::bad_request(format!("The ceiling: {why}.")).at("/ceiling", why)
        })?;
        if !(1..=MOST_LIVE_GRANTS).contains(&new.live_grants) {
            let detail = format!("live_grants is 1 to {MOST_LIVE_GRANTS}.");
            return Err(Problem::bad_request(detail).at("/live_grants", "out of range"));
        }
        let total = new.monthly_total.parse::<Nanodollars>().ok();
        let total =
            total.filter(|total| (Nanodollars::from_nanos(1)..=LARGEST_LIMIT).contains(total));
        let monthly_total = total.ok_or_else(|| {
            let why = "a decimal amount of USD above 0 and at most 4000000 is needed";
            Problem::bad_request(format!("monthly_total: {why}.")).at("/monthly_total", why)
        })?;
        Ok(Self {
            app,
            terms: RuleTerms {
                ceiling,
                live_grants: new.live_grants,
                monthly_total,
            },
        })
    }
}

/// Lists your approval rules, newest first.
#[utoipa::path(tag = "approval rules", responses(
    (status = 200, body = Page<ApprovalRuleView>), (status = 401, body = Problem), (status = 503, body = Problem)))]
#[get("/api/v1/approval-rules")]
pub(crate) async fn list(
    person: Person,
    rules: web::Data<ApprovalRules>,
) -> Result<HttpResponse, Problem> {
    let rows = rules
        .of(person.tenant, person.user)
        .await
        .map_err(|e| Problem::dependency(&e))?;
    Ok(HttpResponse::Ok().json(Page {
        items: rows.into_iter().map(ApprovalRuleView::from).collect(),
        next_cursor: None,
    }))
}

/// Writes an approval rule: what lies within it is granted without asking you, if the app asks
/// through your own signed-in browser. Anything beyond it waits for you as before.
#[utoipa::path(tag = "approval rules", request_body = NewApprovalRule, responses(
    (status = 201, body = WrittenView), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 409, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem), (status = 422, body = Problem),
    (status = 503, body = Problem)))]
#[post("/api/v1/approval-rules")]
pub(crate) async fn write(
    person: Person,
    request_id: RequestId,
    rules: web::Data<ApprovalRules>,
    body: StrictJson<NewApprovalRule>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::DecideRequests)?;
    let new = NewRule::try_from(body.0)?;
    let id = rules
        .write(&Actor::person(&person, &request_id), new)
        .await?;
    Ok(HttpResponse::Created().json(WrittenView { id }))
}

/// Removes an approval rule. What it granted stays until it is revoked.
#[utoipa::path(tag = "approval rules", params(("id" = String, Path)), responses(
    (status = 204), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, body = Problem), (status = 503, body = Problem)))]
#[delete("/api/v1/approval-rules/{id}")]
pub(crate) async fn remove(
    person: Person,
    request_id: RequestId,
    rules: web::Data<ApprovalRules>,
    id: web::Path<ApprovalRuleId>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::DecideRequests)?;
    rules
        .remove(&Actor::person(&person, &request_id), *id)
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
