//! What goes wrong, and what people change meanwhile.

use proptest::prelude::*;

use super::{super::losses::lose_the_epoch, BUDGET, SHADOW, call::Call, naive::Gate, world::World};
use crate::{Hold, Settled, Spent, tests::*};

impl World {
    /// A proxy dies and another begins in its place, on the same spool, which it takes over at once or
    /// not yet. What the ledger has already is in that spool no more: nobody but billing can end its hold.
    pub(super) async fn crash(&mut self, proxy: usize, recorded: bool, heir: bool) {
        self.proxies[proxy] = self.scratch.another();
        self.proxies[proxy].set_time(self.now);
        for call in &mut self.calls {
            if call.proxy == proxy && !call.recorded && !call.orphan {
                call.recorded = recorded;
                call.unsettled = self.open && call.cost.is_none();
                call.spooled = !recorded;
                call.orphan = !recorded;
                call.cost.get_or_insert(call.held.amount.nanos());
            }
        }
        if heir {
            self.take_over(proxy).await;
        }
    }

    /// The spool of a proxy that died is found.
    pub(super) async fn take_over(&mut self, proxy: usize) {
        if !self.open {
            return;
        }
        let left = self.left_behind(proxy);
        self.proxies[proxy].charge_left_behind(&left).await.unwrap();
        for call in &mut self.calls {
            if call.proxy == proxy && call.orphan {
                (call.orphan, call.unsettled) = (false, false);
            }
        }
    }

    /// What a proxy finds in its spool and the ledger does not have.
    pub(super) fn left_behind(&self, proxy: usize) -> Vec<Spent> {
        let left = |call: &&Call| call.proxy == proxy && call.spooled && !call.recorded;
        let spent = |call: &Call| Spent {
            hold: Hold::from(&call.held),
            actual: nanos(call.cost.unwrap()),
            at: call.held.at,
        };
        self.calls.iter().filter(left).map(spent).collect()
    }

    /// Billing ends the holds past their deadline whose calls it has in its ledger.
    pub(super) async fn reap(&mut self) -> Result<(), TestCaseError> {
        if !self.open || self.gate != Gate::Ours {
            return Ok(());
        }
        for late in self.billing.overdue(0, 1_000).await.unwrap() {
            let known = |call: &&mut Call| call.held.call == late.hold.call;
            let call = self.calls.iter_mut().find(known).unwrap();
            prop_assert!(late.deadline <= self.now && late.amount == call.held.amount);
            if call.recorded {
                prop_assert!(call.unsettled, "a settled call is overdue");
                let cost = nanos(call.cost.unwrap());
                let settled = self.billing.settle(late.hold, cost).await.unwrap();
                prop_assert_eq!(settled, Settled::Done);
                call.unsettled = false;
            }
        }
        let late = |call: &Call| call.recorded && call.unsettled && call.held.deadline <= self.now;
        prop_assert!(
            !self.calls.iter().any(late),
            "a recorded hold outlives its deadline"
        );
        Ok(())
    }

    /// A replica takes over that knows an earlier time, whatever was promised since.
    pub(super) fn fail_over(&mut self) {
        self.server.tell(&["FLUSHALL"]);
        let mut redis = self.scratch.redis();
        for (name, value) in &self.stale {
            let _: () = redis::cmd("RESTORE")
                .arg(name)
                .arg(0)
                .arg(value)
                .query(&mut redis)
                .unwrap();
        }
        // Its marks are another process's.
        lose_the_epoch(&self.scratch);
        self.open = false;
    }

    pub(super) fn change(&mut self, bucket: usize, percent: i64) {
        let (limits, largest) = (limits_of(bucket, percent), &mut self.largest[bucket]);
        self.limits[bucket] = limits;
        largest.requests_per_minute = largest.requests_per_minute.max(limits.requests_per_minute);
        largest.requests_per_day = largest.requests_per_day.max(limits.requests_per_day);
        largest.daily_spend = largest.daily_spend.max(limits.daily_spend);
        largest.monthly_spend = largest.monthly_spend.max(limits.monthly_spend);
    }
}

/// All limits of a bucket at a share of the usual: of a grant four, of the budget those on money, and of
/// the shadow half of a grant's.
pub(super) fn limits_of(bucket: usize, percent: i64) -> CallLimits {
    if bucket == SHADOW {
        return limits_of(0, percent / 2);
    }
    if bucket == BUDGET {
        return CallLimits {
            daily_spend: Some(nanos(3 * percent)),
            monthly_spend: Some(nanos(7 * percent)),
            ..CallLimits::NONE
        };
    }
    let requests = |usual: i64| Some(u32::try_from(usual * percent / 100).unwrap());
    CallLimits {
        requests_per_minute: requests(6),
        requests_per_day: requests(12),
        daily_spend: Some(nanos(2 * percent)),
        monthly_spend: Some(nanos(5 * percent)),
    }
}
