//! What a process leaves in the register of spools.

use serde_json::json;

use crate::stage::{Stage, roomy};

#[tokio::test]
async fn a_spool_is_registered_until_its_process_ends_and_nothing_is_left_of_it() {
    let stage = Stage::new().await;
    assert!(stage.is_registered().await);
    stage.end().await;
    assert!(!stage.is_registered().await);
}

#[tokio::test]
async fn a_spool_with_calls_that_nobody_has_stays_registered() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["openai"], roomy()).await;
    let hello = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]});
    let call = stage.post(&granted, "/v1/openai/chat/completions", &hello);
    call.send().await.unwrap();
    let _ = stage.records(1).await;
    stage.end().await;
    assert!(stage.is_registered().await);
}
