//! `/api/v1/requests`: the inbox for programs.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, get, http::header, post, web};
use events::RequestedDetail;
use events::WireDetail;
use ids::{ApprovalRuleId, GrantId, ProviderKeyId, RequestId as AccessRequestId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use server::{Page, Person, Problem, RequestId, StrictJson, StrictQuery};
use sessions::Permission;
use utoipa::{IntoParams, ToSchema};

use super::{
    AccessRequestRow, DecidedAt, Decision, RequestState, Requests,
    decision::{Choice, granted},
    details,
};
use crate::{
    grant::step_up::Wanted,
    organization_policy::Policies,
    provider_key::{KeyState, ProviderKeyRow, ProviderKeys},
    vault::{Actor, Vault},
};

/// Which requests to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// `pending` (the default) or `decided` (the last 20).
    state: Option<String>,
}

/// An access request.
#[derive(Serialize, ToSchema)]
pub struct AccessRequestView {
    /// Its id.
    #[schema(value_type = String)]
    id: AccessRequestId,
    /// `pending`, `approved`, `denied`, `expired` or `abandoned`.
    state: &'static str,
    /// The app's name, as it gave it.
    app_name: String,
    /// The app's web address, as it gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    app_url: Option<String>,
    /// `unverified`, `domain_verified` or `organization_approved`.
    #[schema(value_type = String)]
    verification: events::Verification,
    /// What it asks for.
    authorization_details: Vec<WireDetail>,
    /// The grant that it asks to widen, if it does: what it asks for stands beside what that has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    extends_grant_id: Option<GrantId>,
    /// What was granted, which may be less than what it asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    granted_authorization_details: Vec<WireDetail>,
    /// What came of it, if it was approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    grant_id: Option<GrantId>,
    /// The rule of yours that granted it without asking you, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    approval_rule_id: Option<ApprovalRuleId>,
    /// When it came.
    #[schema(value_type = String, format = DateTime)]
    received_at: Timestamp,
    /// When it lapses.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

impl AccessRequestView {
    fn of(row: AccessRequestRow, public_url: &str) -> Self {
        Self {
            granted_authorization_details: row
                .granted
                .iter()
                .map(|detail| WireDetail::granted(detail, public_url))
                .collect(),
            extends_grant_id: row.extends,
            id: row.id,
            state: row.state.name(),
            app_name: row.app.name,
            app_url: row.app.url,
            verification: row.app.verification,
            authorization_details: row.details.iter().map(WireDetail::requested).collect(),
            grant_id: match row.state {
                RequestState::Approved(grant) => Some(grant),
                _ => None,
            },
            approval_rule_id: row.rule,
            received_at: row.received_at,
            expires_at: row.expires_at,
        }
    }
}

/// A yes, perhaps to less than was asked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// What to grant, one object for each that was asked, in the same order; left out: as asked,
    /// within what may be given. Where a request extends a grant: what the grant has there from
    /// then on.
    #[schema(value_type = Option<Vec<Object>>)]
    authorization_details: Option<Box<RawValue>>,
    /// Which key pays at each provider, by the provider's name; left out: the first usable one.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    key_ids: BTreeMap<String, ProviderKeyId>,
}

/// A no.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Denial {
    /// Words for the app, at most 200 characters.
    reason: Option<String>,
}

/// What came of an approval.
#[derive(Serialize, ToSchema)]
pub struct ApprovedView {
    /// The grant.
    #[schema(value_type = String)]
    grant_id: GrantId,
    /// Where the browser goes back to the app, if it came from there: within a minute, once. A
    /// browser that waits on the consent page of an OAuth request is led back by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect_to: Option<String>,
}

/// Lists access requests.
#[utoipa::path(tag = "access requests", params(ListQuery), responses(
    (status = 200, body = Page<AccessRequestView>), (status = 400, body = Problem), (status = 401, body = Problem), (status = 503, body = Problem)))]
#[get("/api/v1/requests")]
pub(crate) async fn list(
    person: Person,
    (vault, requests): (web::Data<Vault>, web::Data<Requests>),
    query: StrictQuery<ListQuery>,
) -> Result<HttpResponse, Problem> {
    let (pending, decided) = requests.inbox(person.tenant, person.user).await?;
    let rows = match query.0.state.as_deref() {
        None | Some("pending") => pending,
        Some("decided") => decided,
        Some(_) => {
            return Err(Problem::bad_request("state is pending or decided.")
                .at("/state", "pending or decided"));
        }
    };
    let items = rows
        .into_iter()
        .map(|row| AccessRequestView::of(row, &vault.public_url))
        .collect();
    Ok(HttpResponse::Ok().json(Page {
        items,
        next_cursor: None,
    }))
}

/// Shows one access request.
#[utoipa::path(tag = "access requests", params(("id" = String, Path)), responses(
    (status = 200, body = AccessRequestView), (status = 401, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem)))]
#[get("/api/v1/requests/{id}")]
pub(crate) async fn show(
    person: Person,
    (vault, requests): (web::Data<Vault>, web::Data<Requests>),
    id: web::Path<AccessRequestId>,
) -> Result<HttpResponse, Problem> {
    let row = requests.one(person.tenant, person.user, *id).await?;
    Ok(HttpResponse::Ok().json(AccessRequestView::of(row, &vault.public_url)))
}

/// Approves a request, perhaps narrower than it was asked.
#[utoipa::path(tag = "access requests", request_body = Approval, params(("id" = String, Path)), responses(
    (status = 200, body = ApprovedView), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem),
    (status = 422, body = Problem), (status = 503, body = Problem)))]
#[post("/api/v1/requests/{id}/approve")]
pub(crate) async fn approve(
    person: Person,
    request_id: RequestId,
    (vault, requests, keys): (
        web::Data<Vault>,
        web::Data<Requests>,
        web::Data<ProviderKeys>,
    ),
    id: web::Path<AccessRequestId>,
    body: StrictJson<Approval>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::DecideRequests)?;
    let now = vault.clock.now();
    let row = requests.one(person.tenant, person.user, *id).await?;
    let own = keys
        .of(person.tenant, person.user)
        .await
        .map_err(|e| Problem::dependency(&e))?;
    let wanted = requests.wanted(person.tenant, &row).await?;
    let wanted = wanted.ok_or_else(|| {
        Problem::conflict("The grant that this request extends has ended.")
            .named("grant-ended", "The grant cannot be changed any more")
    })?;
    let policy = Policies::new(vault.get_ref().clone());
    let policy = policy.in_force(person.tenant).await;
    let policy = policy.map_err(|e| Problem::dependency(&e))?;
    let mut details = Vec::with_capacity(wanted.details.len());
    for (asked, choice) in wanted
        .details
        .iter()
        .zip(choices(&body.0, &wanted, &own, now)?)
    {
        let ceiling = wanted.ceiling(&policy, asked, row.app.verification, now);
        let detail = granted(&ceiling, asked, choice);
        details.push(detail.map_err(|missing| {
            let title = "No usable provider key is named";
            Problem::unprocessable(format!("{missing}."))
                .named("no-usable-key", title)
                .at("/key_ids", missing.reason)
        })?);
    }
    let actor = Actor::person(&person, &request_id);
    let decision = Decision {
        details,
        upon: wanted.had,
        shown: None,
        rule: None,
    };
    let approved = requests
        .approve(&actor, *id, decision, DecidedAt::Api)
        .await?;
    let mut response = HttpResponse::Ok();
    Ok(response
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(ApprovedView {
            grant_id: approved.grant,
            redirect_to: approved.back,
        }))
}

/// What the person chose for each detail that was asked: a narrower version, if they sent any, and
/// the key they named, or else the first of theirs that works.
fn choices(
    approval: &Approval,
    wanted: &Wanted,
    own: &[ProviderKeyRow],
    now: Timestamp,
) -> Result<Vec<Choice>, Problem> {
    let asked = &wanted.details;
    let narrowed = approval
        .authorization_details
        .as_ref()
        .map(|json| details::parse(json.get(), now))
        .transpose()?;
    if narrowed
        .as_ref()
        .is_some_and(|narrowed| narrowed.len() != asked.len())
    {
        return Err(Problem::bad_request(
            "One object is needed for each that was asked, in the same order.",
        )
        .at(
            "/authorization_details",
            "one object for each that was asked",
        ));
    }
    let is_asked = |name: &&String| {
        asked
            .iter()
            .any(|asked| asked.provider.as_str() == name.as_str())
    };
    if let Some(stray) = approval.key_ids.keys().find(|name| !is_asked(name)) {
        return Err(
            Problem::bad_request("A key is named for a provider that was not asked for.")
                .at(format!("/key_ids/{stray}"), "not asked for"),
        );
    }
    let first = |asked: &RequestedDetail| {
        if asked.provider.is_sandbox() {
            return Some(ProviderKeyId::NONE);
        }
        let usable =
            |key: &&ProviderKeyRow| key.provider == asked.provider && key.state == KeyState::Usable;
        let pays_now = wanted.had_at(&asked.provider).map(|had| had.key_id);
        let mut usable = own.iter().filter(usable).map(|key| key.id);
        let first = usable.clone().next();
        usable.find(|key| Some(*key) == pays_now).or(first)
    };
    let mut narrowed = narrowed.into_iter().flatten();
    let choice = |asked: &RequestedDetail| Choice {
        narrowed: narrowed.next(),
        key: approval
            .key_ids
            .get(asked.provider.as_str())
            .copied()
            .or_else(|| first(asked)),
    };
    Ok(asked.iter().map(choice).collect())
}

/// Denies a request.
#[utoipa::path(tag = "access requests", request_body = Denial, params(("id" = String, Path)), responses(
    (status = 204), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem), (status = 503, body = Problem)))]
#[post("/api/v1/requests/{id}/deny")]
pub(crate) async fn deny(
    person: Person,
    request_id: RequestId,
    requests: web::Data<Requests>,
    id: web::Path<AccessRequestId>,
    body: StrictJson<Denial>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::DecideRequests)?;
    let reason = body
        .0
        .reason
        .map(|text| details::plain_text(&text))
        .filter(|text| !text.is_empty());
    if reason
        .as_ref()
        .is_some_and(|text| text.chars().count() > 200)
    {
        return Err(Problem::bad_request("A reason has at most 200 characters.")
            .at("/reason", "at most 200 characters"));
    }
    requests
        .deny(
            &Actor::person(&person, &request_id),
            *id,
            reason,
            DecidedAt::Api,
        )
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
