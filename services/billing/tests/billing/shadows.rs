//! What shadow limits would have refused: it adds up, and what fits is given back to their counters.

use clock::Clock;
use events::{CallRecord, LimitName, ShadowVerdict};
use ids::{ShadowId, UserId};
use serde_json::json;
use sessions::Role;
use spend_limits::{Amount, Bucket, CallLimits, Hold, Opened, OwnersAbove, Settled, SpendLimits};

use crate::{
    calls::Granted,
    refill::{bucket, limits, nanos, refill},
    stage::Stage,
};

/// A call that shadow limits watched.
fn watched(
    mut call: CallRecord,
    shadow: ShadowId,
    would_refuse: Option<LimitName>,
    cost: i64,
) -> CallRecord {
    call.shadows = vec![ShadowVerdict {
        shadow,
        would_refuse,
    }];
    call.cost = nanos(cost);
    call
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_adds_up_by_limit_and_by_day() {
    let stage = Stage::new().await;
    let owner = stage.person(stage.tenant(), Role::Owner).await;
    let member = stage.person(owner.tenant, Role::Member).await;
    let (own, others) = (
        Granted::by(owner.tenant, member.user),
        Granted::by(owner.tenant, owner.user),
    );
    let shadow = ShadowId::new(stage.clock.now());
    let other = ShadowId::new(stage.clock.now());
    let (month, minute) = (
        Some(LimitName::MonthlySpend),
        Some(LimitName::RequestsPerMinute),
    );
    let (first_day, second_day) = ("2026-11-20T10:00:00Z", "2026-11-21T10:00:00Z");
    let calls = [
        watched(own.call(first_day), shadow, None, 1),
        watched(own.call("2026-11-20T11:00:00Z"), shadow, minute, 10),
        watched(own.call(second_day), shadow, month, 100),
        watched(own.call("2026-11-21T11:00:00Z"), shadow, month, 1_000),
        watched(others.call("2026-11-21T12:00:00Z"), shadow, month, 10_000),
        watched(own.call(first_day), other, month, 1_000_000),
        own.call(first_day),
    ];
    // In pieces: what is booked adds to what was there.
    stage.booked(&calls[..3]).await;
    stage.booked(&calls[2..]).await;
    let path = format!("/api/v1/usage/shadow-limits?shadow={shadow}");
    let expected = json!({
        "shadow": shadow,
        "watched": {"calls": 5, "cost": "0.000011111", "first_at": first_day, "last_at": "2026-11-21T12:00:00Z"},
        "would_refuse": {"calls": 4, "cost": "0.00001111", "first_at": "2026-11-20T11:00:00Z", "last_at": "2026-11-21T12:00:00Z"},
        "by_limit": [
            {"limit": "requests_per_minute", "calls": 1, "cost": "0.00000001", "first_at": "2026-11-20T11:00:00Z", "last_at": "2026-11-20T11:00:00Z"},
            {"limit": "monthly_spend", "calls": 3, "cost": "0.0000111", "first_at": second_day, "last_at": "2026-11-21T12:00:00Z"},
        ],
        "by_day": [
            {
                "day": "2026-11-20",
                "watched": {"calls": 2, "cost": "0.000000011", "first_at": first_day, "last_at": "2026-11-20T11:00:00Z"},
                "would_refuse": {"calls": 1, "cost": "0.00000001", "first_at": "2026-11-20T11:00:00Z", "last_at": "2026-11-20T11:00:00Z"},
            },
            {
                "day": "2026-11-21",
                "watched": {"calls": 3, "cost": "0.0000111", "first_at": second_day, "last_at": "2026-11-21T12:00:00Z"},
                "would_refuse": {"calls": 3, "cost": "0.0000111", "first_at": second_day, "last_at": "2026-11-21T12:00:00Z"},
            },
        ],
    });
    let answer = stage.get(&owner, &path).await;
    assert_eq!(answer.json(), expected, "{}", answer.body);
    // The books made anew say the same.
    stage.app.usage().rebuild_all().await.unwrap();
    assert_eq!(stage.get(&owner, &path).await.json(), expected);
    stage.app.usage().rebuild_of(owner.tenant).await.unwrap();
    assert_eq!(stage.get(&owner, &path).await.json(), expected);
    // A member sees their own calls, another organization none.
    let seen = stage.get(&member, &path).await.json();
    assert_eq!(seen["would_refuse"]["calls"], json!(3));
    assert_eq!(seen["watched"]["calls"], json!(4));
    let stranger = stage.person(stage.tenant(), Role::Owner).await;
    let seen = stage.get(&stranger, &path).await.json();
    assert_eq!(seen["watched"]["calls"], json!(0));
    assert_eq!(seen["watched"]["first_at"], json!(null));

    let calls = stage.get(&owner, "/api/v1/usage/calls").await.json();
    let items = calls["items"].as_array().unwrap();
    assert_eq!(
        items[0]["shadow_limits"],
        json!([{"shadow": shadow, "would_refuse": "monthly_spend"}])
    );
    let bare = items
        .iter()
        .filter(|item| item.get("shadow_limits").is_none());
    assert_eq!(bare.count(), 1);
    let bad = stage.get(&owner, "/api/v1/usage/shadow-limits?shadow=x");
    assert_eq!(bad.await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_read_it_in_a_sentence() {
    let stage = Stage::new().await;
    let owner = stage.person(stage.tenant(), Role::Owner).await;
    let granted = Granted::by(owner.tenant, owner.user);
    let shadow = ShadowId::new(stage.clock.now());
    let page = format!("/usage/shadow-limits?shadow={shadow}");
    let said = async |path: &str| stage.get(&owner, path).await.ok().body;
    let before = said(&page).await;
    assert!(
        before.contains("No call has been made under them yet"),
        "{before}"
    );
    let call = || granted.call("2026-11-20T10:00:00Z");
    stage.booked(&[watched(call(), shadow, None, 1)]).await;
    let none = said(&page).await;
    assert!(
        none.contains(
            "None of 1 call</strong> would have been refused since 20 Nov 2026, 10:00 UTC."
        ),
        "{none}"
    );
    let month = Some(LimitName::MonthlySpend);
    let beyond = watched(call(), shadow, month, 1_250_000_000);
    stage.booked(&[beyond]).await;
    let fragment = said(&format!("{page}&fragment=1")).await;
    for expected in [
        "1 of 2 calls</strong> would have been refused since 20 Nov 2026, 10:00 UTC, worth <data value=\"1.25\">$1.25</data>.",
        "<th scope=\"row\">Money a month</th>",
    ] {
        assert!(fragment.contains(expected), "{fragment}");
    }
    assert!(!fragment.contains("<html"), "{fragment}");
    assert!(said(&page).await.contains("1 of 2 calls"));
}

/// What fits into the limits of a shadow this month: spent, held, and how many calls today.
async fn counted(limits: &SpendLimits, shadow: ShadowId) -> (Amount, Amount, Amount) {
    let all = CallLimits {
        monthly_spend: Some(money::LARGEST_LIMIT),
        requests_per_day: Some(1_000),
        ..CallLimits::NONE
    };
    let standing = limits
        .standing(Bucket::of_shadow(shadow), &all)
        .await
        .unwrap();
    (standing[0].spent, standing[0].reserved, standing[1].spent)
}

#[tokio::test(flavor = "multi_thread")]
async fn shadow_limits_begin_again_from_the_calls_that_fitted() {
    let stage = Stage::at_time(Clock::system()).await;
    let now = stage.clock.now();
    let granted = Granted::by(stage.tenant(), UserId::new(now));
    let shadow = ShadowId::new(now);
    let day = Some(LimitName::DailySpend);
    let calls = [
        granted.call_at(now),
        watched(granted.call_at(now), shadow, None, 10),
        watched(granted.call_at(now), shadow, day, 100),
        watched(granted.call_at(now), shadow, None, 1_000),
    ];
    stage.booked(&calls).await;
    let (refill, limits) = (refill(&stage), limits(&stage));
    let earlier = match refill.open().await.unwrap() {
        Opened::Opened(epoch) => epoch,
        other => panic!("{other:?}"),
    };
    let expected = (
        Amount::Money(nanos(1_010)),
        Amount::Money(nanos(0)),
        Amount::Requests(2),
    );
    assert_eq!(counted(&limits, shadow).await, expected);
    // A proxy still knows a call that was recorded a moment ago: it counts once.
    stage.forget_redis();
    refill.open().await.unwrap();
    let hold = Hold {
        bucket: bucket(granted.grant, "openai"),
        above: OwnersAbove::NONE.with_shadows(&[shadow]).unwrap(),
        call: calls[3].call,
        epoch: earlier,
    };
    let charged = limits.charge(hold, nanos(1_000), now).await;
    assert_eq!(charged.unwrap(), Settled::Already);
    assert_eq!(counted(&limits, shadow).await, expected);
}
