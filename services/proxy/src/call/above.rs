//! What stands above a call: the grants above its own, and the budgets of its organization that
//! cover it.

use events::{BudgetScope, LimitName, Provider};
use grant_access::{Budget, GrantAccess};
use ids::{BudgetId, GrantId};
use jiff::Timestamp;
use money::Nanodollars;
use spend_limits::{Above, CallLimits};

use crate::{call::gate::Gate, error::Refusal};

/// The budgets that a call under this grant counts against at this provider.
///
/// # Errors
/// When they cannot be read: a call is never taken to have none.
pub(super) async fn budgets(
    gate: &Gate,
    access: &GrantAccess,
    provider: &Provider,
) -> Result<Vec<Budget>, Refusal> {
    let all = gate.budgets.of(access.tenant).await.map_err(|error| {
        tracing::error!(%error, "budgets cannot be read");
        Refusal::VaultUnavailable
    })?;
    let covers = |budget: &&Budget| budget.covers(access.user, access.app.app, provider);
    Ok(all.iter().filter(covers).cloned().collect())
}

/// The grants above with their limits at this provider, and these budgets with theirs.
pub(super) fn above(
    access: &GrantAccess,
    provider: &Provider,
    budgets: &[Budget],
) -> Result<Above, Refusal> {
    if access.ancestors.is_empty() && budgets.is_empty() {
        return Ok(Above::NONE);
    }
    let grants = access.ancestors.iter().map(|ancestor| {
        let limits = ancestor.limits.get(provider)?;
        Some((ancestor.grant, CallLimits::from(limits)))
    });
    let grants: Option<Vec<(GrantId, CallLimits)>> = grants.collect();
    let budgets: Vec<(BudgetId, CallLimits)> = budgets
        .iter()
        .map(|budget| (budget.id, CallLimits::from(&budget.amounts)))
        .collect();
    grants
        .and_then(|grants| Above::of(&grants, &budgets))
        .ok_or_else(|| {
            // Nothing is granted that is not granted above, and there is one budget for each scope,
            // so this is a fault in what was written.
            tracing::error!(grant.id = %access.grant, "what stands above a grant cannot be told");
            Refusal::VaultUnavailable
        })
}

/// A budget is in the way. What others spent of it is told to its organization, not to an app.
pub(super) fn refusal_of(
    budget: BudgetId,
    budgets: &[Budget],
    limit_name: LimitName,
    needed: Nanodollars,
    resets_at: Timestamp,
) -> Refusal {
    let Some(budget) = budgets.iter().find(|one| one.id == budget) else {
        return Refusal::Fault;
    };
    Refusal::Budget {
        budget: budget.id,
        covers: match &budget.scope {
            BudgetScope::Organization {} => String::new(),
            BudgetScope::User { .. } => " for the person of this grant".to_owned(),
            BudgetScope::App { .. } => " for this app".to_owned(),
            BudgetScope::Provider { provider } => format!(" for {}", provider.as_str()),
        },
        limit_name,
        needed,
        resets_at,
    }
}
