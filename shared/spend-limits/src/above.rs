//! What stands above a grant: the grants it was made from, the budgets of its organization, and the
//! shadows that watch it. A call counts against each of them too, and against a shadow if it fits.

use std::{fmt, sync::Arc};

use ids::{BudgetId, GrantId, ShadowId};
use uuid::Uuid;

use crate::{
    bucket::{Bucket, Owner},
    limits::CallLimits,
};

/// The most grants that may stand above one.
pub const MOST_ANCESTORS: usize = 3;
/// The most budgets that one call may count against.
pub const MOST_BUDGETS: usize = 6;

/// The most shadows that one call may count against: one of its own grant, of each above and of each
/// budget.
pub const MOST_SHADOWS: usize = 1 + MOST_ANCESTORS + MOST_BUDGETS;

/// Stands before a budget's id where a hold notes it; no hexadecimal digit.
const BUDGET: char = '$';
/// Stands before a shadow's id there; `reserve.lua` knows it, too.
const SHADOW: char = '~';

/// The grants above a grant, its parent first, then the budgets and the shadows that its calls count
/// against. Most calls have none, and then this costs nothing to copy.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct OwnersAbove(Option<Arc<[Owner]>>);

impl OwnersAbove {
    /// Nothing stands above it.
    pub const NONE: Self = Self(None);

    /// These grants, the parent first, and these budgets; `None` when they are more than
    /// [`MOST_ANCESTORS`] or [`MOST_BUDGETS`].
    #[must_use]
    pub fn of(grants: &[GrantId], budgets: &[BudgetId]) -> Option<Self> {
        if grants.len() > MOST_ANCESTORS || budgets.len() > MOST_BUDGETS {
            return None;
        }
        if grants.is_empty() && budgets.is_empty() {
            return Some(Self::NONE);
        }
        let grants = grants.iter().copied().map(Owner::Grant);
        let budgets = budgets.iter().copied().map(Owner::Budget);
        Some(Self(Some(grants.chain(budgets).collect())))
    }

    /// The same with these shadows; `None` when they are more than [`MOST_SHADOWS`].
    #[must_use]
    pub fn with_shadows(self, shadows: &[ShadowId]) -> Option<Self> {
        if shadows.len() > MOST_SHADOWS {
            return None;
        }
        if shadows.is_empty() {
            return Some(self);
        }
        let shadows = shadows.iter().copied().map(Owner::Shadow);
        Some(Self(Some(self.iter().chain(shadows).collect())))
    }

    /// The same without the shadows of which this is not true.
    pub(crate) fn keeping(&self, keep: impl Fn(ShadowId) -> bool) -> Self {
        let kept = |owner: &Owner| match owner {
            Owner::Shadow(shadow) => keep(*shadow),
            Owner::Grant(_) | Owner::Budget(_) => true,
        };
        let kept: Arc<[Owner]> = self.iter().filter(kept).collect();
        Self((!kept.is_empty()).then_some(kept))
    }

    /// Each of them: the grants, the parent first, then the budgets, then the shadows.
    pub fn iter(&self) -> impl Iterator<Item = Owner> + '_ {
        self.0.iter().flat_map(|owners| owners.iter().copied())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |owners| owners.len())
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// How many of them are grants.
    pub(crate) fn grants(&self) -> usize {
        self.iter()
            .take_while(|owner| matches!(owner, Owner::Grant(_)))
            .count()
    }

    /// The shadows among them, which stand last.
    pub(crate) fn shadows(&self) -> impl Iterator<Item = ShadowId> + '_ {
        self.iter().filter_map(|owner| match owner {
            Owner::Shadow(shadow) => Some(shadow),
            Owner::Grant(_) | Owner::Budget(_) => None,
        })
    }

    /// Whether a shadow is among them.
    pub(crate) fn has_shadows(&self) -> bool {
        let last = self.0.as_ref().and_then(|owners| owners.last());
        matches!(last, Some(Owner::Shadow(_)))
    }

    /// The buckets that a call of `bucket` counts against: its own, then each one above.
    pub(crate) fn buckets(&self, bucket: Bucket) -> impl Iterator<Item = Bucket> + '_ {
        std::iter::once(bucket).chain(self.iter().map(move |owner| bucket.of(owner)))
    }

    /// As a hold notes them, so that whoever ends it knows where else it counts. Nothing for none.
    pub(crate) fn noted(&self) -> String {
        if self.is_empty() {
            return String::new();
        }
        let note = |owner| match owner {
            Owner::Grant(grant) => grant.uuid().simple().to_string(),
            Owner::Budget(budget) => format!("{BUDGET}{}", budget.uuid().simple()),
            Owner::Shadow(shadow) => format!("{SHADOW}{}", shadow.uuid().simple()),
        };
        format!(":^{}", self.iter().map(note).collect::<Vec<_>>().join(","))
    }

    /// Reads what [`OwnersAbove::noted`] wrote behind the mark.
    pub(crate) fn read(noted: &str) -> Option<Self> {
        let (mut grants, mut budgets, mut shadows) = (Vec::new(), Vec::new(), Vec::new());
        for part in noted.split(',').filter(|part| !part.is_empty()) {
            let id = Uuid::try_parse(part.trim_start_matches([BUDGET, SHADOW])).ok()?;
            match part.chars().next() {
                Some(BUDGET) => budgets.push(BudgetId::from_uuid(id)),
                Some(SHADOW) => shadows.push(ShadowId::from_uuid(id)),
                _ => grants.push(GrantId::from_uuid(id)),
            }
        }
        Self::of(&grants, &budgets)?.with_shadows(&shadows)
    }
}

impl fmt::Debug for OwnersAbove {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// What stands above a grant with its limits, which a call of it must fit into as well.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Above {
    owners: OwnersAbove,
    limits: Option<Arc<[CallLimits]>>,
}

impl Above {
    /// Nothing stands above it.
    pub const NONE: Self = Self {
        owners: OwnersAbove::NONE,
        limits: None,
    };

    /// These grants with their limits, the parent first, and these budgets with theirs; `None` when
    /// they are more than [`MOST_ANCESTORS`] or [`MOST_BUDGETS`].
    #[must_use]
    pub fn of(
        grants: &[(GrantId, CallLimits)],
        budgets: &[(BudgetId, CallLimits)],
    ) -> Option<Self> {
        let ids: Vec<_> = grants.iter().map(|(grant, _)| *grant).collect();
        let owners = OwnersAbove::of(&ids, &budgets.iter().map(|(id, _)| *id).collect::<Vec<_>>())?;
        let limits = (grants.iter().map(|(_, limits)| *limits))
            .chain(budgets.iter().map(|(_, limits)| *limits));
        Some(Self {
            limits: (!owners.is_empty()).then(|| limits.collect()),
            owners,
        })
    }

    /// The same with these shadows and what they limit, which refuse nothing; `None` when they are more
    /// than [`MOST_SHADOWS`].
    #[must_use]
    pub fn with_shadows(self, shadows: &[(ShadowId, CallLimits)]) -> Option<Self> {
        if shadows.is_empty() {
            return Some(self);
        }
        let ids: Vec<_> = shadows.iter().map(|(shadow, _)| *shadow).collect();
        let limits = (self.limits().iter()).chain(shadows.iter().map(|(_, limits)| limits));
        Some(Self {
            limits: Some(limits.copied().collect()),
            owners: self.owners.with_shadows(&ids)?,
        })
    }

    /// Whose they are alone.
    #[must_use]
    pub const fn owners(&self) -> &OwnersAbove {
        &self.owners
    }

    /// Their limits, in the order of the owners.
    pub(crate) fn limits(&self) -> &[CallLimits] {
        self.limits.as_deref().unwrap_or_default()
    }

    /// The limits of those that refuse: of all but the shadows.
    pub(crate) fn refusing(&self) -> &[CallLimits] {
        let refusing = self.owners.len() - self.owners.shadows().count();
        self.limits().get(..refusing).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_back(above: &OwnersAbove) -> Option<OwnersAbove> {
        let noted = above.noted();
        assert_eq!(noted.is_empty(), above.is_empty());
        OwnersAbove::read(noted.strip_prefix(":^").unwrap_or_default())
    }

    #[test]
    fn what_is_above_reads_back_as_a_hold_notes_it() {
        let grants = [1_u128, 2, 3, 4].map(|n| GrantId::from_uuid(Uuid::from_u128(n)));
        let budgets =
            [11_u128, 12, 13, 14, 15, 16, 17].map(|n| BudgetId::from_uuid(Uuid::from_u128(n)));
        let shadows = (21..=21 + MOST_SHADOWS).map(|n| Uuid::from_u128(n.try_into().unwrap()));
        let shadows: Vec<_> = shadows.map(ShadowId::from_uuid).collect();
        for of_grants in 0..=MOST_ANCESTORS {
            for of_budgets in 0..=MOST_BUDGETS {
                let above = OwnersAbove::of(&grants[..of_grants], &budgets[..of_budgets]).unwrap();
                assert_eq!(above.len(), of_grants + of_budgets);
                assert_eq!(above.grants(), of_grants);
                assert_eq!(read_back(&above), Some(above.clone()));
                for of_shadows in 0..=MOST_SHADOWS {
                    let watched = above.clone().with_shadows(&shadows[..of_shadows]).unwrap();
                    assert_eq!(watched.shadows().count(), of_shadows);
                    assert_eq!(watched.has_shadows(), of_shadows > 0);
                    assert_eq!(watched.keeping(|_| false), above);
                    assert_eq!(watched.keeping(|_| true), watched);
                    assert_eq!(read_back(&watched), Some(watched));
                }
                assert_eq!(above.with_shadows(&shadows), None);
            }
        }
        assert_eq!(OwnersAbove::of(&grants, &[]), None);
        assert_eq!(OwnersAbove::of(&[], &budgets), None);
        assert_eq!(OwnersAbove::read("x"), None);
    }

    #[test]
    fn a_hold_of_an_earlier_version_names_grants_alone() {
        let parent = GrantId::from_uuid(Uuid::from_u128(1));
        let noted = format!("{:032x}", 1);
        assert_eq!(OwnersAbove::read(&noted), OwnersAbove::of(&[parent], &[]));
    }
}
