//! The table `store.spools`: the spools in which calls may be written down that are in no ledger. Limits
//! that begin anew wait until somebody answers for each of them.

use postgres::{DatabaseError, Postgres, Scope};

const ENTER: &str = "
    -- proxy.enter_spool
    INSERT INTO store.spools (number) VALUES ($1) ON CONFLICT DO NOTHING";

const LEAVE: &str = "
    -- proxy.leave_spools
    DELETE FROM store.spools WHERE number = ANY ($1)";

/// The door to the table. Cheap to clone.
#[derive(Clone)]
pub struct Register(Postgres);

impl Register {
    /// The table of this database.
    #[must_use]
    pub const fn new(postgres: Postgres) -> Self {
        Self(postgres)
    }

    /// Enters a spool, before the first call is written down there.
    ///
    /// # Errors
    /// When the database is not reached or refuses; then no call may begin.
    pub async fn enter(&self, spool: u64) -> Result<(), DatabaseError> {
        let tx = self.0.begin("enter spool", Scope::None).await?;
        tx.execute(ENTER, &[&stored(spool)]).await?;
        tx.commit().await
    }

    /// Removes spools of which nothing is left.
    ///
    /// # Errors
    /// When the database is not reached or refuses.
    pub async fn leave(&self, spools: &[u64]) -> Result<(), DatabaseError> {
        let spools: Vec<i64> = spools.iter().copied().map(stored).collect();
        let tx = self.0.begin("leave spools", Scope::None).await?;
        tx.execute(LEAVE, &[&spools]).await?;
        tx.commit().await
    }
}

/// The same 64 bits.
const fn stored(spool: u64) -> i64 {
    spool.cast_signed()
}
