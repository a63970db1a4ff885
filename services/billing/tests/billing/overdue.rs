//! Holds that nobody settled, and calls that were recorded before everything stood still.

use std::time::Duration;

use billing::refill::{Ledger, Refill};
use clock::Clock;
use events::CallRecord;
use ids::UserId;
use jiff::SignedDuration;
use spend_limits::{Above, Amount, CallLimits, Reservation};

use crate::{
    calls::Granted,
    refill::{bucket, limits, nanos, refill, spent},
    stage::Stage,
};

/// One more than is looked at in one go.
const MANY: usize = 201;

fn reservation(call: &CallRecord) -> Reservation {
    Reservation {
        bucket: bucket(call.grant, "openai"),
        call: call.call,
        worst_case: nanos(10),
        limits: CallLimits::default(),
        above: Above::NONE,
        lasts: Duration::from_millis(1),
        place: None,
    }
}

/// So many calls of one grant, which are held and whose time is over.
async fn overdue(stage: &Stage, refill: &Refill, count: usize) -> Vec<CallRecord> {
    refill.open().await.unwrap();
    let (limits, now) = (limits(stage), stage.clock.now());
    let granted = Granted::by(stage.tenant(), UserId::new(now));
    let calls: Vec<_> = (0..count).map(|_| granted.call_at(now)).collect();
    for call in &calls {
        drop(limits.reserve(&reservation(call)).await.unwrap());
    }
    let all = u32::try_from(count).unwrap();
    stage
        .until(
            "they are overdue",
            async || refill.sweep().await.unwrap(),
            all,
        )
        .await;
    calls
}

#[tokio::test(flavor = "multi_thread")]
async fn holds_without_a_record_are_in_no_others_way() {
    let stage = Stage::at_time(Clock::system()).await;
    let refill = refill(&stage);
    let mut calls = overdue(&stage, &refill, MANY + 1).await;
    // Of those that were held at last.
    let mut recorded = calls.pop().unwrap();
    recorded.cost = nanos(3);
    stage.booked(&[recorded.clone()]).await;
    let left = u32::try_from(MANY).unwrap();
    assert_eq!(refill.sweep().await.unwrap(), left);
    let [_, _, month] = spent(&limits(&stage), recorded.grant).await;
    assert_eq!(month, Amount::Money(nanos(3)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_ends_with_its_month_if_nobody_tells_of_its_call() {
    let stage = Stage::at_time(Clock::system()).await;
    let refill = refill(&stage);
    overdue(&stage, &refill, 3).await;
    let month_end = clock::next_month(stage.clock.now());
    let sweep_at = async |at| {
        let clock = Clock::set(at);
        let refill = Refill {
            clock,
            ..refill.clone()
        };
        refill.sweep().await.unwrap()
    };
    assert_eq!(sweep_at(month_end).await, 3);
    assert_eq!(
        sweep_at(month_end + SignedDuration::from_hours(25)).await,
        0
    );
    assert_eq!(refill.sweep().await.unwrap(), 0);
}

/// Whoever published it may not know that it was recorded, and tells of it once more when it is back.
#[tokio::test(flavor = "multi_thread")]
async fn calls_recorded_before_a_standstill_are_told_however_long_it_lasted() {
    let stage = Stage::at_time(Clock::system()).await;
    let now = stage.clock.now();
    let granted = Granted::by(stage.tenant(), UserId::new(now));
    let later = now + SignedDuration::from_hours(9);
    // In the month that runs then, whatever day this is.
    let call = granted.call_at(later);
    stage.booked(std::slice::from_ref(&call)).await;
    let ledger = Ledger::new(stage.postgres()).whole(later).await.unwrap();
    let listed = ledger.loads.iter().flat_map(|load| &load.recorded);
    assert_eq!(listed.filter(|one| one.call == call.call).count(), 1);
}
