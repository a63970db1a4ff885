//! A call that costs more than was held for it is booked at what it cost, and somebody is told.

use events::{CallOutcome, Measurement};
use money::Nanodollars;

use crate::{
    endings::{scripted, settled},
    stage::{Stage, client, roomy},
};

const CHAT: &str = "/v1/openai/chat/completions";

async fn counted(stage: &Stage) -> u64 {
    let url = format!("{}/metrics", stage.url);
    let metrics = client().get(url).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let mut lines = metrics.lines();
    let line = lines.find_map(|line| line.strip_prefix("latchkey_calls_above_reservation_total "));
    line.map_or(0, |count| count.parse().unwrap())
}

#[tokio::test]
async fn it_is_booked_whole_and_counted() {
    server::telemetry::start_metrics().ok();
    let stage = Stage::new().await;
    let granted = stage.grant(&["openai"], roomy()).await;
    let before = counted(&stage).await;
    for (count, stream) in [false, true].into_iter().enumerate() {
        // No prompt of a few words has so many tokens, and no bound allows for them.
        let script = "{\"input_tokens\":1000000,\"output_tokens\":10}";
        let call = stage.post(&granted, CHAT, &scripted(script, stream));
        let answer = call.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.text().await.unwrap();
        let record = stage.records(count + 1).await.pop().unwrap();
        assert_eq!(
            (record.outcome, record.measurement),
            (CallOutcome::Completed, Measurement::Measured)
        );
        assert_eq!((record.usage.input, record.usage.output), (1_000_000, 10));
        // gpt-4o: $2.50 a million tokens of input, $10 of output.
        assert_eq!(record.cost, Nanodollars::from_nanos(2_500_100_000));
        assert!(record.exceeded_its_reservation(), "{record:?}");
    }
    settled(&stage, &granted, &stage.records(2).await).await;
    // Other tests of this process may count calls of their own.
    assert!(counted(&stage).await >= before + 2);
}
