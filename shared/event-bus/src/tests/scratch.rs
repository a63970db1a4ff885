//! A corner of the broker and a database of its own for each test, gone at its end.

use std::{future::Future, str::FromStr, thread, time::Duration};

use clock::Clock;
use ids::{EventId, TenantId};
use lapin::{Connection, ConnectionProperties, options::QueueDeleteOptions};
use postgres::{DatabaseSettings, Postgres};
use tokio::time::timeout;
use tokio_postgres::{Config, NoTls};

use crate::{BusSettings, Consumer, Delivery, EventBus, Message, Queue, Relay};

const BROKER: &str = "amqp://guest:guest@127.0.0.1:5672/%2f";
const ADMIN: &str = "postgres://postgres@127.0.0.1:5432/postgres";
/// What has not happened by then will not.
const DEADLINE: Duration = Duration::from_secs(60);

/// What `answer` gives, which must be soon.
pub async fn soon<T>(answer: impl Future<Output = T>) -> T {
    timeout(DEADLINE, answer)
        .await
        .expect("it should have happened by now")
}

fn unique() -> String {
    EventId::new(Clock::system().now())
        .uuid()
        .simple()
        .to_string()
}

/// Runs to its end at the end of a test, whose own runtime may be ending or panicking.
fn clean_up(work: impl Future<Output = ()> + Send + 'static) {
    let thread = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(work);
    });
    let _ = thread.join();
}

/// A bus under a prefix of its own.
pub struct Corner {
    pub bus: EventBus,
    pub prefix: String,
}

impl Corner {
    pub fn new() -> Self {
        let prefix = format!("test-{}.", unique());
        Self {
            bus: bus(BROKER, &prefix),
            prefix,
        }
    }

    /// Another connection to the same corner, as another process has.
    pub fn other_bus(&self) -> EventBus {
        bus(BROKER, &self.prefix)
    }

    /// Takes a queue away behind everybody's back.
    pub async fn delete(&self, queue: Queue) {
        self.bus.ping().await.unwrap();
        let channel = self.bus.channel().await.unwrap();
        let name = self.bus.topology().queue(queue);
        channel
            .queue_delete(name, QueueDeleteOptions::default())
            .await
            .unwrap();
    }
}

pub fn bus(url: &str, prefix: &str) -> EventBus {
    let settings = BusSettings {
        url: url.to_owned(),
        prefix: prefix.to_owned(),
    };
    EventBus::connect(&settings).unwrap()
}

impl Drop for Corner {
    fn drop(&mut self) {
        let topology = self.bus.topology().clone();
        clean_up(async move {
            let properties = ConnectionProperties::default();
            let connection = Connection::connect(BROKER, properties).await.unwrap();
            let channel = connection.create_channel().await.unwrap();
            for queue in Queue::ALL {
                let name = topology.queue(queue);
                channel
                    .queue_delete(name, QueueDeleteOptions::default())
                    .await
                    .unwrap();
            }
            for exchange in topology.exchanges() {
                channel
                    .exchange_delete(exchange, Default::default())
                    .await
                    .unwrap();
            }
            connection.close(200, "".into()).await.unwrap();
        });
    }
}

pub fn message(routing_key: &str) -> Message {
    Message {
        id: unique(),
        routing_key: routing_key.to_owned(),
        tenant: Some(TenantId::new(Clock::system().now())),
        body: br#"{"is":"json"}"#.to_vec(),
    }
}

impl Consumer {
    pub async fn soon(&mut self) -> Delivery {
        soon(self.next()).await
    }
}

/// A database.
pub struct Scratch {
    name: String,
}

impl Scratch {
    pub async fn new() -> Self {
        let scratch = Self {
            name: format!("event_bus_{}", unique()),
        };
        let admin = Config::from_str(ADMIN).unwrap();
        migrations::run(&admin, &scratch.name, "latchkey")
            .await
            .unwrap();
        scratch
    }

    /// A pool of its own, as each process has.
    pub fn consent(&self) -> Postgres {
        let url = format!(
            "postgres://latchkey_consent:latchkey@127.0.0.1:5432/{}",
            self.name
        );
        Postgres::connect(&DatabaseSettings {
            url,
            connections: 6,
        })
        .unwrap()
    }

    /// Ends every session that holds a lock, as when the server fails over.
    pub async fn end_sessions_with_locks(&self) -> u64 {
        let (client, connection) = tokio_postgres::connect(ADMIN, NoTls).await.unwrap();
        tokio::spawn(connection);
        let ended = "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                      WHERE l.locktype = 'advisory' AND d.datname = $1";
        client.execute(ended, &[&self.name]).await.unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let drop_it = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        clean_up(async move {
            let (client, connection) = tokio_postgres::connect(ADMIN, NoTls).await.unwrap();
            tokio::spawn(connection);
            client.batch_execute(&drop_it).await.unwrap();
        });
    }
}

/// A relay at work until this is dropped.
pub struct AtWork(tokio::task::JoinHandle<()>);

impl AtWork {
    pub fn new(relay: &Relay) -> Self {
        Self(tokio::spawn(relay.clone().run(std::future::pending())))
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.abort();
    }
}
