//! What is given back to the grants above a child.

use clock::Clock;
use ids::UserId;
use spend_limits::{Amount, Opened};

use crate::{
    calls::Granted,
    refill::{bucket, limits, nanos, refill, spent},
    stage::Stage,
};

#[tokio::test(flavor = "multi_thread")]
async fn what_children_spent_is_given_back_to_every_grant_above_them() {
    let stage = Stage::at_time(Clock::system()).await;
    let now = stage.clock.now();
    let tenant = stage.tenant();
    let [root, parent, child] = [0; 3].map(|_| Granted::by(tenant, UserId::new(now)));
    let of = |granted: &Granted, above: &[&Granted], cost: i64| {
        let mut call = granted.call_at(now);
        call.ancestors = above.iter().map(|above| above.grant).collect();
        call.cost = nanos(cost);
        call
    };
    let booked = [
        of(&root, &[], 1),
        of(&parent, &[&root], 10),
        of(&child, &[&parent, &root], 100),
        of(&child, &[&parent, &root], 1_000),
    ];
    stage.booked(&booked).await;
    let refill = refill(&stage);
    let limits = limits(&stage);
    // A proxy still knows the calls that were recorded a moment ago: they count once.
    let mut earlier = None;
    for _ in 0..2 {
        if let Opened::Opened(epoch) = refill.open().await.unwrap() {
            earlier = Some(epoch);
        }
        for (granted, cost, calls) in [(&root, 1_111, 4), (&parent, 1_110, 3), (&child, 1_100, 2)] {
            let expected = [
                Amount::Money(nanos(cost)),
                Amount::Requests(calls),
                Amount::Money(nanos(cost)),
            ];
            assert_eq!(spent(&limits, granted.grant).await, expected);
        }
        stage.forget_redis();
    }
    refill.open().await.unwrap();
    let known = spend_limits::Spent {
        hold: spend_limits::Hold {
            bucket: bucket(child.grant, "openai"),
            above: spend_limits::OwnersAbove::of(&[parent.grant, root.grant], &[]).unwrap(),
            call: booked[3].call,
            epoch: earlier.unwrap(),
        },
        actual: nanos(1_000),
        at: now,
    };
    let charged = limits.charge(known.hold, known.actual, known.at).await;
    assert_eq!(charged.unwrap(), spend_limits::Settled::Already);
    assert_eq!(
        spent(&limits, root.grant).await[2],
        Amount::Money(nanos(1_111))
    );
    // One call is one row: nothing is counted twice in a total.
    let total: String = stage
        .superuser()
        .await
        .query_one(
            "SELECT sum(cost_nanodollars)::text FROM billing.usage_by_day",
            &[],
        )
        .await
        .unwrap()
        .get(0);
    assert_eq!(total, "1111");
}
