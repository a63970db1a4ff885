//! A call as the model knows it.

use super::{BUDGET, SHADOW};
use crate::tests::*;

pub(super) struct Call {
    pub(super) held: Held,
    pub(super) bucket: usize,
    pub(super) proxy: usize,
    pub(super) cost: Option<i64>,
    pub(super) recorded: bool,
    /// In the ledger, while the hold still stands: its proxy died in between.
    pub(super) unsettled: bool,
    /// Its proxy died after it began; only the spool knows it.
    pub(super) spooled: bool,
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
