//! What counts once over all proxies, such as the proof that an app holds a key.

use std::time::Duration;

use ids::TokenDigest;

use crate::{connection::SpendLimits, error::StoreError};

impl SpendLimits {
    /// Uses something that counts once, known by its digest; false when it was used before. It is
    /// remembered for this long at least, unless Redis loses its memory.
    ///
    /// The mark belongs to no epoch and to no grant: one `SET NX PX`.
    ///
    /// # Errors
    /// When Redis cannot be asked: nobody knows then.
    pub async fn use_once(
        &self,
        digest: TokenDigest,
        remembered: Duration,
    ) -> Result<bool, StoreError> {
        let milliseconds = u64::try_from(remembered.as_millis()).unwrap_or(u64::MAX >> 1);
        let mut set = redis::cmd("SET");
        set.arg(self.shared.keys.used(digest))
            .arg(1)
            .arg("NX")
            .arg("PX")
            .arg(milliseconds.max(1));
        let first: Option<String> = self.ask("use_once", &set).await?;
        Ok(first.is_some())
    }
}
