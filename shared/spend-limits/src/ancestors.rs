//! The grants above a grant: a child's calls count against each of them too.

use std::fmt;

use ids::GrantId;
use uuid::Uuid;

use crate::{bucket::Bucket, limits::CallLimits};

/// The most grants that may stand above one.
pub const MOST_ANCESTORS: usize = 3;

/// The grants above a grant, its parent first. Most grants have none.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Ancestors([Option<GrantId>; MOST_ANCESTORS]);

impl Ancestors {
    /// No grant stands above it.
    pub const NONE: Self = Self([None; MOST_ANCESTORS]);

    /// These grants, the parent first; `None` when they are more than [`MOST_ANCESTORS`].
    #[must_use]
    pub fn of(grants: &[GrantId]) -> Option<Self> {
        let mut ancestors = Self::NONE;
        for (index, grant) in grants.iter().enumerate() {
            *ancestors.0.get_mut(index)? = Some(*grant);
        }
        Some(ancestors)
    }

    /// Each of them, the parent first.
    pub fn iter(&self) -> impl Iterator<Item = GrantId> {
        self.0.into_iter().flatten()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0[0].is_none()
    }

    /// The buckets that a call of `bucket` counts against: its own, then each one above.
    pub(crate) fn buckets(self, bucket: Bucket) -> impl Iterator<Item = Bucket> {
        let above = self.0.into_iter().flatten();
        std::iter::once(bucket).chain(above.map(move |grant| bucket.at(grant)))
    }

    /// As a hold notes them, so that whoever ends it knows where else it counts.
    pub(crate) fn noted(&self) -> String {
        let grants: Vec<_> = self
            .iter()
            .map(|grant| grant.uuid().simple().to_string())
            .collect();
        grants.join(",")
    }

    /// Reads what [`Ancestors::noted`] wrote.
    pub(crate) fn read(noted: &str) -> Option<Self> {
        let parts = noted.split(',').filter(|part| !part.is_empty());
        let grants: Result<Vec<_>, _> = parts.map(Uuid::try_parse).collect();
        let grants: Vec<_> = grants.ok()?.into_iter().map(GrantId::from_uuid).collect();
        Self::of(&grants)
    }
}

impl fmt::Debug for Ancestors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The grants above a grant with their limits, which a call of it must fit into as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Above {
    grants: Ancestors,
    limits: [CallLimits; MOST_ANCESTORS],
}

impl Above {
    /// No grant stands above it.
    pub const NONE: Self = Self {
        grants: Ancestors::NONE,
        limits: [CallLimits::NONE; MOST_ANCESTORS],
    };

    /// These grants with their limits, the parent first; `None` when they are more than
    /// [`MOST_ANCESTORS`].
    #[must_use]
    pub fn of(grants: impl IntoIterator<Item = (GrantId, CallLimits)>) -> Option<Self> {
        let mut above = Self::NONE;
        for (index, (grant, limits)) in grants.into_iter().enumerate() {
            *above.grants.0.get_mut(index)? = Some(grant);
            *above.limits.get_mut(index)? = limits;
        }
        Some(above)
    }

    /// The grants alone.
    #[must_use]
    pub const fn grants(&self) -> Ancestors {
        self.grants
    }

    /// Their limits, in the order of the grants.
    pub(crate) fn limits(&self) -> impl Iterator<Item = &CallLimits> {
        self.limits.iter().take(self.grants.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ancestors_read_back_as_a_hold_notes_them() {
        let grants = [1_u128, 2, 3, 4].map(|n| GrantId::from_uuid(Uuid::from_u128(n)));
        for count in 0..=MOST_ANCESTORS {
            let ancestors = Ancestors::of(&grants[..count]).unwrap();
            assert_eq!(ancestors.len(), count);
            assert_eq!(Ancestors::read(&ancestors.noted()), Some(ancestors));
        }
        assert_eq!(Ancestors::of(&grants), None);
        assert_eq!(Ancestors::read("x"), None);
    }
}
