//! The provider key never comes back, whatever the provider does.

use clock::Clock;
use events::CallOutcome;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::stage::{KEYS, Stage, roomy};

/// Every piece of eight characters of each key, without what all keys of a provider begin with.
fn pieces() -> Vec<String> {
    let secrets = KEYS
        .iter()
        .map(|(_, key)| key.split("Canary").nth(1).unwrap());
    let of =
        |secret: &'static str| (0..secret.len() - 7).map(move |at| secret[at..at + 8].to_owned());
    secrets.flat_map(of).collect()
}

fn holds_a_key(text: &str) -> bool {
    pieces().iter().any(|piece| text.contains(piece.as_str()))
}

/// The text that the events of a stream spell out.
fn spelled(stream: &str) -> String {
    let events = stream
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    let values = events.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    values
        .map(|event| {
            let texts = [
                &event["choices"][0]["delta"]["content"],
                &event["delta"]["text"],
                &event["delta"],
                &event["candidates"][0]["content"]["parts"][0]["text"],
            ];
            texts
                .iter()
                .find_map(|text| text.as_str())
                .unwrap_or_default()
                .to_owned()
        })
        .collect()
}

fn calls(script: &str) -> Vec<(&'static str, Value)> {
    let says = format!("[[sim {script}]]");
    let messages = json!([{"role": "user", "content": says}]);
    vec![
        (
            "/v1/openai/chat/completions",
            json!({"model": "gpt-4o", "messages": messages}),
        ),
        (
            "/v1/openai/responses",
            json!({"model": "gpt-4o", "input": says}),
        ),
        (
            "/v1/anthropic/v1/messages",
            json!({"model": "claude-sonnet-4-5", "max_tokens": 100, "messages": messages}),
        ),
        (
            "/v1/google/v1beta/models/gemini-2.5-pro:generateContent",
            json!({"contents": [{"parts": [{"text": says}]}]}),
        ),
        (
            "/v1/google/v1beta/models/gemini-2.5-pro:streamGenerateContent",
            json!({"contents": [{"parts": [{"text": says}]}]}),
        ),
        (
            "/v1/google/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
            json!({"contents": [{"parts": [{"text": says}]}]}),
        ),
    ]
}

#[tokio::test]
async fn a_provider_that_echoes_everything_does_not_give_the_key_away() {
    let stage = Stage::new().await;
    let granted = stage
        .grant(&["openai", "anthropic", "google"], roomy())
        .await;
    let header = "\"headers\":{\"x-ratelimit-note\":\"{key}\",\"x-request-id\":\"{key}\"}";
    let mut seen = 0;
    for status in ["200", "400", "401", "403", "429", "500"] {
        let script = format!("{{\"echo\":true,\"status\":{status},{header}}}");
        for (path, body) in calls(&script) {
            let response = stage.post(&granted, path, &body).send().await.unwrap();
            let headers = format!("{:?}", response.headers());
            assert!(!holds_a_key(&headers), "{path} {status}: {headers}");
            let text = response.text().await.unwrap_or_default();
            assert!(!holds_a_key(&text), "{path} {status}: {text}");
            seen += 1;
        }
    }
    assert_eq!(stage.records(seen).await.len(), seen);
    let spooled = format!("{:?}{:?}", stage.spooled("began"), stage.spooled("ended"));
    assert!(!holds_a_key(&spooled));
}

#[tokio::test]
async fn a_key_in_a_stream_is_cut_off_however_small_its_pieces_are() {
    let stage = Stage::new().await;
    let granted = stage
        .grant(&["openai", "anthropic", "google"], roomy())
        .await;
    for chunks in [1, 10, 100, 400] {
        let script = format!("{{\"echo\":true,\"chunks\":{chunks}}}");
        for (path, mut body) in calls(&script) {
            if !path.contains("google") {
                body["stream"] = true.into();
            }
            let response = stage.post(&granted, path, &body).send().await.unwrap();
            let text = response.text().await.unwrap_or_default();
            assert!(!holds_a_key(&text), "{path} {chunks}: {text}");
            assert!(!holds_a_key(&spelled(&text)), "{path} {chunks}: {text}");
        }
    }
    let records = stage.records(24).await;
    assert!(
        records
            .iter()
            .filter(|record| record.outcome == CallOutcome::ProviderError)
            .count()
            >= 20
    );
}

#[tokio::test]
async fn an_answer_that_is_stopped_before_its_first_byte_is_refused_with_a_reason() {
    let stage = Stage::new().await;
    let granted = stage.grant(&["google"], roomy()).await;
    let (path, body) = calls("{\"echo\":true,\"chunks\":1}").swap_remove(4);
    let response = stage.post(&granted, path, &body).send().await.unwrap();
    assert_eq!(response.status(), 502, "{path}");
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["error"]["code"], 502, "{answer}");
    assert_eq!(
        stage.records(1).await[0].outcome,
        CallOutcome::ProviderError
    );
}

#[tokio::test]
async fn a_refused_key_is_told_in_our_words() {
    let stage = Stage::new().await;
    let granted = stage
        .grant(&["openai", "anthropic", "google"], roomy())
        .await;
    for (path, body) in calls("{\"status\":401}").into_iter().take(4) {
        let response = stage.post(&granted, path, &body).send().await.unwrap();
        assert_eq!(response.status(), 424, "{path}");
        let answer: Value = response.json().await.unwrap();
        assert_eq!(answer["error"]["type"], "provider_key_invalid", "{path}");
        assert!(!answer.to_string().contains("simulator"), "{answer}");
    }
    let records = stage.records(4).await;
    assert!(
        records
            .iter()
            .all(|record| record.cost == money::Nanodollars::ZERO)
    );
}

/// As it goes over the wire: no client gives trailers on.
async fn raw(stage: &Stage, token: &str, path: &str, body: &Value) -> String {
    let body = body.to_string();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nte: trailers\r\n\
         anthropic-version: 2023-06-01\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let address = stage.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn trailers_of_a_provider_do_not_pass() {
    let stage = Stage::new().await;
    let granted = stage
        .grant(&["openai", "anthropic", "google"], roomy())
        .await;
    let trailers = "\"trailers\":{\"x-leak\":\"{key}\",\"x-request-id\":\"in-a-trailer\"}";
    for status in [200, 400, 500] {
        for (path, mut body) in calls(&format!("{{{trailers},\"status\":{status}}}")) {
            if path.contains("chat") {
                body["stream"] = true.into();
            }
            let answer = raw(&stage, granted.token.reveal(), path, &body).await;
            let told = format!("HTTP/1.1 {status}");
            assert!(answer.starts_with(&told), "{path}: {answer}");
            assert!(!holds_a_key(&answer), "{path}: {answer}");
            for word in ["x-leak", "in-a-trailer", "trailer:"] {
                assert!(!answer.contains(word), "{path}: {answer}");
            }
        }
    }
    let records = stage.records(18).await;
    let completed = records
        .iter()
        .filter(|record| record.outcome == CallOutcome::Completed);
    assert_eq!(completed.count(), 6);
}

#[tokio::test]
async fn a_key_that_is_refused_is_opened_anew_but_not_with_each_call() {
    let clock = Clock::set(Clock::system().now());
    let stage = Stage::at(clock.clone(), &[]).await;
    let granted = stage.grant(&["openai"], roomy()).await;
    let key = stage.key_of("openai");
    let call = async |status: u16| {
        let says = format!("[[sim {{\"status\":{status}}}]]");
        let body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": says}]});
        let call = stage.post(&granted, "/v1/openai/chat/completions", &body);
        call.send().await.unwrap().status().as_u16()
    };
    let later = || clock.move_to(clock.now() + SignedDuration::from_secs(11));
    assert_eq!(call(200).await, 200);
    later();
    assert_eq!((call(200).await, stage.unwraps(key).await), (200, 1));
    // Nobody told of a rotation: the message bus is missing.
    stage.rotate("openai", KEYS[0].1).await;
    assert_eq!(call(401).await, 424);
    assert_eq!((call(401).await, stage.unwraps(key).await), (424, 2));
    assert_eq!((call(401).await, stage.unwraps(key).await), (424, 2));
    later();
    assert_eq!((call(401).await, stage.unwraps(key).await), (424, 2));
    assert_eq!((call(200).await, stage.unwraps(key).await), (200, 3));
}
