//! What a rule grants, and its life: in force until its person removes it.

use event_store::Aggregate;
use events::{
    AppKey, ApprovalRuleEvent, AuthorizationDetail, RequestedDetail, RuleTerms, Verification,
};
use ids::{ProviderKeyId, UserId};
use jiff::Timestamp;
use money::Nanodollars;

use crate::{address::granted_within, policy::Policy};

/// A rule, as its events add up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ApprovalRule {
    /// Not written yet.
    #[default]
    None,
    /// In force.
    Written {
        /// Who wrote it.
        user: UserId,
    },
    /// It decides nothing any more.
    Removed,
}

/// Why nothing was done with a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such rule.
    #[error("there is no such approval rule")]
    Unknown,
    /// It exists already.
    #[error("this approval rule exists already")]
    Exists,
    /// Anyone can be the app that it names.
    #[error("a rule is for an app that is verified, never for a name that anyone can type")]
    Nameless,
}

/// What the live grants of a rule come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InForce {
    /// How many there are.
    pub grants: usize,
    /// What their monthly limits add up to; `None` when that is more than can be said.
    pub monthly_total: Option<Nanodollars>,
}

impl ApprovalRule {
    /// A person writes it.
    ///
    /// # Errors
    /// When a rule of this id exists, or the app is known by a name alone.
    pub fn write(
        &self,
        user: UserId,
        key: AppKey,
        name: String,
        terms: RuleTerms,
    ) -> Result<ApprovalRuleEvent, Refusal> {
        match (self, &key) {
            (_, AppKey::Name { .. }) => Err(Refusal::Nameless),
            (Self::None, _) => Ok(ApprovalRuleEvent::Written {
                user,
                key,
                name,
                terms: Box::new(terms),
            }),
            _ => Err(Refusal::Exists),
        }
    }

    /// The person removes it. Another person's rule is as unknown as none.
    ///
    /// # Errors
    /// When there is no such rule in force.
    pub fn remove(&self, by: UserId) -> Result<ApprovalRuleEvent, Refusal> {
        match self {
            Self::Written { user } if *user == by => Ok(ApprovalRuleEvent::Removed {}),
            _ => Err(Refusal::Unknown),
        }
    }
}

impl Aggregate for ApprovalRule {
    type Event = ApprovalRuleEvent;

    fn apply(&mut self, event: &ApprovalRuleEvent) {
        *self = match event {
            ApprovalRuleEvent::Written { user, .. } => Self::Written { user: *user },
            ApprovalRuleEvent::Removed {} => Self::Removed,
        };
    }
}

impl InForce {
    /// What these live grants come to.
    #[must_use]
    pub fn of(grants: &[Vec<AuthorizationDetail>]) -> Self {
        Self {
            grants: grants.len(),
            monthly_total: total(grants.iter().flatten()),
        }
    }
}

fn total<'a>(details: impl Iterator<Item = &'a AuthorizationDetail>) -> Option<Nanodollars> {
    details
        .map(|detail| detail.limits.monthly_spend)
        .try_fold(Nanodollars::ZERO, Nanodollars::checked_add)
}

/// What a rule grants at once of what was asked: what lies within the rule, within the request and
/// within what the vault gives at all, with what it granted before. `None` when any of it does not:
/// then the person decides about all of it.
#[must_use]
pub fn granted(
    terms: &RuleTerms,
    policy: &Policy,
    verification: Verification,
    asked: &[(RequestedDetail, ProviderKeyId)],
    in_force: InForce,
    now: Timestamp,
) -> Option<Vec<AuthorizationDetail>> {
    if verification == Verification::Unverified || in_force.grants >= usize::from(terms.live_grants)
    {
        return None;
    }
    let one = |(asked, key): &(RequestedDetail, ProviderKeyId)| {
        let within = granted_within(&terms.ceiling, policy, asked, *key, now)?;
        let most = policy.ceiling(asked, verification, now);
        // What the app left open is what both give.
        let given = AuthorizationDetail {
            limits: within.limits.lower_of(&most.limits),
            expires: within.expires.min(most.expires),
            ..within
        };
        let allowed = most.refusal(asked, &given).is_none() && given.expires > now;
        allowed.then_some(given)
    };
    let details: Vec<_> = asked.iter().map(one).collect::<Option<_>>()?;
    let together = total(details.iter())?.checked_add(in_force.monthly_total?)?;
    (!details.is_empty() && together <= terms.monthly_total).then_some(details)
}

#[cfg(test)]
mod tests;
