//! Revocation marks: the reserve script itself sees that a grant was revoked.

use ids::GrantId;
use redis::Cmd;

use crate::{connection::SpendLimits, error::StoreError};

/// Far longer than any proxy remembers a grant.
const KEPT_SECONDS: u64 = 45 * 24 * 60 * 60;

impl SpendLimits {
    /// Marks a grant as revoked: once this has answered, no call of it or of a grant below it can be
    /// reserved anywhere.
    ///
    /// The mark belongs to no epoch, so it outlives a new one; after a loss of memory the ledger
    /// gives it back before the new epoch opens. Write it after the revocation is committed.
    ///
    /// # Errors
    /// When Redis cannot be told.
    pub async fn mark_revoked(&self, grant: GrantId) -> Result<(), StoreError> {
        self.ask("mark_revoked", &self.revocation_mark(grant)).await
    }

    /// Marks many grants as revoked.
    ///
    /// # Errors
    /// When Redis cannot be told; some may be marked by then.
    pub async fn mark_all_revoked(&self, grants: &[GrantId]) -> Result<(), StoreError> {
        let marks = grants
            .iter()
            .map(|grant| self.revocation_mark(*grant))
            .collect();
        self.tell("mark_revoked", marks).await
    }

    fn revocation_mark(&self, grant: GrantId) -> Cmd {
        let mut mark = redis::cmd("SET");
        mark.arg(self.shared.keys.revoked(grant))
            .arg(1)
            .arg("EX")
            .arg(KEPT_SECONDS);
        mark
    }
}
