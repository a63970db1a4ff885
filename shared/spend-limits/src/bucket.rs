//! Whose counters: one grant's at one provider.

use std::{fmt, str::FromStr};

use events::Provider;
use ids::GrantId;
use uuid::Uuid;

/// The longest name of a provider.
const LONGEST: usize = 40;

/// What limits are counted for: one authorization detail, which is one grant at one provider.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bucket {
    /// The grant; revoking it closes all its buckets.
    pub grant: GrantId,
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
            grant,
            provider: bytes,
            length: u8::try_from(length).unwrap_or(0),
        }
    }

    /// The bucket of another grant at the same provider.
    pub(crate) const fn at(mut self, grant: GrantId) -> Self {
        self.grant = grant;
        self
    }

    /// The provider's name.
    #[must_use]
    pub fn provider(&self) -> &str {
        std::str::from_utf8(&self.provider[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl fmt::Display for Bucket {
    /// As it stands in the names of keys: neither part has a point or a colon.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.grant.uuid().simple(), self.provider())
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not a bucket's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a bucket is named by a grant, a point and a provider")]
pub struct NotABucket;

impl FromStr for Bucket {
    type Err = NotABucket;

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
}
