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
async fn a_call_began_when_the_limits_say_so() {
    let behind = SignedDuration::from_hours(3);
    let before = Clock::system().now();
    let stage = Stage::at(Clock::set(before - behind), &[]).await;
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
    assert!(record.ended_at >= record.began_at);
}
