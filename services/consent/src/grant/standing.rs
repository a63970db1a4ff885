//! How the limits of grants stand, read from what enforces them.

use events::{AuthorizationDetail, LimitName};
use ids::TenantId;
use jiff::Timestamp;
use serde::Serialize;
use spend_limits::{Amount, Bucket, CallLimits, LimitStanding, tightest};
use utoipa::ToSchema;

use super::GrantRow;
use crate::{
    budget::{self, BudgetRow},
    vault::Vault,
};

/// One limit at one provider: what it allows and how much of it is used.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LimitView {
    /// At which provider.
    pub provider: String,
    /// The limit's name.
    #[schema(value_type = String)]
    pub name: LimitName,
    /// What it allows: USD as a decimal string, or a count.
    pub limit: String,
    /// What is used.
    pub spent: String,
    /// What running calls hold.
    pub reserved: String,
    /// What is left.
    pub remaining: String,
    /// When the period ends.
    #[schema(value_type = String, format = DateTime)]
    pub resets_at: Timestamp,
    /// The same amounts, for pages.
    #[serde(skip)]
    pub amounts: (Amount, Amount, Amount),
}

/// How the limits of these grants of one organization stand, grant by grant: of each no more remains
/// than of the grants above it and of the budgets that cover it. `None` when they cannot be read now.
pub async fn of(
    vault: &Vault,
    tenant: TenantId,
    grants: &[GrantRow],
) -> Vec<Option<Vec<LimitView>>> {
    read(vault, tenant, grants).await.map_or_else(
        || grants.iter().map(|_| None).collect(),
        |views| views.into_iter().map(Some).collect(),
    )
}

async fn read(vault: &Vault, tenant: TenantId, grants: &[GrantRow]) -> Option<Vec<Vec<LimitView>>> {
    let budgets = budget::in_force(vault, tenant).await.ok()?;
    let counted: Vec<Vec<(Bucket, CallLimits)>> = grants
        .iter()
        .flat_map(|grant| grant.details.iter().map(move |detail| (grant, detail)))
        .map(|(grant, detail)| counted(grant, detail, &budgets))
        .collect();
    let standings = vault.spend_limits.standings(&counted.concat()).await.ok()?;
    let mut standings = standings.into_iter();
    let mut levels = counted.iter().map(Vec::len);
    let mut of_detail = |detail: &AuthorizationDetail| {
        let standings = standings.by_ref().take(levels.next()?);
        let standing = standings.reduce(|own, above| tightest(own, &above))?;
        let provider = detail.provider.as_str();
        Some(standing.iter().map(|limit| view(provider, limit)).collect())
    };
    let mut of_grant = |grant: &GrantRow| {
        let views: Option<Vec<Vec<LimitView>>> = grant.details.iter().map(&mut of_detail).collect();
        views.map(|views| views.concat())
    };
    grants.iter().map(&mut of_grant).collect()
}

/// What calls under this detail count against: its own limits, then those above.
fn counted(
    grant: &GrantRow,
    detail: &AuthorizationDetail,
    budgets: &[BudgetRow],
) -> Vec<(Bucket, CallLimits)> {
    let provider = &detail.provider;
    let above = grant.above.iter().filter_map(|ancestor| {
        let limits = ancestor.limits.get(provider)?;
        Some((ancestor.grant, limits))
    });
    let grants = std::iter::once((grant.id, &detail.limits))
        .chain(above)
        .map(|(grant, limits)| (Bucket::new(grant, provider), CallLimits::from(limits)));
    let budgets = budgets
        .iter()
        .filter(|budget| budget.scope.covers(grant.user, grant.app.app, provider))
        .map(|budget| {
            let limits = CallLimits::from(&budget.amounts);
            (Bucket::of_budget(budget.id), limits)
        });
    grants.chain(budgets).collect()
}

fn view(provider: &str, standing: &LimitStanding) -> LimitView {
    LimitView {
        provider: provider.to_owned(),
        name: standing.name,
        limit: standing.limit.to_string(),
        spent: standing.spent.to_string(),
        reserved: standing.reserved.to_string(),
        remaining: standing.remaining.to_string(),
        resets_at: standing.resets_at,
        amounts: (standing.limit, standing.spent, standing.remaining),
    }
}
