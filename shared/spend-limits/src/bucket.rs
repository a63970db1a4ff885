//! Whose counters: one grant's at one provider, a budget's, or a shadow's.

use std::{fmt, str::FromStr};

use events::Provider;
use ids::{BudgetId, GrantId, ShadowId};
use uuid::Uuid;

/// The longest name of a provider.
const LONGEST: usize = 40;

/// Stands in the names of a budget's keys where a grant's have a provider.
const BUDGET: &str = "budget";
/// The same of a shadow's.
const SHADOW: &str = "shadow";

/// Whose limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Owner {
    /// A grant's; revoking it closes all its buckets.
    Grant(GrantId),
    /// A budget's, which is one over all providers.
    Budget(BudgetId),
    /// A shadow's: limits that no call is refused by. Whoever sets them says for which calls.
    Shadow(ShadowId),
}

/// What limits are counted for: one authorization detail, which is one grant at one provider; or
/// a budget; or a shadow.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bucket {
    /// Whose it is.
    pub owner: Owner,
    // Of a budget or a shadow empty.
    provider: [u8; LONGEST],
    length: u8,
}

impl Bucket {
    /// The bucket of a grant at a provider.
    #[must_use]
    pub fn new(grant: GrantId, provider: &Provider) -> Self {
        let mut bytes = [0; LONGEST];
        let name = provider.as_str().as_bytes();
        // A provider's name is never longer: its type sees to that.
        let length = name.len().min(LONGEST);
        bytes[..length].copy_from_slice(&name[..length]);
        Self {
            owner: Owner::Grant(grant),
            provider: bytes,
            length: u8::try_from(length).unwrap_or(0),
        }
    }

    /// The bucket of a budget.
    #[must_use]
    pub const fn of_budget(budget: BudgetId) -> Self {
        Self::of_all_providers(Owner::Budget(budget))
    }

    /// The bucket of a shadow.
    #[must_use]
    pub const fn of_shadow(shadow: ShadowId) -> Self {
        Self::of_all_providers(Owner::Shadow(shadow))
    }

    const fn of_all_providers(owner: Owner) -> Self {
        Self {
            owner,
            provider: [0; LONGEST],
            length: 0,
        }
    }

    /// Where a call of this bucket counts for another owner: of a grant, at the same provider.
    pub(crate) const fn of(mut self, owner: Owner) -> Self {
        match owner {
            Owner::Budget(_) | Owner::Shadow(_) => Self::of_all_providers(owner),
            Owner::Grant(_) => {
                self.owner = owner;
                self
            }
        }
    }

    /// The provider's name; empty for a budget and a shadow.
    #[must_use]
    pub fn provider(&self) -> &str {
        std::str::from_utf8(&self.provider[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl Bucket {
    /// Adds its name to a text, as it stands in the names of keys: neither part has a point or a colon.
    /// What formatting does, quicker.
    pub(crate) fn write_to(&self, text: &mut String) {
        let (owner, place) = match &self.owner {
            Owner::Grant(grant) => (grant.uuid(), self.provider()),
            Owner::Budget(budget) => (budget.uuid(), BUDGET),
            Owner::Shadow(shadow) => (shadow.uuid(), SHADOW),
        };
        text.push_str(owner.simple().encode_lower(&mut Uuid::encode_buffer()));
        text.push('.');
        text.push_str(place);
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.write_to(&mut text);
        f.write_str(&text)
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not the bucket of a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a grant's bucket is named by the grant, a point and a provider")]
pub struct NotABucket;

impl FromStr for Bucket {
    type Err = NotABucket;

    /// Reads the bucket of a grant. A budget's or a shadow's is never read back: holds are listed under grants.
    fn from_str(text: &str) -> Result<Self, NotABucket> {
        let (grant, provider) = text.split_once('.').ok_or(NotABucket)?;
        let grant = Uuid::from_str(grant).map_err(|_| NotABucket)?;
        let provider: Provider = provider.parse().map_err(|_| NotABucket)?;
        Ok(Self::new(GrantId::from_uuid(grant), &provider))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_reads_back_from_its_text() {
        let grant = GrantId::new("2026-11-22T00:00:00Z".parse().unwrap());
        let bucket = Bucket::new(grant, &"openai".parse().unwrap());
        assert_eq!(bucket.to_string().parse(), Ok(bucket));
        assert_ne!(bucket, Bucket::new(grant, &"google".parse().unwrap()));
        assert_eq!("x.openai".parse::<Bucket>(), Err(NotABucket));
    }

    #[test]
    fn a_budget_has_one_bucket_whatever_the_provider() {
        let now = "2026-11-22T00:00:00Z".parse().unwrap();
        let (grant, budget) = (GrantId::new(now), BudgetId::new(now));
        let at = |provider: &str| Bucket::new(grant, &provider.parse().unwrap());
        let [one, other] = ["openai", "google"].map(|name| at(name).of(Owner::Budget(budget)));
        assert_eq!(one, other);
        assert_eq!(one, Bucket::of_budget(budget));
        assert_eq!(
            one.to_string(),
            format!("{}.budget", budget.uuid().simple())
        );
    }
}
