//! No call takes longer than calls may, however busy its provider keeps it.

use std::time::{Duration, Instant};

use events::{CallOutcome, Measurement};
use serde_json::json;

use crate::{
    endings::{scripted, settled},
    stage::{Stage, read, roomy},
};

const CHAT: &str = "/v1/openai/chat/completions";
/// Long enough for a busy machine to end a call after a second; its provider would go on for longer.
const SOON: Duration = Duration::from_secs(15);

#[tokio::test]
async fn a_stream_that_never_pauses_ends_when_its_time_is_up() {
    let stage = Stage::with(&["--call-within", "1s"]).await;
    let granted = stage.grant(&["openai"], roomy()).await;
    let endless = scripted("{\"chunks\":1000,\"chunk_delay_ms\":100}", true);
    let began = Instant::now();
    let response = stage.post(&granted, CHAT, &endless).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let text = response.text().await.unwrap();
    let took = began.elapsed();
    assert!(Duration::from_secs(1) <= took && took < SOON, "{took:?}");
    assert!(text.contains("\"content\""), "it had begun: {text}");
    assert!(text.contains("provider_timeout"), "{text}");
    assert!(!text.contains("[DONE]"), "{text}");
    let record = stage.records(1).await.pop().unwrap();
    assert_eq!(
        (record.outcome, record.measurement),
        (CallOutcome::ProviderUnreachable, Measurement::Estimated)
    );
    assert_eq!(record.cost, record.reserved);
    settled(&stage, &granted, &[record]).await;
}

#[tokio::test]
async fn an_answer_that_does_not_begin_ends_when_its_time_is_up() {
    // A provider has longer to begin than a call may take.
    let stage = Stage::with(&["--call-within", "1s"]).await;
    let granted = stage.grant(&["openai"], roomy()).await;
    let silent = scripted("{\"hang\":true}", false);
    let began = Instant::now();
    let (status, answer) = read(stage.post(&granted, CHAT, &silent).send().await.unwrap()).await;
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    assert_eq!(
        (status, &answer["error"]["type"]),
        (504, &json!("provider_timeout"))
    );
    let record = stage.records(1).await.pop().unwrap();
    assert_eq!(
        (record.measurement, record.cost),
        (Measurement::Estimated, record.reserved)
    );
    settled(&stage, &granted, &[record]).await;
}
