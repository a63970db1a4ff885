//! `/connected-apps/{id}/edit`: other limits or another end for a grant; its token stays.

use std::collections::BTreeSet;

use actix_web::{HttpResponse, get, http::StatusCode, post, web};
use askama::Template;
use events::{AuthorizationDetail, Capability, GrantedLimits, ModelPattern, Models, Verification};
use ids::GrantId;
use jiff::Timestamp;
use money::LARGEST_LIMIT;
use pages::{
    Choice, Field, Layout, Notice, Section,
    filters::{self, instant_text},
};
use serde::Deserialize;
use server::{PagePerson, Problem, RequestId, SignedForm, StrictQuery};
use sessions::{Permission, SignedIn};

use crate::{
    consent_page::{
        Answers, Asker, LONGER_LENGTHS, LimitFaults, LimitTexts, NAMES, Names, Span, fields,
        hints_of_current, in_words, read, see_other, texts, written,
    },
    grant::{
        GrantRow, GrantState, Grants,
        shadow::page::{Trial, Trying, done, trials},
    },
    inbox,
    organization_policy::Policies,
    policy::{Policy, after},
    vault::{Actor, Vault},
};

/// The choice to leave the end as it is.
const KEEP: &str = "keep";
/// The most calls a minute, calls a day and tokens a call that a limit may name.
const MOST_COUNTS: (u32, u32, u32) = (100_000, 100_000_000, 100_000_000);

#[derive(Template)]
#[template(path = "grant_edit.html")]
pub(super) struct EditPage {
    layout: Layout,
    id: GrantId,
    asker: Asker,
    parts: Vec<Part>,
    trials: Vec<Trial>,
    now: Timestamp,
}

struct Part {
    provider: String,
    models: Field,
    capabilities: Field,
    limits: Vec<Field>,
    lifetime: Field,
}

/// What stands in one provider's part, and what is wrong with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Filled {
    /// The models ticked, or written down where every model is granted.
    pub models: Vec<String>,
    pub named: String,
    pub capabilities: Vec<String>,
    pub models_fault: Option<String>,
    pub capabilities_fault: Option<String>,
    pub limits: LimitTexts,
    pub lifetime: String,
    pub limit_faults: LimitFaults,
    pub lifetime_fault: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EditQuery {
    /// What was just done.
    done: Option<String>,
}

#[get("/connected-apps/{id}/edit")]
pub(super) async fn show(
    person: PagePerson,
    query: StrictQuery<EditQuery>,
    (vault, grants): (web::Data<Vault>, web::Data<Grants>),
    id: web::Path<GrantId>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::DecideRequests)?;
    let row = grants.one(person.tenant, person.user, *id).await?;
    if row.state != GrantState::Live {
        return Ok(see_other("/connected-apps"));
    }
    let notice = done(query.0.done.as_deref());
    as_it_is(&vault, &person, &row, None, (StatusCode::OK, notice)).await
}

/// The page with the grant as it is, and what is being tried.
pub(in crate::grant) async fn as_it_is(
    vault: &Vault,
    person: &SignedIn,
    row: &GrantRow,
    trying: Option<&Trying>,
    answer: (StatusCode, Option<Notice>),
) -> Result<HttpResponse, Problem> {
    let filled: Vec<Filled> = row.details.iter().map(Filled::as_it_is).collect();
    page(vault, person, row, (&filled, trying), answer).await
}

#[post("/connected-apps/{id}/edit")]
pub(super) async fn change(
    form: SignedForm<Answers>,
    request_id: RequestId,
    (vault, grants): (web::Data<Vault>, web::Data<Grants>),
    id: web::Path<GrantId>,
) -> Result<HttpResponse, Problem> {
    form.require(Permission::DecideRequests)?;
    let SignedForm { person, form } = form;
    let row = grants.one(person.tenant, person.user, *id).await?;
    let names = || NAMES.iter().take(row.details.len());
    let once: Vec<&str> = names()
        .flat_map(|names| {
            names
                .limits
                .into_iter()
                .chain([names.lifetime, names.named])
        })
        .collect();
    let lists: Vec<&str> = names().flat_map(Names::lists).collect();
    form.expect(&once, &lists)?;
    let policy = in_force(&vault, &person).await?;
    match changed(&policy, &row, &form, vault.clock.now()) {
        Ok(details) => {
            grants
                .change(&Actor::person(&person, &request_id), *id, details)
                .await?;
            Ok(see_other("/connected-apps?done=changed"))
        }
        Err(filled) => {
            page(
                &vault,
                &person,
                &row,
                (&filled, None),
                (StatusCode::UNPROCESSABLE_ENTITY, None),
            )
            .await
        }
    }
}

/// The details as they are from now on, or the form with what is wrong beside each field.
pub(super) fn changed(
    policy: &Policy,
    row: &GrantRow,
    answers: &Answers,
    now: Timestamp,
) -> Result<Vec<AuthorizationDetail>, Vec<Filled>> {
    let mut details = Vec::with_capacity(row.details.len());
    let mut filled = Vec::with_capacity(row.details.len());
    for (old, names) in row.details.iter().zip(&NAMES) {
        let mut part = Filled::of(answers, names);
        let limits = read(
            &part.limits,
            &most(policy, row.app.verification, &old.limits),
        );
        let expires = match part.lifetime.as_str() {
            KEEP => Some(old.expires),
            other => span(policy, row.app.verification, now).read(other),
        };
        let (models, capabilities) = (part.models_of(old), part.capabilities_of(old));
        match (limits, expires, models, capabilities) {
            (Ok(limits), Some(expires), Ok(models), Ok(capabilities)) => {
                details.push(AuthorizationDetail {
                    models,
                    capabilities,
                    limits,
                    expires,
                    ..old.clone()
                });
            }
            (limits, expires, models, capabilities) => {
                part.models_fault = models.err();
                part.capabilities_fault = capabilities.err();
                part.limit_faults = limits.err().unwrap_or_default();
                part.lifetime_fault = expires.is_none().then(|| "Choose how long.".to_owned());
            }
        }
        filled.push(part);
    }
    if details.len() == row.details.len() {
        Ok(details)
    } else {
        Err(filled)
    }
}

/// The most that limits may be raised to. What is granted already is no reason to refuse.
fn most(policy: &Policy, verification: Verification, current: &GrantedLimits) -> GrantedLimits {
    let (minute, day, tokens) = MOST_COUNTS;
    let most = match verification {
        Verification::Unverified => policy.unverified_limits,
        Verification::DomainVerified | Verification::OrganizationApproved => GrantedLimits {
            monthly_spend: LARGEST_LIMIT,
            daily_spend: LARGEST_LIMIT,
            requests_per_minute: minute,
            requests_per_day: day,
            tokens_per_request: tokens,
        },
    };
    GrantedLimits {
        monthly_spend: most.monthly_spend.max(current.monthly_spend),
        daily_spend: most.daily_spend.max(current.daily_spend),
        requests_per_minute: most.requests_per_minute.max(current.requests_per_minute),
        requests_per_day: most.requests_per_day.max(current.requests_per_day),
        tokens_per_request: most.tokens_per_request.max(current.tokens_per_request),
    }
}

fn span(policy: &Policy, verification: Verification, now: Timestamp) -> Span {
    let longest = match verification {
        Verification::Unverified => policy.unverified_longest,
        Verification::DomainVerified | Verification::OrganizationApproved => policy.longest,
    };
    Span {
        lengths: &LONGER_LENGTHS,
        now,
        most: after(now, longest),
        as_asked: false,
    }
}

async fn in_force(vault: &Vault, person: &SignedIn) -> Result<Policy, Problem> {
    let policy = Policies::new(vault.clone()).in_force(person.tenant).await;
    policy.map_err(|e| Problem::dependency(&e))
}

async fn page(
    vault: &Vault,
    person: &SignedIn,
    row: &GrantRow,
    (filled, trying): (&[Filled], Option<&Trying>),
    (status, notice): (StatusCode, Option<Notice>),
) -> Result<HttpResponse, Problem> {
    let layout = inbox::layout(vault, person, "Change limits", Section::ConnectedApps).await?;
    let policy = in_force(vault, person).await?;
    let faulty = (status != StatusCode::OK)
        .then(|| Notice::bad("Nothing was changed yet: look at the fields marked below."));
    let page = EditPage::new(
        layout.maybe_notice(faulty.or(notice)),
        &policy,
        row,
        (filled, trying),
        vault.clock.now(),
    );
    Ok(pages::html_with(status, &page))
}

impl Filled {
    /// What stands in the form first.
    pub(super) fn as_it_is(detail: &AuthorizationDetail) -> Self {
        Self {
            models: detail
                .models
                .patterns()
                .iter()
                .map(ToString::to_string)
                .collect(),
            capabilities: detail
                .capabilities
                .iter()
                .map(ToString::to_string)
                .collect(),
            limits: texts(&detail.limits),
            lifetime: KEEP.to_owned(),
            ..Self::default()
        }
    }

    fn of(answers: &Answers, names: &Names) -> Self {
        Self {
            models: answers.all(names.models).to_vec(),
            named: answers.one(names.named).to_owned(),
            capabilities: answers.all(names.capabilities).to_vec(),
            limits: names.limits.map(|name| answers.one(name).to_owned()),
            lifetime: answers.one(names.lifetime).to_owned(),
            ..Self::default()
        }
    }
}

impl Filled {
    /// The models that stay: those ticked, or where every model is granted those written down.
    fn models_of(&self, old: &AuthorizationDetail) -> Result<Models, String> {
        if old.models.is_every() {
            return if self.named.is_empty() {
                Ok(Models::default())
            } else {
                written(&self.named)
            };
        }
        let ticked = |pattern: &&ModelPattern| self.models.iter().any(|m| m == pattern.as_str());
        let kept: Vec<_> = old
            .models
            .patterns()
            .iter()
            .filter(ticked)
            .cloned()
            .collect();
        // None is not every.
        if kept.is_empty() {
            return Err("Keep at least one, or revoke the app.".to_owned());
        }
        Ok(Models::new(kept))
    }

    fn capabilities_of(&self, old: &AuthorizationDetail) -> Result<BTreeSet<Capability>, String> {
        let ticked =
            |capability: &&Capability| self.capabilities.iter().any(|c| c == capability.name());
        let kept: BTreeSet<_> = old.capabilities.iter().filter(ticked).copied().collect();
        if kept.is_empty() {
            return Err("Keep at least one, or revoke the app.".to_owned());
        }
        Ok(kept)
    }
}

/// The models that may be taken away; none is added here.
fn models_field(detail: &AuthorizationDetail, names: &Names, filled: &Filled) -> Field {
    let field = if detail.models.is_every() {
        Field::text(names.named, "Models: every one, or only these")
            .value(filled.named.as_str())
            .hint("Apart by commas; left empty it stays every model. A * at the end stands for every model whose name begins so.")
    } else {
        let choice = |pattern: &ModelPattern| {
            let name = pattern.as_str();
            Choice::new(name, name).chosen(filled.models.iter().any(|m| m == name))
        };
        let choices = detail.models.patterns().iter().map(choice).collect();
        Field::checks(names.models, "Models", choices)
            .hint("What you take away here, the app can only get back by asking.")
    };
    field.maybe_error(filled.models_fault.clone())
}

fn capabilities_field(detail: &AuthorizationDetail, names: &Names, filled: &Filled) -> Field {
    let choice = |capability: &Capability| {
        let name = capability.name();
        Choice::new(name, in_words(*capability))
            .chosen(filled.capabilities.iter().any(|c| c == name))
    };
    let choices = detail.capabilities.iter().map(choice).collect();
    Field::checks(names.capabilities, "May be used for", choices)
        .maybe_error(filled.capabilities_fault.clone())
}

impl EditPage {
    pub(super) fn new(
        layout: Layout,
        policy: &Policy,
        row: &GrantRow,
        (filled, trying): (&[Filled], Option<&Trying>),
        now: Timestamp,
    ) -> Self {
        let verification = row.app.verification;
        let part = |((detail, names), filled): ((&AuthorizationDetail, &Names), &Filled)| {
            let most = most(policy, verification, &detail.limits);
            // For an app we know there is no bound but what the vault can count.
            let worth_saying = (verification == Verification::Unverified).then_some(&most);
            let hints = hints_of_current(&detail.limits, worth_saying);
            let keep = format!("As it is: until {}", instant_text(detail.expires));
            let mut choices = vec![Choice::new(KEEP, keep).chosen(filled.lifetime == KEEP)];
            choices.extend(span(policy, verification, now).choices(&filled.lifetime));
            Part {
                provider: detail.provider.display_name().to_owned(),
                models: models_field(detail, names, filled),
                capabilities: capabilities_field(detail, names, filled),
                limits: fields(&names.limits, &filled.limits, hints, &filled.limit_faults),
                lifetime: Field::select(names.lifetime, "How long", choices)
                    .required()
                    .maybe_error(filled.lifetime_fault.clone()),
            }
        };
        Self {
            trials: trials(&layout.csrf_field(), row, trying),
            now,
            layout,
            id: row.id,
            asker: Asker::of(&row.app),
            parts: row
                .details
                .iter()
                .zip(&NAMES)
                .zip(filled)
                .map(part)
                .collect(),
        }
    }
}
