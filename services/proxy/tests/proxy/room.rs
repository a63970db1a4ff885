//! How much room one organization may take.

use serde_json::{Value, json};

use crate::stage::{Stage, eventually, read, roomy};

const CHAT: &str = "/v1/openai/chat/completions";

fn hello() -> Value {
    json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]})
}

#[tokio::test]
async fn one_organization_does_not_take_all_the_room_with_many_grants() {
    let stage = Stage::with(&["--calls-of-an-organization", "1"]).await;
    let first = stage.grant(&["openai"], roomy()).await;
    let second = stage.grant(&["openai"], roomy()).await;
    let slow = json!({"model": "gpt-4o", "stream": true, "max_tokens": 50, "messages": [
        {"role": "user", "content": "[[sim {\"chunks\":2,\"chunk_delay_ms\":1500}]]"}
    ]});
    let running = stage.post(&first, CHAT, &slow).send().await.unwrap();
    let refused = stage.post(&second, CHAT, &hello()).send().await.unwrap();
    assert_eq!(refused.headers()["retry-after"], "1");
    let (status, answer) = read(refused).await;
    let told = "this organization has 1 calls running, the most at one time; wait for one to end";
    assert_eq!((status, &answer["error"]["message"]), (429, &json!(told)));
    running.bytes().await.unwrap();
    eventually("the room is there again", async || {
        let served = stage.post(&second, CHAT, &hello()).send().await;
        served.unwrap().status() == 200
    })
    .await;
}
