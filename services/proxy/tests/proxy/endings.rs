//! Calls that end otherwise than they should: every one is recorded once, and every hold ends.

use std::time::Duration;

use events::{CallOutcome, CallRecord, Measurement};
use futures_util::StreamExt;
use money::Nanodollars;
use serde_json::{Value, json};
use tokio::{io::AsyncReadExt, net::TcpListener};

use crate::stage::{Granted, Stage, eventually, read, roomy};

const CHAT: &str = "/v1/openai/chat/completions";

/// A call that has the simulator answer as the script says.
pub fn scripted(script: &str, stream: bool) -> Value {
    let says = format!("[[sim {script}]]");
    json!({"model": "gpt-4o", "max_tokens": 200, "stream": stream, "messages": [{"role": "user", "content": says}]})
}

/// Nothing is held any more, and what was spent at the grant's first provider is what was recorded.
pub async fn settled(stage: &Stage, granted: &Granted, records: &[CallRecord]) {
    let cost: i64 = records.iter().map(|record| record.cost.nanos()).sum();
    let expected = Nanodollars::from_nanos(cost).to_string();
    let mut month = Value::Null;
    for _ in 0..100 {
        month = stage.limit(granted, "monthly_spend").await;
        if month["reserved"] == "0" && month["spent"] == expected.as_str() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("recorded {expected}, but {month}");
}

#[tokio::test]
async fn a_providers_refusal_passes_and_costs_nothing() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["openai", "anthropic"], roomy()).await;
    for (count, status) in [400, 404, 429, 500, 503, 529].into_iter().enumerate() {
        let script = format!("{{\"status\":{status},\"headers\":{{\"retry-after\":\"7\"}}}}");
        let response = stage
            .post(&granted, CHAT, &scripted(&script, false))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(response.headers()["retry-after"], "7");
        let (_, answer) = read(response).await;
        assert!(answer["error"]["message"].is_string(), "{answer}");
        assert!(
            answer["error"]["type"] != "provider_error",
            "it is the provider's own text: {answer}"
        );
        let record = stage.records(count + 1).await.pop().unwrap();
        assert_eq!(
            (record.outcome, record.cost),
            (CallOutcome::ProviderError, Nanodollars::ZERO)
        );
        assert_eq!(record.provider_status, Some(status));
    }
    settled(&stage, &granted, &stage.records(6).await).await;
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_costs_nothing() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["groq"], roomy()).await;
    let body = json!({"model": "llama-3.3-70b-versatile", "messages": []});
    let (status, answer) = read(
        stage
            .post(&granted, "/v1/groq/chat/completions", &body)
            .send()
            .await
            .unwrap(),
    )
    .await;
    assert_eq!(
        (status, &answer["error"]["type"]),
        (502, &json!("provider_unreachable")),
        "{answer}"
    );
    let record = stage.records(1).await.pop().unwrap();
    assert_eq!(
        (record.outcome, record.cost),
        (CallOutcome::ProviderUnreachable, Nanodollars::ZERO)
    );
    settled(&stage, &granted, &[record]).await;
}

#[tokio::test]
async fn a_provider_that_hangs_up_on_a_call_is_booked_at_the_most() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // It has the call, and nobody knows what it does with it.
            assert!(stream.read(&mut [0; 64 * 1024]).await.unwrap() > 0);
        }
    });
    let flag = format!("--provider-url=mistral=http://{address}/v1");
    let stage = Stage::with(&[&flag]).await;
    let granted = stage.grant(&["mistral"], roomy()).await;
    let body = json!({"model": "mistral-large-latest", "max_tokens": 100, "messages": []});
    let call = stage.post(&granted, "/v1/mistral/chat/completions", &body);
    let (status, answer) = read(call.send().await.unwrap()).await;
    assert_eq!(
        (status, &answer["error"]["type"]),
        (502, &json!("provider_unreachable")),
        "{answer}"
    );
    let record = stage.records(1).await.pop().unwrap();
    assert_eq!(
        (record.outcome, record.measurement),
        (CallOutcome::ProviderUnreachable, Measurement::Estimated)
    );
    assert!(record.cost > Nanodollars::ZERO && record.cost == record.reserved);
    settled(&stage, &granted, &[record]).await;
}

#[tokio::test]
async fn a_provider_that_never_tells_is_booked_at_the_most() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["openai", "anthropic"], roomy()).await;
    let script = "{\"omit_usage\":true}";
    for (count, stream) in [false, true].into_iter().enumerate() {
        let response = stage
            .post(&granted, CHAT, &scripted(script, stream))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        response.text().await.unwrap();
        let record = stage.records(count + 1).await.pop().unwrap();
        assert_eq!(
            (record.outcome, record.measurement),
            (CallOutcome::Completed, Measurement::Estimated)
        );
        assert_eq!((record.cost, record.usage.output), (record.reserved, 200));
    }
    settled(&stage, &granted, &stage.records(2).await).await;
}

#[tokio::test]
async fn a_stream_that_breaks_off_ends_with_an_error_and_is_estimated() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["openai", "anthropic"], roomy()).await;
    let cut = scripted("{\"cut_after_chunks\":2}", true);
    let text = stage
        .post(&granted, CHAT, &cut)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let last = text.trim_end().rsplit("data: ").next().unwrap();
    let error: Value = serde_json::from_str(last).unwrap();
    assert_eq!(error["error"]["type"], "provider_unreachable", "{text}");
    let record = stage.records(1).await.pop().unwrap();
    assert_eq!(
        (record.outcome, record.measurement),
        (CallOutcome::ProviderUnreachable, Measurement::Estimated)
    );
    assert_eq!(record.cost, record.reserved);

    let says = "[[sim {\"cut_after_chunks\":2,\"input_tokens\":30}]]";
    let body = json!({"model": "claude-sonnet-4-5", "max_tokens": 200, "stream": true, "messages": [{"role": "user", "content": says}]});
    let text = stage
        .post(&granted, "/v1/anthropic/v1/messages", &body)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        text.contains("event: error\ndata: {\"type\":\"error\""),
        "{text}"
    );
    let record = stage.records(2).await.pop().unwrap();
    // Anthropic told the input before it broke off.
    assert_eq!((record.usage.input, record.usage.output), (30, 200));
    assert!(record.cost < record.reserved);
}

#[tokio::test]
async fn an_answer_that_breaks_off_in_one_piece_is_an_error() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["openai"], roomy()).await;
    let cut = scripted("{\"cut_after_chunks\":0}", false);
    let (status, answer) = read(stage.post(&granted, CHAT, &cut).send().await.unwrap()).await;
    assert_eq!(
        (status, &answer["error"]["type"]),
        (502, &json!("provider_unreachable"))
    );
    let record = stage.records(1).await.pop().unwrap();
    assert_eq!(record.measurement, Measurement::Estimated);
    settled(&stage, &granted, &[record]).await;
}

#[tokio::test]
async fn an_error_in_the_midst_of_a_stream_passes() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["openai"], roomy()).await;
    let failing = scripted("{\"error_after_chunks\":2}", true);
    let text = stage
        .post(&granted, CHAT, &failing)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(text.contains("\"error\""), "{text}");
    let record = stage.records(1).await.pop().unwrap();
    assert_eq!(
        (record.outcome, record.measurement),
        (CallOutcome::ProviderError, Measurement::Estimated)
    );
}

#[tokio::test]
async fn an_app_that_goes_away_is_charged_what_the_answer_cost() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["openai"], roomy()).await;
    let slow = scripted(
        "{\"chunks\":20,\"chunk_delay_ms\":40,\"output_tokens\":20,\"input_tokens\":10}",
        true,
    );
    let response = stage.post(&granted, CHAT, &slow).send().await.unwrap();
    let mut bytes = response.bytes_stream();
    bytes.next().await.unwrap().unwrap();
    drop(bytes);
    let record = stage.records(1).await.pop().unwrap();
    assert_eq!(
        (record.outcome, record.measurement),
        (CallOutcome::ClientGone, Measurement::Measured)
    );
    assert_eq!((record.usage.input, record.usage.output), (10, 20));
    settled(&stage, &granted, &[record]).await;
}

/// Whoever takes the spool over learns there whether the call began.
#[tokio::test]
async fn a_hold_says_where_its_beginning_is_written_down() {
    let stage = Stage::with(&["--first-byte-within", "2s"]).await;
    let granted = stage.grant(&["openai"], roomy()).await;
    let hanging = stage.post(&granted, CHAT, &scripted("{\"hang\":true}", false));
    let hanging = tokio::spawn(hanging.send());
    let spool = stage.spool_number();
    let mut found = Vec::new();
    eventually("the call is held", async || {
        found = stage.limits.of_spool(spool).await.unwrap();
        !found.is_empty()
    })
    .await;
    hanging.await.unwrap().unwrap();
    let record = stage.records(1).await.pop().unwrap();
    let named: Vec<_> = found
        .iter()
        .map(|one| (one.hold.call, one.segment))
        .collect();
    assert_eq!(named, [(record.call, 1)]);
    settled(&stage, &granted, &[record]).await;
    assert_eq!(stage.limits.of_spool(spool).await.unwrap(), []);
}

#[tokio::test]
async fn a_silent_provider_is_given_up_and_booked_at_the_most() {
    let stage = Stage::with(&["--first-byte-within", "1s", "--idle-within", "1s"]).await;
    let granted = stage.grant(&["openai"], roomy()).await;
    let (status, answer) = read(
        stage
            .post(&granted, CHAT, &scripted("{\"hang\":true}", false))
            .send()
            .await
            .unwrap(),
    )
    .await;
    assert_eq!(
        (status, &answer["error"]["type"]),
        (504, &json!("provider_timeout"))
    );
    let slow = scripted("{\"chunks\":3,\"chunk_delay_ms\":30000}", true);
    let text = stage
        .post(&granted, CHAT, &slow)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(text.contains("provider_timeout"), "{text}");
    let records = stage.records(2).await;
    assert!(
        records
            .iter()
            .all(|record| record.measurement == Measurement::Estimated)
    );
    settled(&stage, &granted, &records).await;
}

#[tokio::test]
async fn a_stream_of_a_revoked_grant_is_cut() {
    cut_when_revoked(50).await;
}

/// Nothing comes in that it would be looked at for.
#[tokio::test]
async fn a_stream_that_is_silent_is_cut_all_the_same() {
    cut_when_revoked(50_000).await;
}

async fn cut_when_revoked(pause_ms: u32) {
    let stage = Stage::new().await;
    let granted = stage.grant(&["openai"], roomy()).await;
    let script = format!("{{\"chunks\":1000,\"chunk_delay_ms\":{pause_ms},\"output_tokens\":200}}");
    let endless = scripted(&script, true);
    let response = stage.post(&granted, CHAT, &endless).send().await.unwrap();
    let mut bytes = response.bytes_stream();
    bytes.next().await.unwrap().unwrap();
    stage.revoke(granted.grant).await;
    // Without the message bus the grants of running calls are looked up every few seconds.
    let rest = tokio::time::timeout(Duration::from_secs(20), async {
        let mut rest = Vec::new();
        while let Some(Ok(piece)) = bytes.next().await {
            rest.extend_from_slice(&piece);
        }
        String::from_utf8(rest).unwrap()
    });
    let rest = rest.await.unwrap();
    assert!(rest.contains("\"type\":\"token_revoked\""), "{rest}");
    let record = stage.records(1).await.pop().unwrap();
    assert_eq!(record.outcome, CallOutcome::CutByRevocation);
}

#[tokio::test]
async fn an_app_that_stops_reading_does_not_keep_its_call_open() {
    use tokio::io::AsyncWriteExt;
    let stage = Stage::with(&["--idle-within", "1s", "--app-reads-within", "1s"]).await;
    let granted = stage.grant(&["openai"], roomy()).await;
    // More than any buffer between here and there holds.
    let script =
        "{\"body_bytes\":30000000,\"chunks\":300,\"output_tokens\":20,\"input_tokens\":10}";
    let body = scripted(script, true).to_string();
    let mut stream = tokio::net::TcpStream::connect(stage.url.strip_prefix("http://").unwrap())
        .await
        .unwrap();
    let head = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        granted.token.reveal(),
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let record = stage.records(1).await.pop().unwrap();
    assert_eq!(record.outcome, CallOutcome::ClientGone);
    // It was read to its end behind the app's back, so what it cost is known.
    assert_eq!(
        (record.measurement, record.usage.output),
        (Measurement::Measured, 20)
    );
    settled(&stage, &granted, &[record]).await;
    drop(stream);
}
