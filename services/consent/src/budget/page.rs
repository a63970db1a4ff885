//! `/budgets`: what an organization lets be spent above its grants, for those who set it.

mod names;
mod view;

use std::collections::BTreeMap;

use actix_web::{HttpResponse, get, http::StatusCode, post, web};
use events::{BudgetAmounts, BudgetScope};
use ids::BudgetId;
use money::Nanodollars;
use pages::{Notice, Section};
use serde::Deserialize;
use server::{Nothing, PagePerson, Problem, RequestId, SignedForm, StrictQuery};
use sessions::{Permission, SignedIn};

use self::{names::Names, view::BudgetsPage};
use super::{BudgetError, BudgetRow, Budgets, Change, Refusal};
use crate::{
    consent_page::{amount_text, see_other},
    inbox,
    vault::{Actor, Vault},
};

/// Adds the routes.
pub fn configure(config: &mut web::ServiceConfig) {
    config
        .service(list)
        .service(set)
        .service(change)
        .service(remove);
}

type Rooms = (web::Data<Vault>, web::Data<Budgets>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// The budget that is to be changed.
    change: Option<BudgetId>,
    /// What was just done.
    done: Option<String>,
}

/// What stands in the form, and what is wrong with it.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Answers {
    scope: String,
    monthly_spend: String,
    daily_spend: String,
    label: String,
    /// By the place in a request that the field stands for.
    #[serde(skip)]
    faults: BTreeMap<String, String>,
}

#[get("/budgets")]
async fn list(
    person: PagePerson,
    query: StrictQuery<ListQuery>,
    rooms: Rooms,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::ManageBudgets)?;
    let ListQuery {
        change: changed,
        done,
    } = query.0;
    let answers = match changed {
        None => Answers::default(),
        Some(id) => Answers::of(&found(&rooms.1, &person, id).await?),
    };
    let notice = done.as_deref().and_then(told);
    page(
        &rooms,
        &person,
        (changed, answers),
        (StatusCode::OK, notice),
    )
    .await
}

#[post("/budgets")]
async fn set(
    form: SignedForm<Answers>,
    request_id: RequestId,
    rooms: Rooms,
) -> Result<HttpResponse, Problem> {
    form.require(Permission::ManageBudgets)?;
    let SignedForm { person, form } = form;
    let actor = Actor::person(&person, &request_id);
    match form.set(&rooms.1, &actor).await {
        Ok(()) => Ok(see_other("/budgets?done=set")),
        Err(problem) => refused(&rooms, &person, (None, form), problem).await,
    }
}

#[post("/budgets/{id}/change")]
async fn change(
    form: SignedForm<Answers>,
    request_id: RequestId,
    rooms: Rooms,
    id: web::Path<BudgetId>,
) -> Result<HttpResponse, Problem> {
    form.require(Permission::ManageBudgets)?;
    let SignedForm { person, form } = form;
    let actor = Actor::person(&person, &request_id);
    match form.change(&rooms.1, &actor, *id).await {
        Ok(()) => Ok(see_other("/budgets?done=changed")),
        Err(problem) => refused(&rooms, &person, (Some(*id), form), problem).await,
    }
}

#[post("/budgets/{id}/remove")]
async fn remove(
    form: SignedForm<Nothing>,
    request_id: RequestId,
    rooms: Rooms,
    id: web::Path<BudgetId>,
) -> Result<HttpResponse, Problem> {
    form.require(Permission::ManageBudgets)?;
    let actor = Actor::person(&form.person, &request_id);
    rooms.1.remove(&actor, *id).await?;
    Ok(see_other("/budgets?done=removed"))
}

fn told(done: &str) -> Option<Notice> {
    match done {
        "set" => Some(Notice::good(
            "Set. Calls that begin from now on count against it; none that began before does.",
        )),
        "changed" => Some(Notice::good(
            "Changed. It counts so within a second; what was spent stays spent.",
        )),
        "removed" => Some(Notice::info("Removed. It bounds nothing any more.")),
        _ => None,
    }
}

/// The form again, with what the rules say of it. What is no fault of the form is a page of its own.
async fn refused(
    rooms: &Rooms,
    person: &SignedIn,
    (id, mut form): (Option<BudgetId>, Answers),
    problem: Problem,
) -> Result<HttpResponse, Problem> {
    let status = match problem.status() {
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        StatusCode::CONFLICT => StatusCode::CONFLICT,
        _ => return Err(problem),
    };
    let faults = problem.errors().iter();
    form.faults = faults
        .map(|fault| (fault.pointer.clone(), fault.detail.clone()))
        .collect();
    let notice = Notice::bad(format!("Nothing was changed. {}", problem.detail()));
    page(rooms, person, (id, form), (status, Some(notice))).await
}

async fn found(budgets: &Budgets, person: &SignedIn, id: BudgetId) -> Result<BudgetRow, Problem> {
    let found = budgets.one(person.tenant, id).await;
    let found = found.map_err(|e| Problem::dependency(&e))?;
    let (row, _) = found.ok_or_else(|| Problem::from(BudgetError::from(Refusal::Unknown)))?;
    Ok(row)
}

async fn page(
    (vault, budgets): &Rooms,
    person: &SignedIn,
    (changed, form): (Option<BudgetId>, Answers),
    (status, notice): (StatusCode, Option<Notice>),
) -> Result<HttpResponse, Problem> {
    let unreachable = |error| Problem::dependency(&error);
    let stands = budgets.of(person.tenant).await.map_err(unreachable)?;
    let names = Names::of(vault, person).await.map_err(unreachable)?;
    let layout = inbox::layout(vault, person, "Budgets", Section::Account).await?;
    let page = BudgetsPage::new(
        layout.maybe_notice(notice),
        (stands, &names),
        (changed, &form),
        vault.clock.now(),
    );
    Ok(pages::html_with(status, &page))
}

impl Answers {
    fn of(row: &BudgetRow) -> Self {
        let text = |amount: Option<_>| amount.map(amount_text).unwrap_or_default();
        Self {
            scope: row.scope.to_string(),
            monthly_spend: text(row.amounts.monthly_spend),
            daily_spend: text(row.amounts.daily_spend),
            label: row.label.clone().unwrap_or_default(),
            faults: BTreeMap::new(),
        }
    }

    /// The scope, as the choices spell it.
    fn scope(&self) -> Result<BudgetScope, Problem> {
        let scope = match self.scope.split_once(':') {
            None if self.scope == "organization" => Some(BudgetScope::Organization {}),
            Some(("user", id)) => id.parse().ok().map(|user| BudgetScope::User { user }),
            Some(("app", id)) => id.parse().ok().map(|app| BudgetScope::App { app }),
            Some(("provider", name)) => {
                let provider = name.parse().ok();
                provider.map(|provider| BudgetScope::Provider { provider })
            }
            _ => None,
        };
        scope.ok_or_else(|| {
            let why = "Choose whose calls it bounds.";
            Problem::bad_request(why).at("/scope", why)
        })
    }

    fn amounts(&self) -> Result<BudgetAmounts, Problem> {
        Ok(BudgetAmounts {
            monthly_spend: amount("/monthly_spend", &self.monthly_spend)?,
            daily_spend: amount("/daily_spend", &self.daily_spend)?,
        })
    }

    async fn set(&self, budgets: &Budgets, actor: &Actor) -> Result<(), Problem> {
        let (scope, amounts) = (self.scope()?, self.amounts()?);
        budgets.set(actor, scope, amounts, self.named()).await?;
        Ok(())
    }

    async fn change(&self, budgets: &Budgets, actor: &Actor, id: BudgetId) -> Result<(), Problem> {
        let amounts = self.amounts()?;
        let wanted = Change {
            monthly_spend: Some(amounts.monthly_spend),
            daily_spend: Some(amounts.daily_spend),
            label: Some(self.named()),
        };
        Ok(budgets.change(actor, id, wanted).await?)
    }

    fn named(&self) -> Option<String> {
        let name = self.label.trim();
        (!name.is_empty()).then(|| name.to_owned())
    }

    fn fault(&self, place: &str) -> Option<String> {
        self.faults.get(place).cloned()
    }
}

/// An amount as a person writes it; an empty one bounds nothing.
fn amount(place: &str, text: &str) -> Result<Option<Nanodollars>, Problem> {
    let text = text.trim();
    let digits = text.strip_prefix('$').unwrap_or(text).trim();
    if digits.is_empty() {
        return Ok(None);
    }
    digits.parse().map(Some).map_err(|_| {
        let why = "Write an amount in dollars, such as 10 or 2.50.";
        Problem::bad_request(why).at(place, why)
    })
}

#[cfg(test)]
mod tests;
