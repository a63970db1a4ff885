//! A call as the model knows it.

use super::{BUDGET, SHADOW};
use crate::tests::*;

pub(super) struct Call {
    pub(super) held: Held,
    pub(super) bucket: usize,
    pub(super) proxy: usize,
    pub(super) cost: Option<i64>,
    pub(super) recorded: bool,
    /// Its proxy died, and the hold still stands: the ledger has it by then, or nobody took it over.
    pub(super) unsettled: bool,
    /// Its proxy died after it began; only the spool knows it.
    pub(super) spooled: bool,
    /// Nobody has taken that spool over.
    pub(super) orphan: bool,
}

impl Call {
    pub(super) fn counts_at(&self, bucket: usize) -> bool {
        match bucket {
            BUDGET => true,
            SHADOW => self.held.would_refuse.is_empty(),
            _ => bucket == self.bucket,
        }
    }
}
