//! Shadow limits of a budget: lower amounts are tried first. No call is refused by them, each that would
//! have been is counted, and then they bite or go.

use actix_web::{HttpResponse, post, web};
use event_store::StreamId;
use events::{BudgetAmounts, BudgetEvent, BudgetShadow};
use ids::{BudgetId, ShadowId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use server::{Person, Problem, RequestId};
use sessions::Permission;
use utoipa::ToSchema;

use super::{Budget, BudgetError, Budgets, Refusal, budget::check_amounts, http};
use crate::{
    projections::{load, record},
    vault::Actor,
};

/// Lower amounts that are tried, at least one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TriedAmounts {
    /// USD in a UTC calendar month, as a decimal string.
    pub(super) monthly_spend: Option<String>,
    /// USD in a UTC calendar day, as a decimal string.
    pub(super) daily_spend: Option<String>,
}

/// Lower amounts of a budget that are tried: no call is refused by them.
#[derive(Serialize, ToSchema)]
pub struct BudgetShadowView {
    /// Their id: billing tells at `/api/v1/usage/shadow-limits` what they would have refused.
    #[schema(value_type = String)]
    id: ShadowId,
    /// USD in a UTC calendar month.
    #[serde(skip_serializing_if = "Option::is_none")]
    monthly_spend: Option<String>,
    /// USD in a UTC calendar day.
    #[serde(skip_serializing_if = "Option::is_none")]
    daily_spend: Option<String>,
    /// Since when. Calls that began before are not counted.
    #[schema(value_type = String, format = DateTime)]
    set_at: Timestamp,
}

impl BudgetShadowView {
    pub(super) fn of((shadow, set_at): (BudgetShadow, Timestamp)) -> Self {
        Self {
            id: shadow.id,
            monthly_spend: shadow
                .amounts
                .monthly_spend
                .map(|amount| amount.to_string()),
            daily_spend: shadow.amounts.daily_spend.map(|amount| amount.to_string()),
            set_at,
        }
    }
}

impl Budget {
    /// Tries lower amounts, in the place of those that are tried. `None` when these very ones are: they
    /// go on counting.
    ///
    /// # Errors
    /// When there is no such budget in force, or an amount is none or above the one in force.
    pub fn set_shadow_limits(&self, new: BudgetShadow) -> Result<Option<BudgetEvent>, Refusal> {
        let Self::Set {
            amounts, shadow, ..
        } = self
        else {
            return Err(Refusal::Unknown);
        };
        check_amounts(&new.amounts)?;
        if let Some(name) = new.amounts.above(amounts) {
            return Err(Refusal::ShadowAbove(name));
        }
        let same = shadow.is_some_and(|tried| tried.amounts == new.amounts);
        Ok((!same).then_some(BudgetEvent::ShadowLimitsSet {
            shadow: new.id,
            amounts: new.amounts,
        }))
    }

    /// They are tried no longer. Dropping none is no fault.
    ///
    /// # Errors
    /// When there is no such budget in force.
    pub fn drop_shadow_limits(&self) -> Result<Option<BudgetEvent>, Refusal> {
        match self {
            Self::Set { shadow, .. } => {
                Ok(shadow.map(|tried| BudgetEvent::ShadowLimitsDropped { shadow: tried.id }))
            }
            Self::None | Self::Removed => Err(Refusal::Unknown),
        }
    }

    /// They bite from now on.
    ///
    /// # Errors
    /// When there is no such budget in force, or none are tried.
    pub fn adopt_shadow_limits(&self) -> Result<[BudgetEvent; 2], Refusal> {
        let Self::Set {
            amounts,
            label,
            shadow,
        } = self
        else {
            return Err(Refusal::Unknown);
        };
        let tried = shadow.ok_or(Refusal::NoShadowLimits)?;
        Ok([
            BudgetEvent::ShadowLimitsAdopted { shadow: tried.id },
            BudgetEvent::Changed {
                amounts: tried.amounts.upon(amounts),
                label: label.clone(),
            },
        ])
    }
}

impl Budgets {
    /// Tries lower amounts of a budget, or none any more.
    ///
    /// # Errors
    /// When there is no such budget, a rule forbids it, or it cannot be recorded.
    pub async fn change_shadow_limits(
        &self,
        actor: &Actor,
        id: BudgetId,
        amounts: Option<BudgetAmounts>,
    ) -> Result<(), BudgetError> {
        let new = ShadowId::new(self.vault().clock.now());
        let event = |budget: &Budget| match amounts {
            Some(amounts) => budget.set_shadow_limits(BudgetShadow { id: new, amounts }),
            None => budget.drop_shadow_limits(),
        };
        let events = |budget: &Budget| Ok(event(budget)?.into_iter().collect());
        self.append(actor, id, events).await
    }

    /// Makes the lower amounts bite: what was spent counts.
    ///
    /// # Errors
    /// When there is no such budget, none are tried, or it cannot be recorded.
    pub async fn adopt_shadow_limits(
        &self,
        actor: &Actor,
        id: BudgetId,
    ) -> Result<(), BudgetError> {
        let events = |budget: &Budget| Ok(budget.adopt_shadow_limits()?.to_vec());
        self.append(actor, id, events).await
    }

    async fn append(
        &self,
        actor: &Actor,
        id: BudgetId,
        events: impl Fn(&Budget) -> Result<Vec<BudgetEvent>, Refusal>,
    ) -> Result<(), BudgetError> {
        let vault = self.vault();
        let tx = vault.begin("change shadow limits", actor.tenant).await?;
        let stream = StreamId::of::<BudgetEvent, _>(id);
        let (budget, version) = load::<Budget>(&tx, &stream).await?;
        let events = events(&budget)?;
        if !events.is_empty() {
            record(&tx, &stream, version, &events, &vault.context(actor)).await?;
            tx.commit().await?;
            vault.changed(&[]);
        }
        Ok(())
    }
}

/// Makes the shadow limits of a budget bite: they are what it allows from now on, and what was spent
/// under it counts.
#[utoipa::path(tag = "budgets", params(("id" = String, Path)), responses(
    (status = 200, body = http::BudgetView), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem),
    (status = 409, body = Problem), (status = 503, body = Problem)))]
#[post("/api/v1/budgets/{id}/shadow-limits/adopt")]
pub(crate) async fn adopt(
    person: Person,
    request_id: RequestId,
    budgets: web::Data<Budgets>,
    id: web::Path<BudgetId>,
) -> Result<HttpResponse, Problem> {
    person.require(Permission::ManageBudgets)?;
    let actor = Actor::person(&person, &request_id);
    budgets.adopt_shadow_limits(&actor, *id).await?;
    let adopted = http::shown(&budgets, person.tenant, *id).await?;
    Ok(HttpResponse::Ok().json(adopted))
}

#[cfg(test)]
mod tests {
    use event_store::Aggregate;
    use events::{BudgetScope, LimitName};
    use money::Nanodollars;

    use super::*;

    fn amounts(monthly: Option<i64>, daily: Option<i64>) -> BudgetAmounts {
        BudgetAmounts {
            monthly_spend: monthly.map(Nanodollars::from_nanos),
            daily_spend: daily.map(Nanodollars::from_nanos),
        }
    }

    fn shadow(id: u128, amounts: BudgetAmounts) -> BudgetShadow {
        BudgetShadow {
            id: ShadowId::from_uuid(uuid::Uuid::from_u128(id)),
            amounts,
        }
    }

    fn monthly(limit: i64) -> Budget {
        let scope = BudgetScope::Organization {};
        let set = Budget::default().set(scope, amounts(Some(limit), None), None);
        after(&Budget::default(), set)
    }

    fn after(budget: &Budget, events: impl IntoIterator<Item = BudgetEvent>) -> Budget {
        let mut budget = budget.clone();
        events.into_iter().for_each(|event| budget.apply(&event));
        budget
    }

    #[test]
    fn only_a_tightening_is_tried() {
        let budget = monthly(10);
        let of = |amounts| budget.set_shadow_limits(shadow(1, amounts)).err();
        assert_eq!(of(amounts(Some(10), None)), None);
        let above = Refusal::ShadowAbove(LimitName::MonthlySpend);
        assert_eq!(of(amounts(Some(11), None)), Some(above));
        assert_eq!(of(amounts(None, None)), Some(Refusal::NoAmount));
        let none = Refusal::Amount(LimitName::DailySpend);
        assert_eq!(of(amounts(None, Some(0))), Some(none));
        // A day that is not bounded yet.
        assert_eq!(of(amounts(None, Some(1_000))), None);
        let unknown = Budget::default().set_shadow_limits(shadow(1, amounts(Some(1), None)));
        assert_eq!(unknown, Err(Refusal::Unknown));
    }

    #[test]
    fn they_are_adopted_or_dropped() {
        let budget = monthly(10);
        assert_eq!(budget.drop_shadow_limits(), Ok(None));
        assert_eq!(budget.adopt_shadow_limits(), Err(Refusal::NoShadowLimits));
        let tried = shadow(1, amounts(Some(4), Some(2)));
        let trying = after(&budget, budget.set_shadow_limits(tried).unwrap());
        let again = shadow(2, tried.amounts);
        assert_eq!(trying.set_shadow_limits(again), Ok(None));
        let dropped = trying.drop_shadow_limits().unwrap();
        assert_eq!(after(&trying, dropped), budget);
        let adopted = after(&trying, trying.adopt_shadow_limits().unwrap());
        let expected = Budget::Set {
            amounts: amounts(Some(4), Some(2)),
            label: None,
            shadow: None,
        };
        assert_eq!(adopted, expected);
    }
}
