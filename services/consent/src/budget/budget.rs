//! The rules of a budget, and its life: in force until it is removed.

use event_store::Aggregate;
use events::{BudgetAmounts, BudgetEvent, BudgetScope, BudgetShadow, LimitName};
use money::{LARGEST_LIMIT, Nanodollars};

/// The most characters of a budget's name.
pub const LONGEST_LABEL: usize = 100;

/// A budget, as its events add up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Budget {
    /// Not set yet.
    #[default]
    None,
    /// In force.
    Set {
        /// What it allows.
        amounts: BudgetAmounts,
        /// Its name for people.
        label: Option<String>,
        /// Lower amounts that are tried.
        shadow: Option<BudgetShadow>,
    },
    /// It bounds nothing any more.
    Removed,
}

/// What is to be another in a budget: of each member nothing, another value, or none any more.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// USD in a month.
    pub monthly_spend: Option<Option<Nanodollars>>,
    /// USD in a day.
    pub daily_spend: Option<Option<Nanodollars>>,
    /// Its name for people.
    pub label: Option<Option<String>>,
}

/// Why nothing was done with a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such budget.
    #[error("there is no such budget")]
    Unknown,
    /// It exists already.
    #[error("this budget exists already")]
    Exists,
    /// It would bound nothing.
    #[error("a budget bounds a month, a day or both: give monthly_spend or daily_spend")]
    NoAmount,
    /// An amount is zero, below it or beyond all limits.
    #[error("{} is more than 0 and at most {LARGEST_LIMIT} USD", .0.name())]
    Amount(LimitName),
    /// Its name is empty, too long or not for reading.
    #[error("a label is 1 to {LONGEST_LABEL} characters without control characters")]
    Label,
    /// Only a tightening is tried.
    #[error("shadow limits are tighter than those in force: {0} is above its limit")]
    ShadowAbove(LimitName),
    /// There are none to make bite.
    #[error("no shadow limits are tried")]
    NoShadowLimits,
}

impl Budget {
    /// Sets it.
    ///
    /// # Errors
    /// When a budget of this id exists, or a rule forbids it.
    pub fn set(
        &self,
        scope: BudgetScope,
        amounts: BudgetAmounts,
        label: Option<String>,
    ) -> Result<BudgetEvent, Refusal> {
        if *self != Self::None {
            return Err(Refusal::Exists);
        }
        check(&amounts, label.as_deref())?;
        Ok(BudgetEvent::Set {
            scope,
            amounts,
            label,
        })
    }

    /// Changes it. What is so already is no event.
    ///
    /// # Errors
    /// When there is no such budget in force, or a rule forbids it.
    pub fn change(&self, change: Change) -> Result<Option<BudgetEvent>, Refusal> {
        let Self::Set { amounts, label, .. } = self else {
            return Err(Refusal::Unknown);
        };
        let changed = BudgetAmounts {
            monthly_spend: change.monthly_spend.unwrap_or(amounts.monthly_spend),
            daily_spend: change.daily_spend.unwrap_or(amounts.daily_spend),
        };
        let named = change.label.unwrap_or_else(|| label.clone());
        check(&changed, named.as_deref())?;
        Ok(
            (changed != *amounts || named != *label).then_some(BudgetEvent::Changed {
                amounts: changed,
                label: named,
            }),
        )
    }

    /// Removes it.
    ///
    /// # Errors
    /// When there is no such budget in force.
    pub fn remove(&self) -> Result<BudgetEvent, Refusal> {
        match self {
            Self::Set { .. } => Ok(BudgetEvent::Removed {}),
            Self::None | Self::Removed => Err(Refusal::Unknown),
        }
    }
}

/// Amounts that a budget may have, or may try.
pub(super) fn check_amounts(amounts: &BudgetAmounts) -> Result<(), Refusal> {
    if amounts.is_empty() {
        return Err(Refusal::NoAmount);
    }
    let given = [
        (LimitName::MonthlySpend, amounts.monthly_spend),
        (LimitName::DailySpend, amounts.daily_spend),
    ];
    let fits = |amount| Nanodollars::ZERO < amount && amount <= LARGEST_LIMIT;
    for (name, amount) in given {
        if amount.is_some_and(|amount| !fits(amount)) {
            return Err(Refusal::Amount(name));
        }
    }
    Ok(())
}

fn check(amounts: &BudgetAmounts, label: Option<&str>) -> Result<(), Refusal> {
    check_amounts(amounts)?;
    let reads = |label: &str| {
        !label.trim().is_empty()
            && label.chars().count() <= LONGEST_LABEL
            && !label.chars().any(char::is_control)
    };
    label.is_none_or(reads).then_some(()).ok_or(Refusal::Label)
}

impl Aggregate for Budget {
    type Event = BudgetEvent;

    fn apply(&mut self, event: &BudgetEvent) {
        match (event, &mut *self) {
            (
                BudgetEvent::Changed {
                    amounts: new,
                    label: named,
                },
                Self::Set { amounts, label, .. },
            ) => (*amounts, *label) = (*new, named.clone()),
            (
                BudgetEvent::Set { amounts, label, .. } | BudgetEvent::Changed { amounts, label },
                _,
            ) => {
                *self = Self::Set {
                    amounts: *amounts,
                    label: label.clone(),
                    shadow: None,
                };
            }
            (
                BudgetEvent::ShadowLimitsSet {
                    shadow: id,
                    amounts,
                },
                Self::Set { shadow, .. },
            ) => {
                *shadow = Some(BudgetShadow {
                    id: *id,
                    amounts: *amounts,
                });
            }
            (
                BudgetEvent::ShadowLimitsDropped { .. } | BudgetEvent::ShadowLimitsAdopted { .. },
                Self::Set { shadow, .. },
            ) => *shadow = None,
            (BudgetEvent::Removed {}, _) => *self = Self::Removed,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn monthly(nanos: i64) -> BudgetAmounts {
        BudgetAmounts {
            monthly_spend: Some(Nanodollars::from_nanos(nanos)),
            daily_spend: None,
        }
    }

    fn set(amounts: BudgetAmounts, label: Option<&str>) -> Result<BudgetEvent, Refusal> {
        let scope = BudgetScope::Organization {};
        Budget::default().set(scope, amounts, label.map(str::to_owned))
    }

    #[test]
    fn a_budget_bounds_something() {
        assert_eq!(set(BudgetAmounts::default(), None), Err(Refusal::NoAmount));
        let most = LARGEST_LIMIT.nanos();
        for (nanos, taken) in [
            (-1, false),
            (0, false),
            (1, true),
            (most, true),
            (most + 1, false),
        ] {
            assert_eq!(set(monthly(nanos), None).is_ok(), taken, "{nanos}");
            let daily = BudgetAmounts {
                daily_spend: monthly(nanos).monthly_spend,
                monthly_spend: None,
            };
            let expected = (!taken).then_some(Refusal::Amount(LimitName::DailySpend));
            assert_eq!(set(daily, None).err(), expected, "{nanos}");
        }
    }

    #[test]
    fn a_label_can_be_read() {
        let longest = "é".repeat(LONGEST_LABEL);
        assert!(set(monthly(1), Some(&longest)).is_ok());
        for label in ["", " ", "a\nb", &format!("{longest}x")] {
            assert_eq!(set(monthly(1), Some(label)), Err(Refusal::Label), "{label}");
        }
    }

    #[test]
    fn a_change_leaves_what_it_does_not_name() {
        let mut budget = Budget::default();
        assert_eq!(budget.change(Change::default()), Err(Refusal::Unknown));
        budget.apply(&set(monthly(5), Some("Team")).unwrap());
        assert_eq!(budget.change(Change::default()), Ok(None));
        let unbounded = Change {
            monthly_spend: Some(None),
            ..Change::default()
        };
        assert_eq!(budget.change(unbounded.clone()), Err(Refusal::NoAmount));
        let by_day = Change {
            daily_spend: Some(monthly(7).monthly_spend),
            label: Some(None),
            ..unbounded
        };
        let changed = budget.change(by_day).unwrap().unwrap();
        let expected = BudgetAmounts {
            monthly_spend: None,
            daily_spend: Some(Nanodollars::from_nanos(7)),
        };
        assert_eq!(
            changed,
            BudgetEvent::Changed {
                amounts: expected,
                label: None
            }
        );
        budget.apply(&changed);
        budget.apply(&budget.clone().remove().unwrap());
        assert_eq!(budget.remove(), Err(Refusal::Unknown));
        assert_eq!(
            budget.set(BudgetScope::Organization {}, monthly(1), None),
            Err(Refusal::Exists)
        );
    }
}
