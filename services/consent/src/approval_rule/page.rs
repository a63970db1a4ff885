//! `/approval-rules`: what apps are granted without asking again.

mod form;

use actix_web::{HttpResponse, get, http::StatusCode, post, web};
use askama::Template;
use ids::ApprovalRuleId;
use jiff::Timestamp;
use pages::{Badge, Confirm, Layout, Notice, Section, Tone, filters};
use serde::Deserialize;
use server::{Nothing, PagePerson, Problem, RequestId, SignedForm, StrictQuery};
use sessions::{Permission, SignedIn};

use self::form::{RuleFields, RuleForm};
use super::{ApprovalRuleRow, ApprovalRules, InForce, RuleError};
use crate::{
    address::page::ceiling_form::ceiling_in_words,
    consent_page::see_other,
    inbox,
    provider_key::ProviderKeys,
    registered_app::Apps,
    vault::{Actor, Vault},
    wire_error::sentence,
};

/// Adds the routes.
pub fn configure(config: &mut web::ServiceConfig) {
    config.service(list).service(write).service(remove);
}

type Rooms = (
    web::Data<Vault>,
    web::Data<ApprovalRules>,
    web::Data<ProviderKeys>,
    web::Data<Apps>,
);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// What was just done.
    done: Option<String>,
}

#[derive(Template)]
#[template(path = "approval_rules.html")]
struct ApprovalRulesPage {
    layout: Layout,
    rules: Vec<RuleView>,
    form: RuleFields,
    has_key: bool,
    now: Timestamp,
}

struct RuleView {
    name: String,
    terms: String,
    in_force: String,
    badge: Option<Badge>,
    written_at: Timestamp,
    remove: Confirm,
}

#[get("/approval-rules")]
async fn list(
    person: PagePerson,
    query: StrictQuery<ListQuery>,
    rooms: Rooms,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::DecideRequests)?;
    let notice = match query.0.done.as_deref() {
        Some("written") => Some(Notice::good(
            "The rule is written. What lies within it is granted at once from now on, and marked as such.",
        )),
        Some("removed") => Some(Notice::info(
            "Removed. What it granted stays until you revoke it under connected apps.",
        )),
        _ => None,
    };
    page(
        &rooms,
        &person,
        &RuleForm::default(),
        notice,
        StatusCode::OK,
    )
    .await
}

#[post("/approval-rules")]
async fn write(
    form: SignedForm<RuleForm>,
    request_id: RequestId,
    rooms: Rooms,
) -> Result<HttpResponse, Problem> {
    form.require(Permission::DecideRequests)?;
    let SignedForm { person, form } = form;
    let (form, new) = match form.checked() {
        Ok(checked) => checked,
        Err(faulty) => {
            let notice = Notice::bad("No rule was written yet: look at the fields marked below.");
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return page(&rooms, &person, &faulty, Some(notice), status).await;
        }
    };
    let written = rooms
        .1
        .write(&Actor::person(&person, &request_id), new)
        .await;
    match written {
        Ok(_) => Ok(see_other("/approval-rules?done=written")),
        Err(error @ (RuleError::UnknownApp | RuleError::TooMany)) => {
            let notice = Notice::bad(sentence(&error));
            page(&rooms, &person, &form, Some(notice), StatusCode::CONFLICT).await
        }
        Err(error) => Err(error.into()),
    }
}

#[post("/approval-rules/{id}/remove")]
async fn remove(
    form: SignedForm<Nothing>,
    request_id: RequestId,
    rules: web::Data<ApprovalRules>,
    id: web::Path<ApprovalRuleId>,
) -> Result<HttpResponse, Problem> {
    form.require(Permission::DecideRequests)?;
    rules
        .remove(&Actor::person(&form.person, &request_id), *id)
        .await?;
    Ok(see_other("/approval-rules?done=removed"))
}

async fn page(
    (vault, rules, keys, apps): &Rooms,
    person: &SignedIn,
    form: &RuleForm,
    notice: Option<Notice>,
    status: StatusCode,
) -> Result<HttpResponse, Problem> {
    let unreachable = |error| Problem::dependency(&error);
    let keys = keys
        .of(person.tenant, person.user)
        .await
        .map_err(|e| Problem::dependency(&e))?;
    let apps = apps.of(person.tenant).await.map_err(unreachable)?;
    let rows = rules
        .of(person.tenant, person.user)
        .await
        .map_err(unreachable)?;
    let layout = inbox::layout(vault, person, "Approval rules", Section::ConnectedApps).await?;
    let layout = layout.maybe_notice(notice);
    let page = ApprovalRulesPage {
        rules: rows.iter().map(|row| RuleView::new(&layout, row)).collect(),
        form: form.fields(&apps, &keys),
        has_key: !keys.is_empty(),
        now: vault.clock.now(),
        layout,
    };
    Ok(pages::html_with(status, &page))
}

impl RuleView {
    fn new(layout: &Layout, (row, in_force): &(ApprovalRuleRow, InForce)) -> Self {
        let terms = &row.terms;
        let full = in_force.grants >= usize::from(terms.live_grants);
        let together = in_force.monthly_total.map_or_else(
            || "more than can be said".to_owned(),
            money::Nanodollars::for_people,
        );
        Self {
            name: row.name.clone(),
            terms: ceiling_in_words(&terms.ceiling),
            in_force: format!(
                "{} of {} live grants, {together} of {} a month together",
                in_force.grants,
                terms.live_grants,
                terms.monthly_total.for_people()
            ),
            badge: full.then(|| Badge::new(Tone::Caution, "Used up")),
            written_at: row.written_at,
            remove: Confirm::new(
                layout.csrf_field(),
                format!("/approval-rules/{}/remove", row.id),
                "Remove",
            )
            .asking(
                format!("Remove the rule for {}?", row.name),
                "Its requests wait for you again. What it was granted stays until you revoke it.",
            ),
        }
    }
}

#[cfg(test)]
mod tests;
