//! Errors of gateways in front of a provider, which do not tell whether it generated an answer:
//! such a call is charged what was held for it.

use std::time::Duration;

use events::{CallOutcome, CallRecord, Measurement, RouteStrategy};
use money::Nanodollars;
use serde_json::json;

use crate::{
    endings::{scripted, settled},
    one_endpoint::{CLAUDE, GPT, ask, hello, nothing_is_held, script, served_by},
    stage::{Stage, aliases::alias, read, roomy},
};

const CHAT: &str = "/v1/openai/chat/completions";
const OF_GATEWAYS: [u16; 4] = [502, 504, 520, 524];

fn is_booked_at_the_most(record: &CallRecord) -> bool {
    record.measurement == Measurement::Estimated
        && record.cost > Nanodollars::ZERO
        && record.cost == record.reserved
}

#[tokio::test]
async fn a_gateways_error_passes_and_is_booked_at_the_most() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["openai"], roomy()).await;
    for (count, status) in OF_GATEWAYS.into_iter().enumerate() {
        let body = scripted(&format!("{{\"status\":{status}}}"), count % 2 == 0);
        let (told, answer) = read(stage.post(&granted, CHAT, &body).send().await.unwrap()).await;
        assert_eq!(told, status);
        assert!(answer["error"]["message"].is_string(), "{answer}");
        let record = stage.records(count + 1).await.pop().unwrap();
        assert_eq!(
            (record.outcome, record.provider_status),
            (CallOutcome::ProviderError, Some(status))
        );
        assert!(is_booked_at_the_most(&record), "{status}: {record:?}");
    }
    settled(&stage, &granted, &stage.records(4).await).await;
}

#[tokio::test]
async fn it_is_booked_so_too_when_the_app_has_gone_before_it_came() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["openai"], roomy()).await;
    for (count, (status, at_the_most)) in [(504, true), (503, false)].into_iter().enumerate() {
        let late = scripted(&format!("{{\"status\":{status},\"delay_ms\":600}}"), false);
        let call = stage.post(&granted, CHAT, &late);
        let gone = call.timeout(Duration::from_millis(200)).send().await;
        assert!(gone.unwrap_err().is_timeout());
        let record = stage.records(count + 1).await.pop().unwrap();
        assert_eq!(record.provider_status, Some(status), "{record:?}");
        assert_eq!(is_booked_at_the_most(&record), at_the_most, "{record:?}");
    }
    settled(&stage, &granted, &stage.records(2).await).await;
}

#[tokio::test]
async fn the_next_candidate_answers_and_both_tries_are_booked() {
    let stage = Stage::new().await;
    let fast = alias("fast", RouteStrategy::Fallback, &[GPT, CLAUDE]);
    stage.set_alias(stage.tenant, &fast).await;
    let granted = stage.grant(&["openai", "anthropic"], roomy()).await;
    let mut records = 0;
    for status in OF_GATEWAYS {
        script(&stage, "openai", &json!({"status": status})).await;
        let response = ask(&stage, &granted, &hello("fast")).await;
        assert_eq!(response.status(), 200, "{status}");
        assert_eq!(served_by(&response).0, "anthropic");
        response.text().await.unwrap();
        records += 2;
        let all = stage.records(records).await;
        let [failed, served] = &all[records - 2..] else {
            panic!("{all:#?}")
        };
        assert_ne!(failed.call, served.call);
        assert_eq!(failed.provider_status, Some(status));
        assert!(is_booked_at_the_most(failed), "{failed:?}");
        assert_eq!(
            (served.outcome, served.measurement),
            (CallOutcome::Completed, Measurement::Measured)
        );
    }
    nothing_is_held(&stage, &granted).await;
    let mut failed = stage.records(records).await;
    failed.retain(|record| record.provider.as_str() == "openai");
    settled(&stage, &granted, &failed).await;
}
