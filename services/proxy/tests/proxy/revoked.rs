//! Calls that are under way when their grant is revoked, wherever they are.

use events::CallOutcome;
use futures_util::StreamExt;
use money::Nanodollars;
use serde_json::{Value, json};

use crate::{
    endings::{scripted, settled},
    stage::{Granted, Stage, eventually, read, roomy},
};

const CHAT: &str = "/v1/openai/chat/completions";
const SLOW: &str = "{\"chunks\":1000,\"chunk_delay_ms\":50,\"output_tokens\":200}";

/// The stream of a call that goes on for long, of which a piece has come.
async fn running(
    stage: &Stage,
    granted: &Granted,
) -> impl futures_util::Stream<Item = reqwest::Result<bytes::Bytes>> + Unpin + use<> {
    let call = stage.post(granted, CHAT, &scripted(SLOW, true));
    let mut stream = Box::pin(call.send().await.unwrap().bytes_stream());
    stream.next().await.unwrap().unwrap();
    stream
}

#[tokio::test]
async fn a_stream_whose_app_has_gone_is_cut_like_any_other() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["openai"], roomy()).await;
    drop(running(&stage, &granted).await);
    stage.revoke(granted.grant).await;
    // Without the message bus the grants of running calls are looked up every few seconds; the answer
    // would be read for thirty.
    let record = stage.records(1).await.pop().unwrap();
    assert_eq!(record.outcome, CallOutcome::CutByRevocation);
}

#[tokio::test]
async fn a_call_that_waits_for_its_key_is_not_sent() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["openai", "anthropic"], roomy()).await;
    let mut stream = running(&stage, &granted).await;
    let locked = stage.lock("consent.sealed_keys").await;
    let body = json!({"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": []});
    let waiting = stage.post(&granted, "/v1/anthropic/v1/messages", &body);
    let waiting = tokio::spawn(waiting.send());
    eventually("it is held", async || {
        let month =
            |limit: &Value| limit["provider"] == "anthropic" && limit["name"] == "monthly_spend";
        stage.standing(&granted, month).await["reserved"] != "0"
    })
    .await;
    stage.revoke(granted.grant).await;
    // What runs beside it has been cut, and so has it.
    while let Some(Ok(_)) = stream.next().await {}
    drop(locked);
    let (status, answer) = read(waiting.await.unwrap().unwrap()).await;
    assert_eq!(
        (status, &answer["error"]["type"]),
        (401, &json!("token_revoked")),
        "{answer}"
    );
    assert_eq!(stage.simulator.log().len(), 1, "only the stream was asked");
    let records = stage.records(2).await;
    let unsent = records
        .iter()
        .find(|one| one.provider.as_str() == "anthropic");
    let unsent = unsent.unwrap();
    assert_eq!(
        (unsent.outcome, unsent.cost),
        (CallOutcome::CutByRevocation, Nanodollars::ZERO)
    );
}

#[tokio::test]
async fn calls_whose_app_has_gone_keep_their_place_until_they_end() {
    let stage = Stage::with(&["--calls-of-a-grant", "1"]).await;
    let granted = stage.grant(&["openai"], roomy()).await;
    let short = "{\"chunks\":10,\"chunk_delay_ms\":100,\"output_tokens\":20}";
    let call = stage.post(&granted, CHAT, &scripted(short, true));
    let mut stream = call.send().await.unwrap().bytes_stream();
    stream.next().await.unwrap().unwrap();
    drop(stream);
    let again = stage.post(&granted, CHAT, &scripted("{}", false));
    assert_eq!(again.send().await.unwrap().status(), 429);
    stage.records(1).await;
    let after = async || {
        let call = stage.post(&granted, CHAT, &scripted("{}", false));
        call.send().await.unwrap().status() == 200
    };
    eventually("there is room", after).await;
    let records = stage.records(2).await;
    settled(&stage, &granted, &records).await;
}
