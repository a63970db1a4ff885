//! A database of its own for each test, gone at its end.

use std::{str::FromStr, time::Duration};

use clock::Clock;
use event_store::{Context, EventStore, Follower, RecordedEvent, StreamId, Version};
use events::UserEvent;
use ids::{EventId, TenantId, UserId};
use jiff::Timestamp;
use postgres::{DatabaseSettings, Postgres, Scope, Tx};
use tokio_postgres::{Client, Config, NoTls};

const ADMIN: &str = "postgres://postgres@127.0.0.1:5432/postgres";

/// No test waits longer than this for anything.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// A migrated database, and the store as the role `latchkey_auth` sees it.
pub struct Scratch {
    name: String,
    pub store: Postgres,
}

impl Scratch {
    pub async fn new() -> Self {
        let name = format!(
            "event_store_{}",
            EventId::new(Clock::system().now()).uuid().simple()
        );
        let admin = Config::from_str(ADMIN).unwrap();
        migrations::run(&admin, &name, "test").await.unwrap();
        let url = format!("postgres://latchkey_auth:test@127.0.0.1:5432/{name}");
        let store = Postgres::connect(&DatabaseSettings {
            url,
            connections: 24,
        })
        .unwrap();
        Self { name, store }
    }

    /// A connection that no policy and no grant holds back.
    pub async fn superuser(&self) -> Client {
        let mut config = Config::from_str(ADMIN).unwrap();
        config.dbname(&self.name);
        let (client, connection) = config.connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    pub async fn tenant(&self, name: &'static str, tenant: TenantId) -> Tx {
        self.store.begin(name, Scope::Tenant(tenant)).await.unwrap()
    }

    pub async fn follower(&self) -> Tx {
        self.store.begin("follow", Scope::None).await.unwrap()
    }

    /// Reads on until `enough` events came, each batch in a transaction of its own that also moves
    /// the checkpoint.
    ///
    /// Writing transactions elsewhere on the server may hold readers back for a moment, hence the
    /// deadline instead of a single read.
    pub async fn read_all(&self, follower: &Follower, enough: usize) -> Vec<RecordedEvent> {
        let mut all = Vec::new();
        let reading = async {
            while all.len() < enough {
                let tx = self.follower().await;
                let followed = follower.next(&tx, 50).await.unwrap();
                if let Some(last) = followed.events.last() {
                    follower.advance(&tx, last).await.unwrap();
                }
                tx.commit().await.unwrap();
                all.extend(followed.events);
                tokio::task::yield_now().await;
            }
        };
        let in_time = tokio::time::timeout(DEADLINE, reading).await;
        assert!(
            in_time.is_ok(),
            "{} of {enough} events came in time",
            all.len()
        );
        all
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let drop_it = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // A thread of its own, because the test's runtime may be ending or panicking.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let (client, connection) = tokio_postgres::connect(ADMIN, NoTls).await.unwrap();
                tokio::spawn(connection);
                client.batch_execute(&drop_it).await.unwrap();
            });
        });
        let _ = dropping.join();
    }
}

pub fn now() -> Timestamp {
    Clock::system().now()
}

pub fn context(tenant: TenantId) -> Context {
    Context {
        tenant,
        actor: "test".to_owned(),
        correlation_id: "request-1".to_owned(),
        at: now(),
    }
}

pub fn joined(name: &str) -> UserEvent {
    UserEvent::Joined {
        name: name.to_owned(),
        role: "member".to_owned(),
    }
}

pub fn signed_in() -> UserEvent {
    UserEvent::SignedIn {
        via: "link".to_owned(),
    }
}

/// Somebody new joins: one event in a stream of its own.
pub async fn join(tx: &Tx, tenant: TenantId, name: &str) -> RecordedEvent {
    let stream = StreamId::of::<UserEvent, _>(UserId::new(now()));
    let recorded = EventStore::append(
        tx,
        &stream,
        Version::NONE,
        &[joined(name)],
        &context(tenant),
    )
    .await;
    recorded.unwrap().remove(0)
}

/// The name in a `user.joined` event.
pub fn name_in(event: &RecordedEvent) -> &str {
    event.payload["name"].as_str().unwrap()
}
