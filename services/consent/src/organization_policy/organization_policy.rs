//! The rules of setting an organization's policy.

use event_store::Aggregate;
use events::{DynamicApps, OrganizationPolicyEvent, PolicyRules, SelfRegistration};

/// The most days that any organization can let a grant last.
pub const LONGEST_DAYS: u16 = 365;

/// An organization's policy, as its events add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OrganizationPolicy {
    rules: PolicyRules,
}

/// Why a policy was not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The longest grant is shorter than a day or longer than a year.
    #[error("a grant lasts 1 to {LONGEST_DAYS} days at most")]
    Days,
}

impl OrganizationPolicy {
    /// Sets the policy as a whole. The same again changes nothing and is no fault.
    ///
    /// # Errors
    /// When a rule of it cannot be kept.
    pub fn set(self, rules: PolicyRules) -> Result<Option<OrganizationPolicyEvent>, Refusal> {
        if !(1..=LONGEST_DAYS).contains(&rules.longest_grant_days) {
            return Err(Refusal::Days);
        }
        Ok((rules != self.rules).then_some(OrganizationPolicyEvent::Set { rules }))
    }
}

/// Whether people may approve an app that made itself known so; one that an administrator registered
/// always.
#[must_use]
pub const fn allows(rules: &PolicyRules, registration: Option<&SelfRegistration>) -> bool {
    match registration {
        None => true,
        Some(SelfRegistration::Token {}) => !matches!(rules.dynamic_apps, DynamicApps::None),
        Some(SelfRegistration::Anybody {}) => matches!(rules.dynamic_apps, DynamicApps::Any),
        Some(SelfRegistration::Document { .. }) => rules.client_documents,
    }
}

impl Aggregate for OrganizationPolicy {
    type Event = OrganizationPolicyEvent;

    fn apply(&mut self, event: &OrganizationPolicyEvent) {
        match event {
            OrganizationPolicyEvent::Set { rules } => self.rules = *rules,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_what_holds_already_is_no_event() {
        let mut policy = OrganizationPolicy::default();
        assert_eq!(policy.set(PolicyRules::default()), Ok(None));
        let stricter = PolicyRules {
            every_model: false,
            ..PolicyRules::default()
        };
        let set = policy.set(stricter).unwrap().unwrap();
        policy.apply(&set);
        assert_eq!(policy.set(stricter), Ok(None));
        assert!(policy.set(PolicyRules::default()).unwrap().is_some());
    }

    #[test]
    fn a_grant_lasts_a_day_to_a_year_at_most() {
        for (days, taken) in [(0, false), (1, true), (365, true), (366, false)] {
            let rules = PolicyRules {
                longest_grant_days: days,
                ..PolicyRules::default()
            };
            let set = OrganizationPolicy::default().set(rules);
            assert_eq!(set.is_ok(), taken, "{days}");
        }
    }
}
