//! The proxy's clock and that of the limits, where they differ.

use clock::Clock;
use jiff::SignedDuration;

use crate::{
    endings::scripted,
    stage::{Stage, roomy},
};

/// The books are what limits are restored from: a call must stand there on the day whose limits it
/// counted against.
#[tokio::test]
async fn a_call_begins_and_ends_when_the_limits_say_so() {
    for ahead in [-3, 3] {
        a_call_is_dated_by_the_limits(SignedDuration::from_hours(ahead)).await;
    }
}

async fn a_call_is_dated_by_the_limits(ahead: SignedDuration) {
    let before = Clock::system().now();
    let stage = Stage::at(Clock::set(before + ahead), &[]).await;
    let granted = stage.grant(&["openai"], roomy()).await;
    let call = stage.post(
        &granted,
        "/v1/openai/chat/completions",
        &scripted("{}", false),
    );
    assert_eq!(call.send().await.unwrap().status(), 200);
    let record = stage.records(1).await.pop().unwrap();
    let after = Clock::system().now();
    // Redis tells milliseconds.
    let earliest = before - SignedDuration::from_millis(1);
    assert!((earliest..=after).contains(&record.began_at), "{record:?}");
    assert!(
        (record.began_at..=after).contains(&record.ended_at),
        "{record:?}"
    );
}
