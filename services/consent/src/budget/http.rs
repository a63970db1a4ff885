//! `/api/v1/budgets`.

use actix_web::{HttpResponse, delete, get, patch, post, web};
use events::{BudgetAmounts, BudgetScope, LimitName, Provider};
use ids::{AppId, BudgetId, TenantId, UserId};
use jiff::Timestamp;
use money::Nanodollars;
use serde::{Deserialize, Deserializer, Serialize};
use server::{Page, Person, Problem, RequestId, StrictJson};
use sessions::Permission;
use utoipa::ToSchema;

use super::{
    BudgetError, Budgets, Change, Refusal, SpendView,
    shadow::{BudgetShadowView, TriedAmounts},
    store::Stands,
};
use crate::{vault::Actor, wire_error::sentence};

/// Whose calls a budget bounds.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScopeKind {
    /// Every call of the organization.
    Organization,
    /// The calls under one person's grants; name them with `user_id`.
    User,
    /// The calls of one registered app; name it with `client_id`.
    App,
    /// The calls at one provider; name it with `provider`.
    Provider,
}

/// A budget to set. It bounds a month, a day or both.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBudget {
    /// Whose calls it bounds.
    scope: ScopeKind,
    /// The person, of the scope `user`.
    #[schema(value_type = Option<String>)]
    user_id: Option<UserId>,
    /// The app, of the scope `app`.
    #[schema(value_type = Option<String>)]
    client_id: Option<AppId>,
    /// The provider, of the scope `provider`.
    provider: Option<String>,
    /// USD in a UTC calendar month, as a decimal string.
    monthly_spend: Option<String>,
    /// USD in a UTC calendar day, as a decimal string.
    daily_spend: Option<String>,
    /// Its name for people, up to 100 characters.
    label: Option<String>,
}

/// What is to be another. What is left out stays; `null` takes it away.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetChange {
    /// USD in a UTC calendar month, as a decimal string.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    monthly_spend: Option<Option<String>>,
    /// USD in a UTC calendar day, as a decimal string.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    daily_spend: Option<Option<String>>,
    /// Its name for people.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    label: Option<Option<String>>,
    /// Lower amounts to try in the place of those that are tried, by themselves: no call is refused by
    /// them. `null` drops them.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<TriedAmounts>)]
    shadow_limits: Option<Option<TriedAmounts>>,
}

/// A member that is there, be it `null`.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A budget: what may be spent above all grants that it covers.
#[derive(Serialize, ToSchema)]
pub struct BudgetView {
    /// Its id.
    #[schema(value_type = String)]
    id: BudgetId,
    /// Whose calls it bounds.
    scope: ScopeKind,
    /// The person, of the scope `user`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    user_id: Option<UserId>,
    /// The app, of the scope `app`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    client_id: Option<AppId>,
    /// The provider, of the scope `provider`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    provider: Option<Provider>,
    /// Its name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    /// USD in a UTC calendar month.
    #[serde(skip_serializing_if = "Option::is_none")]
    monthly_spend: Option<String>,
    /// USD in a UTC calendar day.
    #[serde(skip_serializing_if = "Option::is_none")]
    daily_spend: Option<String>,
    /// Since when. Calls that began before do not count against it.
    #[schema(value_type = String, format = DateTime)]
    set_at: Timestamp,
    /// When it was changed last.
    #[schema(value_type = String, format = DateTime)]
    changed_at: Timestamp,
    /// How much of each amount is used; `null` when that cannot be read now.
    standing: Option<Vec<SpendView>>,
    /// The lower amounts that are tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    shadow_limits: Option<BudgetShadowView>,
}

impl From<Stands> for BudgetView {
    fn from((row, standing): Stands) -> Self {
        let (scope, user_id, client_id, provider) = match row.scope {
            BudgetScope::Organization {} => (ScopeKind::Organization, None, None, None),
            BudgetScope::User { user } => (ScopeKind::User, Some(user), None, None),
            BudgetScope::App { app } => (ScopeKind::App, None, Some(app), None),
            BudgetScope::Provider { provider } => (ScopeKind::Provider, None, None, Some(provider)),
        };
        Self {
            id: row.id,
            scope,
            user_id,
            client_id,
            provider,
            label: row.label,
            monthly_spend: row.amounts.monthly_spend.map(|amount| amount.to_string()),
            daily_spend: row.amounts.daily_spend.map(|amount| amount.to_string()),
            set_at: row.set_at,
            changed_at: row.changed_at,
            standing,
            shadow_limits: row.shadow.map(BudgetShadowView::of),
        }
    }
}

impl NewBudget {
    fn scope(&self) -> Result<BudgetScope, Problem> {
        let named = [
            ("user_id", self.user_id.is_some()),
            ("client_id", self.client_id.is_some()),
            ("provider", self.provider.is_some()),
        ];
        let needed = match self.scope {
            ScopeKind::Organization => None,
            ScopeKind::User => Some("user_id"),
            ScopeKind::App => Some("client_id"),
            ScopeKind::Provider => Some("provider"),
        };
        for (name, given) in named {
            if given && needed != Some(name) {
                let detail = format!("{name} does not belong to this scope.");
                return Err(
                    Problem::bad_request(detail).at(format!("/{name}"), "not of this scope")
                );
            }
        }
        let missing = || {
            let name = needed.unwrap_or_default();
            Problem::bad_request(format!("This scope needs {name}."))
                .at(format!("/{name}"), "missing")
        };
        Ok(match self.scope {
            ScopeKind::Organization => BudgetScope::Organization {},
            ScopeKind::User => BudgetScope::User {
                user: self.user_id.ok_or_else(missing)?,
            },
            ScopeKind::App => BudgetScope::App {
                app: self.client_id.ok_or_else(missing)?,
            },
            ScopeKind::Provider => BudgetScope::Provider {
                provider: provider(self.provider.as_deref().ok_or_else(missing)?)?,
            },
        })
    }
}

fn provider(name: &str) -> Result<Provider, Problem> {
    name.parse().map_err(|_| unknown_provider())
}

fn unknown_provider() -> Problem {
    let all = Provider::BUILT_IN.join(", ");
    let detail = format!("provider is one of {all}, or one that your organization added.");
    Problem::bad_request(detail).at("/provider", "not known")
}

fn amount(name: LimitName, text: Option<&str>) -> Result<Option<Nanodollars>, Problem> {
    let read = text.map(str::parse).transpose();
    read.map_err(|_| {
        let name = name.name();
        let why = "a decimal amount of USD as a string is needed";
        Problem::bad_request(format!("{name}: {why}.")).at(format!("/{name}"), why)
    })
}

fn amounts(tried: &TriedAmounts) -> Result<BudgetAmounts, Problem> {
    Ok(BudgetAmounts {
        monthly_spend: amount(LimitName::MonthlySpend, tried.monthly_spend.as_deref())?,
        daily_spend: amount(LimitName::DailySpend, tried.daily_spend.as_deref())?,
    })
}

impl TryFrom<BudgetChange> for Change {
    type Error = Problem;

    fn try_from(asked: BudgetChange) -> Result<Self, Problem> {
        let read = |name, text: Option<Option<String>>| {
            text.map(|text| amount(name, text.as_deref())).transpose()
        };
        Ok(Self {
            monthly_spend: read(LimitName::MonthlySpend, asked.monthly_spend)?,
            daily_spend: read(LimitName::DailySpend, asked.daily_spend)?,
            label: asked.label,
        })
    }
}

impl From<BudgetError> for Problem {
    fn from(error: BudgetError) -> Self {
        match error {
            BudgetError::Refused(refusal) => {
                let told = sentence(&refusal);
                match refusal {
                    Refusal::Unknown => Self::not_found("There is no such budget."),
                    Refusal::Exists => Self::conflict(told),
                    Refusal::NoAmount => Self::bad_request(told),
                    Refusal::Amount(name) => {
                        Self::bad_request(told).at(format!("/{}", name.name()), "out of range")
                    }
                    Refusal::ShadowAbove(name) => Self::unprocessable(told)
                        .named(
                            "shadow-limit-above",
                            "Shadow limits are tighter than those in force",
                        )
                        .at(
                            format!("/shadow_limits/{}", name.name()),
                            "is above the limit",
                        ),
                    Refusal::NoShadowLimits => {
                        Self::conflict(told).named("no-shadow-limits", "No shadow limits are tried")
                    }
                    Refusal::Label => Self::bad_request(told).at("/label", "1 to 100 characters"),
                }
            }
            BudgetError::UnknownUser => {
                Self::unprocessable(sentence(&error)).at("/user_id", "not a member")
            }
            BudgetError::UnknownApp => {
                Self::unprocessable(sentence(&error)).at("/client_id", "not registered")
            }
            BudgetError::UnknownProvider => unknown_provider(),
            BudgetError::Taken(_) => Self::conflict(sentence(&error))
                .named("scope-taken", "There is a budget for this scope already"),
            BudgetError::TooMany => Self::conflict(sentence(&error)),
            BudgetError::Record(error) => error.into(),
            BudgetError::Database(error) => Self::dependency(&error),
        }
    }
}

pub(super) async fn shown(
    budgets: &Budgets,
    tenant: TenantId,
    id: BudgetId,
) -> Result<BudgetView, Problem> {
    let found = budgets.one(tenant, id).await;
    found
        .map_err(|e| Problem::dependency(&e))?
        .map(BudgetView::from)
        .ok_or_else(|| Refusal::Unknown.into())
        .map_err(|refusal: BudgetError| refusal.into())
}

/// Lists your organization's budgets, oldest first, with how much of each is used.
#[utoipa::path(tag = "budgets", responses(
    (status = 200, body = Page<BudgetView>), (status = 401, body = Problem), (status = 403, body = Problem), (status = 503, body = Problem)))]
#[get("/api/v1/budgets")]
pub(crate) async fn list(
    person: Person,
    budgets: web::Data<Budgets>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::ManageBudgets)?;
    let all = budgets.of(person.tenant).await;
    let all = all.map_err(|e| Problem::dependency(&e))?;
    Ok(HttpResponse::Ok().json(Page {
        items: all.into_iter().map(BudgetView::from).collect(),
        next_cursor: None,
    }))
}

/// Sets a budget: what may be spent above the grants that it covers. Calls count against it from now on,
/// within seconds at every proxy; none that began before does. One budget for each scope, at most 50.
#[utoipa::path(tag = "budgets", request_body = NewBudget, responses(
    (status = 201, body = BudgetView), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 409, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem), (status = 422, body = Problem),
    (status = 503, body = Problem)))]
#[post("/api/v1/budgets")]
pub(crate) async fn set(
    person: Person,
    request_id: RequestId,
    budgets: web::Data<Budgets>,
    body: StrictJson<NewBudget>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::ManageBudgets)?;
    let scope = body.0.scope()?;
    let amounts = BudgetAmounts {
        monthly_spend: amount(LimitName::MonthlySpend, body.0.monthly_spend.as_deref())?,
        daily_spend: amount(LimitName::DailySpend, body.0.daily_spend.as_deref())?,
    };
    let actor = Actor::person(&person, &request_id);
    let id = budgets.set(&actor, scope, amounts, body.0.label).await?;
    Ok(HttpResponse::Created().json(shown(&budgets, person.tenant, id).await?))
}

/// Changes what a budget allows, or its label. What was spent stays spent: an amount below it lets
/// nothing through until the period ends.
///
/// `shadow_limits` tries lower amounts first: billing tells at `/api/v1/usage/shadow-limits` which calls
/// they would have refused. They count the calls that begin once they are set, and are ended by `null`, or
/// made to bite by `/shadow-limits/adopt`.
#[utoipa::path(tag = "budgets", params(("id" = String, Path)), request_body = BudgetChange, responses(
    (status = 200, body = BudgetView), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
    (status = 404, body = Problem), (status = 409, body = Problem), (status = 413, body = Problem), (status = 415, body = Problem),
    (status = 422, body = Problem), (status = 503, body = Problem)))]
#[patch("/api/v1/budgets/{id}")]
pub(crate) async fn change(
    person: Person,
    request_id: RequestId,
    budgets: web::Data<Budgets>,
    id: web::Path<BudgetId>,
    body: StrictJson<BudgetChange>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::ManageBudgets)?;
    let actor = Actor::person(&person, &request_id);
    let mut asked = body.0;
    let tried = asked.shadow_limits.take();
    let change = Change::try_from(asked)?;
    match tried {
        None => budgets.change(&actor, *id, change).await?,
        Some(tried) if change == Change::default() => {
            let tried = tried.as_ref().map(amounts).transpose()?;
            budgets.change_shadow_limits(&actor, *id, tried).await?;
        }
        Some(_) => {
            return Err(Problem::bad_request(
                "Send `shadow_limits` by itself: what is tried and what counts are changed one after \
                 the other.",
            )
            .at("/shadow_limits", "stands beside other members"));
        }
    }
    Ok(HttpResponse::Ok().json(shown(&budgets, person.tenant, *id).await?))
}

/// Removes a budget: it bounds nothing any more. One that is set anew for the same scope begins at zero.
#[utoipa::path(tag = "budgets", params(("id" = String, Path)), responses(
    (status = 204), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, body = Problem), (status = 503, body = Problem)))]
#[delete("/api/v1/budgets/{id}")]
pub(crate) async fn remove(
    person: Person,
    request_id: RequestId,
    budgets: web::Data<Budgets>,
    id: web::Path<BudgetId>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::ManageBudgets)?;
    let actor = Actor::person(&person, &request_id);
    budgets.remove(&actor, *id).await?;
    Ok(HttpResponse::NoContent().finish())
}
