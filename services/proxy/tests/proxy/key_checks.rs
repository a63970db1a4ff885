//! Checks of keys: asked for over the bus, answered by the provider, told without the key.

use std::{
    io::Write,
    sync::{Arc, Mutex},
    thread::{self, ThreadId},
};

use event_bus::{BusSettings, EventBus, Message, Queue, Watched, Watcher};
use event_store::RecordedEvent;
use events::{CustomProvider, ProviderKind};
use ids::{EventId, TenantId, UserId};
use serde_json::{Value, json};

use crate::{
    listener::Listener,
    stage::{KEYS, Stage, added::compatible, client, eventually, roomy},
};

const BROKER: &str = "amqp://guest:guest@127.0.0.1:5672/%2f";

/// A stage on a corner of the broker, and what is announced there.
struct Checks {
    stage: Stage,
    bus: EventBus,
    heard: Watcher,
    owner: UserId,
    prefix: String,
}

impl Checks {
    async fn new() -> Self {
        Self::with(&[]).await
    }

    async fn with(flags: &[&str]) -> Self {
        let clock = clock::Clock::system();
        let unique = TenantId::new(clock.now()).uuid().simple();
        let prefix = format!("checks-{unique}.");
        let on_the_bus = ["--amqp-url", BROKER, "--amqp-prefix", &prefix];
        let stage = Stage::with(&[&on_the_bus, flags].concat()).await;
        let bus = EventBus::connect(&BusSettings {
            url: BROKER.to_owned(),
            prefix: prefix.clone(),
        })
        .unwrap();
        let mut heard = bus.watch(&["provider_key.works", "provider_key.refused"]);
        assert!(matches!(heard.next().await, Watched::Gap));
        let owner = UserId::new(clock.now());
        Self {
            stage,
            bus,
            heard,
            owner,
            prefix,
        }
    }

    /// Asks for a check as consent does.
    async fn want(&self, provider: &str, version: i32) {
        let at = self.stage.clock.now();
        let key = match provider {
            "sandbox" => ids::ProviderKeyId::NONE,
            other => self.stage.key_of(other),
        };
        let event = json!({
            "id": EventId::new(at), "tenant": self.stage.tenant, "stream": format!("provider_key-{}", key.uuid()),
            "version": 2, "type": "provider_key.check_requested", "schema": 1, "occurred_at": at,
            "actor": self.owner.to_string(), "correlation_id": "the-request",
            "payload": {"owner": self.owner, "provider": provider, "version": version},
        });
        let message = Message {
            id: event["id"].as_str().unwrap().to_owned(),
            routing_key: "provider_key.check_requested".to_owned(),
            tenant: Some(self.stage.tenant),
            body: serde_json::to_vec(&event).unwrap(),
        };
        self.bus.publish_one(&message).await.unwrap();
    }

    /// What is told next, which must be soon.
    async fn told(&mut self) -> RecordedEvent {
        let soon = std::time::Duration::from_secs(30);
        loop {
            match tokio::time::timeout(soon, self.heard.next()).await.unwrap() {
                Watched::Event(event) => return *event,
                Watched::Gap => {}
            }
        }
    }

    /// Asks for a check, and hears of this version that it says so.
    async fn expect(&mut self, provider: &str, version: i32, verdict: &str) {
        self.want(provider, version).await;
        let told = self.told().await;
        assert!(!serde_json::to_string(&told).unwrap().contains("Canary"));
        assert_eq!(told.event_type, format!("provider_key.{verdict}"));
        assert_eq!(
            (told.tenant, told.correlation_id.as_str()),
            (self.stage.tenant, "the-request")
        );
        let expected = json!({
            "key": self.stage.key_of(provider), "version": version, "user": self.owner, "provider": provider,
        });
        assert_eq!(told.payload, expected);
    }

    /// Has the simulator do this with every call at a provider.
    async fn script(&self, provider: &str, script: Value) {
        let body = json!({"match": {"provider": provider}, "script": script});
        let url = format!("{}/simulator/script", self.stage.simulator.url());
        let set = client().post(url).json(&body).send().await.unwrap();
        assert!(set.status().is_success(), "{}", set.text().await.unwrap());
    }

    /// Waits until nobody has a check in hand or before them: a check that says nothing tells nothing.
    async fn expect_nothing_of(&mut self, providers: &[&str], asked: impl Fn(&Stage) -> usize) {
        let before = asked(&self.stage);
        for provider in providers {
            self.want(provider, 1).await;
        }
        eventually("each asked", async || {
            asked(&self.stage) >= before + providers.len()
        })
        .await;
        // What is told of them would be told before this.
        self.expect("mistral", 1, "works").await;
    }
}

impl Drop for Checks {
    fn drop(&mut self) {
        let prefix = self.prefix.clone();
        // A thread of its own, because a test's runtime may be ending or panicking.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(forget(&prefix));
        });
        drop(thread.join());
    }
}

async fn forget(prefix: &str) {
    let connection = lapin::Connection::connect(BROKER, Default::default());
    let connection = connection.await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    for queue in [
        "billing.recorder",
        "billing.decisions",
        "proxy.key-checks",
        "dead-letters",
    ] {
        let queue = format!("{prefix}latchkey.{queue}");
        let deleted = channel.queue_delete(queue.into(), Default::default());
        deleted.await.unwrap();
    }
    for exchange in ["events", "decisions", "dead-letters"] {
        let exchange = format!("{prefix}latchkey.{exchange}");
        let deleted = channel.exchange_delete(exchange.into(), Default::default());
        deleted.await.unwrap();
    }
    connection.close(200, "done".into()).await.unwrap();
}

/// Everything that one thread logs from now on.
#[derive(Clone)]
struct Log {
    thread: ThreadId,
    text: Arc<Mutex<Vec<u8>>>,
}

impl Log {
    /// Of this thread: a test runs on it alone, with all that its proxy does beside calls.
    fn here() -> Self {
        let log = Self {
            thread: thread::current().id(),
            text: Arc::default(),
        };
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG)
            .with_writer(move || writer.clone())
            .finish();
        // Not of the thread: what other threads logged before would not be logged on this.
        tracing::subscriber::set_global_default(subscriber).unwrap();
        log
    }

    fn text(&self) -> String {
        String::from_utf8(self.text.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if thread::current().id() == self.thread {
            self.text.lock().unwrap().extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn each_provider_is_asked_for_its_models_with_the_key_and_nothing_else_happens() {
    let mut checks = Checks::new().await;
    for provider in ["openai", "anthropic", "google", "mistral"] {
        checks.expect(provider, 1, "works").await;
        let log = checks.stage.simulator.log();
        let asked = &log[log.len() - 2];
        let secret = KEYS.iter().find(|(name, _)| *name == provider).unwrap().1;
        assert_eq!(
            (&asked["route"], &asked["status"]),
            (&json!("models"), &json!(200))
        );
        assert_eq!(asked["key_last4"], json!(&secret[secret.len() - 4..]));
        assert_eq!(asked["billed"], false);
        assert_ne!(log[log.len() - 1]["status"], 200, "anybody gets the list");
        assert_eq!(checks.stage.unwraps(checks.stage.key_of(provider)).await, 1);
    }
    assert!(checks.stage.spooled("began").is_empty());
    assert_eq!(checks.bus.waiting(Queue::DeadLetters).await.unwrap(), 0);
}

#[tokio::test]
async fn a_refused_key_is_told_and_is_in_no_log() {
    let log = Log::here();
    let mut checks = Checks::new().await;
    for provider in ["openai", "google"] {
        let dead = format!("sk-DEAD-Canary-{provider}-0123456789");
        checks.stage.rotate(provider, &dead).await;
        checks.expect(provider, 2, "refused").await;
    }
    // An answer that gives the key back, and says nothing of it.
    checks
        .script("anthropic", json!({"echo": true, "status": 400}))
        .await;
    checks
        .expect_nothing_of(&["anthropic"], |stage| stage.simulator.log().len())
        .await;
    let logged = log.text();
    assert!(logged.contains("a provider refused its key"), "{logged}");
    assert!(logged.contains("says nothing of the key"), "{logged}");
    assert!(!logged.contains("Canary"), "{logged}");
}

#[tokio::test]
async fn a_provider_that_is_silent_busy_or_away_says_nothing_of_a_key() {
    let mut checks = Checks::with(&["--first-byte-within", "1s"]).await;
    checks.script("openai", json!({"hang": true})).await;
    checks.script("anthropic", json!({"status": 500})).await;
    checks.script("google", json!({"status": 429})).await;
    let asked = |stage: &Stage| stage.simulator.log().len();
    checks
        .expect_nothing_of(&["openai", "anthropic", "google"], asked)
        .await;
    for provider in ["groq", "sandbox"] {
        checks.want(provider, 1).await;
    }
    checks.expect("mistral", 1, "works").await;
}

#[tokio::test]
async fn the_newest_version_is_asked_about_whatever_is_remembered() {
    let mut checks = Checks::new().await;
    let granted = checks.stage.grant(&["openai"], roomy()).await;
    let body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]});
    let path = "/v1/openai/chat/completions";
    let called = checks.stage.post(&granted, path, &body).send().await;
    assert_eq!(called.unwrap().status(), 200);
    checks
        .stage
        .rotate("openai", "sk-DEAD-Canary-0123456789")
        .await;
    checks.expect("openai", 2, "refused").await;
}

#[tokio::test]
async fn a_provider_of_the_organization_is_asked_at_its_own_address_in_its_own_way() {
    let mut checks = Checks::new().await;
    let base = format!("{}/openai/v1", checks.stage.simulator.url());
    checks.stage.add(&compatible("acme-llm", &base)).await;
    checks.expect("acme-llm", 1, "works").await;

    let resource = Listener::saying("401 Unauthorized", "{}").await;
    let azure = CustomProvider {
        kind: ProviderKind::Azure,
        ..compatible("acme-azure", &format!("http://{}", resource.address))
    };
    checks.stage.add(&azure).await;
    checks.expect("acme-azure", 1, "refused").await;
    let heard = resource.heard();
    assert!(
        heard[0].starts_with("GET /openai/v1/models HTTP/1.1\r\n"),
        "{heard:?}"
    );
    assert!(heard[0].contains("api-key: sk-Canary"), "{heard:?}");
    assert_eq!(heard.len(), 1);
}

#[tokio::test]
async fn a_list_that_anybody_gets_says_nothing_of_a_key() {
    let open = Listener::saying("200 OK", "{\"data\":[]}").await;
    let reseller = format!("openrouter=http://{}/api/v1", open.address);
    let mut checks = Checks::with(&["--provider-url", &reseller]).await;
    let gateway = compatible("acme-llm", &format!("http://{}", open.address));
    checks.stage.add(&gateway).await;
    for provider in ["acme-llm", "openrouter"] {
        checks.want(provider, 1).await;
    }
    eventually("both asked twice", async || open.heard().len() == 4).await;
    checks.expect("mistral", 1, "works").await;
    let heard = open.heard();
    let asked = |line: &str| heard.iter().filter(|text| text.starts_with(line)).count();
    assert_eq!(
        (asked("GET /models "), asked("GET /api/v1/key ")),
        (2, 2),
        "{heard:?}"
    );
    let with_key = heard.iter().filter(|text| text.contains("Canary")).count();
    assert_eq!(with_key, 2);
}
