//! The simulator, spoken to over HTTP as its callers do.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where something is not as it must be"
)]

mod anthropic;
mod faults;
mod google;
mod log;
mod openai;
mod scripts;
mod tools;

use std::time::{Duration, Instant};

use provider_simulator::{Running, Settings, Simulator};
use reqwest::{Client, RequestBuilder, Response, redirect::Policy};
use serde_json::{Value, json};

const KEY: &str = "sk-test-abcdefgh1234";
const TEXT: &str = "This answer comes from the provider simulator and means nothing at all.";

/// A simulator of a test's own, and a client for it.
struct Bench {
    simulator: Running,
    client: Client,
}

impl Bench {
    fn new() -> Self {
        Self::with(&Settings::for_tests())
    }

    fn with(settings: &Settings) -> Self {
        let client = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .build()
            .unwrap();
        Self {
            simulator: Simulator::start(settings).unwrap(),
            client,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.simulator.url())
    }

    /// A call with the key where the dialect of the path wants it.
    fn call(&self, path: &str, body: &Value) -> RequestBuilder {
        let call = self.client.post(self.url(path)).json(body);
        if path.starts_with("/anthropic/v1/messages") {
            call.header("x-api-key", KEY)
                .header("anthropic-version", "2023-06-01")
        } else if path.starts_with("/google") && !path.contains("/openai/") {
            call.header("x-goog-api-key", KEY)
        } else {
            call.bearer_auth(KEY)
        }
    }

    async fn post(&self, path: &str, body: &Value) -> Response {
        self.call(path, body).send().await.unwrap()
    }

    /// The status and the JSON of an answer.
    async fn json(&self, path: &str, body: &Value) -> (u16, Value) {
        let response = self.post(path, body).await;
        assert_eq!(response.headers()["x-latchkey-simulator"], "1");
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// The events of a stream.
    async fn events(&self, path: &str, body: &Value) -> Vec<Event> {
        let response = self.post(path, body).await;
        assert_eq!(response.status(), 200);
        let content_type = response.headers()["content-type"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(
            content_type.starts_with("text/event-stream"),
            "{content_type}"
        );
        Event::parse(&response.text().await.unwrap())
    }

    async fn get(&self, path: &str) -> Value {
        let response = self
            .client
            .get(self.url(path))
            .bearer_auth(KEY)
            .send()
            .await
            .unwrap();
        response.json().await.unwrap()
    }

    /// Sets a script for calls that carry none.
    async fn script(&self, rule: Value) {
        let url = self.url("/simulator/script");
        let response = self.client.post(url).json(&rule).send().await.unwrap();
        assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
    }

    /// The only entry of the log, as soon as it is there.
    async fn entry(&self) -> Value {
        let entry = until(|| self.simulator.log().pop()).await;
        assert_eq!(self.simulator.log().len(), 1);
        entry
    }
}

/// One server-sent event.
struct Event {
    name: Option<String>,
    data: String,
}

impl Event {
    fn parse(stream: &str) -> Vec<Self> {
        let normal = stream.replace("\r\n", "\n");
        let events = normal.split_terminator("\n\n").map(|event| {
            let line = |field: &str| {
                event
                    .lines()
                    .find_map(|line| line.strip_prefix(field))
                    .map(ToOwned::to_owned)
            };
            Self {
                name: line("event: "),
                data: line("data: ").unwrap(),
            }
        });
        events.collect()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap()
    }
}

/// Asks again and again for something that must come within five seconds.
async fn until<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "it did not come");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A chat body; `more` adds or replaces members.
fn chat(text: &str, more: &Value) -> Value {
    with(
        json!({ "model": "gpt-4o", "messages": [{ "role": "user", "content": text }] }),
        more,
    )
}

/// A messages body.
fn message(text: &str, more: &Value) -> Value {
    let messages = json!([{ "role": "user", "content": text }]);
    with(
        json!({ "model": "claude-sonnet-5", "max_tokens": 1000, "messages": messages }),
        more,
    )
}

/// A generateContent body.
fn contents(text: &str) -> Value {
    json!({ "contents": [{ "role": "user", "parts": [{ "text": text }] }] })
}

fn with(mut body: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}
