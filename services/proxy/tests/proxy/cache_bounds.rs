//! Answers that are given again: which are kept, and for how long.

use clock::Clock;
use jiff::SignedDuration;
use serde_json::json;

use crate::{
    cache::{CHAT, allow, ask, asked_providers, asking, hello, keeping, said, says, told},
    one_endpoint::{CLAUDE, GPT, either, script, served_by},
    stage::{Stage, roomy},
};

#[tokio::test]
async fn an_answer_is_given_until_it_is_too_old() {
    let clock = Clock::set(Clock::system().now());
    let stage = Stage::at(clock.clone(), &[]).await;
    allow(&stage, stage.tenant).await;
    let granted = stage.grant(&["openai"], roomy()).await;
    let began = clock.now();
    let at = |seconds| clock.move_to(began + SignedDuration::from_secs(seconds));
    let call = |age: &str| {
        let call = stage.post(&granted, CHAT, &hello());
        told(call.header("x-okap-cache", format!("max-age={age}")))
    };
    assert_eq!(call("60").await, "miss");
    at(59);
    let again = ask(&stage, &granted, &hello()).await;
    assert_eq!(
        (&*said(&again), &again.headers()["age"]),
        ("hit", &"59".parse().unwrap())
    );
    assert_eq!(call("30").await, "miss", "too old for this call");
    // The newer one took the older one's place, for as long as its own call said.
    at(80);
    assert_eq!(call("60").await, "hit");
    at(89);
    assert_eq!(call("60").await, "miss");
    at(148);
    assert_eq!(call("3600").await, "hit");
    at(149);
    assert_eq!(call("3600").await, "miss");
    assert_eq!(asked_providers(&stage), 4);
}

#[tokio::test]
async fn only_whole_and_measured_answers_are_kept() {
    let stage = keeping(&[]).await;
    let granted = stage.grant(&["openai", "anthropic"], roomy()).await;
    let scripts = [
        (false, json!({"status": 500})),
        (false, json!({"status": 429})),
        (false, json!({"status": 201})),
        (false, json!({"omit_usage": true})),
        (true, json!({"omit_usage": true})),
        (true, json!({"error_after_chunks": 1})),
        (true, json!({"cut_after_chunks": 1})),
        (false, json!({"cut_after_chunks": 1})),
        // The key would go by.
        (false, json!({"echo": true})),
        (true, json!({"echo": true})),
    ];
    let mut sent = 0;
    for (stream, script) in scripts {
        let mut body = says(&format!("[[sim {script}]]"));
        body["stream"] = stream.into();
        for _ in 0..2 {
            sent += 1;
            let answer = ask(&stage, &granted, &body).await;
            assert_ne!(said(&answer), "hit", "{script}");
            drop(answer.bytes().await);
            stage.records(sent).await;
        }
    }
    assert_eq!(asked_providers(&stage), sent);
    assert!(
        stage
            .records(sent)
            .await
            .iter()
            .all(|record| !record.cached)
    );
}

#[tokio::test]
async fn what_is_too_long_is_not_kept() {
    let stage = keeping(&["--response-cache-answer-bytes", "20000"]).await;
    let granted = stage.grant(&["openai"], roomy()).await;
    let padded = |bytes: u32| says(&format!("[[sim {{\"body_bytes\":{bytes}}}]]"));
    for (body, stream, expected) in [
        (padded(1_000), false, "hit"),
        (padded(1_000), true, "hit"),
        (padded(30_000), false, "miss"),
        (padded(30_000), true, "miss"),
        // Longer than what is read before its first byte goes out.
        (padded(1_200_000), false, "miss"),
    ] {
        let mut body = body;
        body["stream"] = stream.into();
        assert_eq!(told(asking(&stage, &granted, CHAT, &body)).await, "miss");
        assert_eq!(told(asking(&stage, &granted, CHAT, &body)).await, expected);
    }
}

#[tokio::test]
async fn a_long_answer_that_goes_by_is_kept_where_it_may_be() {
    let stage = keeping(&["--response-cache-answer-bytes", "4000000"]).await;
    let granted = stage.grant(&["openai"], roomy()).await;
    let body = says("[[sim {\"body_bytes\":1200000}]]");
    let mut answers = Vec::new();
    for expected in ["miss", "hit"] {
        let answer = ask(&stage, &granted, &body).await;
        assert_eq!(said(&answer), expected);
        answers.push(answer.bytes().await.unwrap());
    }
    assert!(answers[0].len() > 1_200_000 && answers[0] == answers[1]);
}

#[tokio::test]
async fn without_room_nothing_is_kept() {
    let stage = keeping(&["--response-cache-bytes", "0"]).await;
    let granted = stage.grant(&["openai"], roomy()).await;
    for _ in 0..2 {
        assert_eq!(told(asking(&stage, &granted, CHAT, &hello())).await, "off");
    }
}

#[tokio::test]
async fn the_one_endpoint_gives_again_what_its_provider_answered() {
    let stage = keeping(&[]).await;
    let granted = stage.grant(&["openai", "anthropic"], roomy()).await;
    let path = "/v1/chat/completions";
    script(&stage, "openai", &json!({"status": 503})).await;
    let body = either(&[GPT, CLAUDE]);
    for expected in ["miss", "hit"] {
        let call = asking(&stage, &granted, path, &body);
        let answer = call.send().await.unwrap();
        assert_eq!(said(&answer), expected);
        assert_eq!(served_by(&answer).0, "anthropic");
        answer.bytes().await.unwrap();
    }
    // Each try is a call of its own: the one that failed failed again.
    let records = stage.records(4).await;
    let tries = records.iter().map(|r| (r.provider.as_str(), r.cached));
    let failed = ("openai", false);
    assert_eq!(
        tries.collect::<Vec<_>>(),
        [failed, ("anthropic", false), failed, ("anthropic", true)]
    );
}
