//! Calls in this process' memory, while epochs end and begin.

use jiff::SignedDuration;

use super::*;
use crate::{OwnersAbove, epoch::Epoch, hold::Hold, in_hand::InHand};

fn running(in_hand: &InHand, epoch: Epoch) -> Held {
    let now = Clock::system().now();
    let bucket = bucket();
    let held = Held {
        bucket,
        above: OwnersAbove::NONE,
        call: CallId::new(now),
        epoch,
        amount: nanos(9),
        at: now,
        deadline: now + SignedDuration::from_mins(10),
        remaining: None,
        requests_per_minute: None,
        requests_per_day: None,
        would_refuse: Vec::new(),
    };
    let asking = in_hand.ask(bucket, &held.above, held.call).unwrap();
    asking.held(&held);
    held
}

/// What must be booked into an epoch: which calls, and at what.
fn due(in_hand: &InHand, epoch: Epoch) -> Vec<(CallId, i64)> {
    let due = in_hand.due(epoch, Duration::ZERO);
    let told = due.iter().map(|one| (one.call, one.amount.nanos()));
    let told = told.collect();
    due.iter().for_each(|one| in_hand.booked(one, epoch));
    in_hand.carried_to(epoch);
    told
}

fn told((hold, actual): &(Hold, Nanodollars)) -> (CallId, i64) {
    (hold.call, actual.nanos())
}

#[test]
fn what_ended_is_carried_into_each_further_epoch_once() {
    let in_hand = InHand::default();
    let epochs = [(); 3].map(|()| Epoch::mint());
    assert_eq!(due(&in_hand, epochs[0]), []);
    let held = running(&in_hand, epochs[0]);
    in_hand.settle(held.call, nanos(4));
    in_hand.settled_in(held.call, epochs[0]);
    for epoch in &epochs[1..] {
        assert_eq!(due(&in_hand, *epoch), [(held.call, 4)]);
        assert_eq!(due(&in_hand, *epoch), []);
    }
    assert_eq!(due(&in_hand, epochs[0]), [(held.call, 4)], "in no order");
}

#[test]
fn of_several_costs_the_first_counts_after_the_epoch_too() {
    let in_hand = InHand::default();
    let [before, after] = [(); 2].map(|()| Epoch::mint());
    due(&in_hand, before);
    let held = running(&in_hand, before);
    assert_eq!(in_hand.settle(held.call, nanos(4)), nanos(4));
    in_hand.settled_in(held.call, before);
    assert_eq!(due(&in_hand, after), [(held.call, 4)]);
    assert_eq!(in_hand.settle(held.call, nanos(7)), nanos(4));
}

#[test]
fn a_late_answer_from_an_epoch_that_ended_leaves_nothing_held_in_the_next() {
    let in_hand = InHand::default();
    let [before, after] = [(); 2].map(|()| Epoch::mint());
    due(&in_hand, before);
    let held = running(&in_hand, before);
    assert_eq!(due(&in_hand, after), [(held.call, 9)], "as it runs");
    in_hand.settle(held.call, nanos(4));
    in_hand.settled_in(held.call, before);
    assert_eq!(in_hand.waiting(), 1);
    let before_a_stop: Vec<_> = in_hand.settling(None).iter().map(told).collect();
    assert_eq!(before_a_stop, [(held.call, 4)]);
    assert_eq!(due(&in_hand, after), [(held.call, 4)], "as it ended");
    assert_eq!(in_hand.waiting(), 0);
}
