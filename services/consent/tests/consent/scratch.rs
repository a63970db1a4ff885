//! A database, a corner of Redis and of the broker, and a folder of its own for each test; gone at its end.

use std::{future::Future, path::PathBuf, thread};

use clock::Clock;
use ids::EventId;
use tokio_postgres::{Client, Config, NoTls};

/// Where the servers are, and who may make databases there.
#[expect(
    clippy::disallowed_methods,
    reason = "tests are told where the servers are by their runner"
)]
pub fn told(name: &str, otherwise: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| otherwise.to_owned())
}

pub fn redis_url() -> String {
    told("LATCHKEY_TEST_REDIS_URL", "redis://127.0.0.1:6379")
}

pub fn amqp_url() -> String {
    told(
        "LATCHKEY_TEST_AMQP_URL",
        "amqp://guest:guest@127.0.0.1:5672/%2f",
    )
}

fn postgres_url() -> String {
    told(
        "LATCHKEY_TEST_POSTGRES_URL",
        "postgres://postgres@127.0.0.1:5432/postgres",
    )
}

fn password() -> String {
    told("LATCHKEY_ROLE_PASSWORD", "test")
}

pub struct Scratch {
    name: String,
    pub folder: PathBuf,
}

impl Scratch {
    pub async fn new() -> Self {
        let unique = EventId::new(Clock::system().now())
            .uuid()
            .simple()
            .to_string();
        let scratch = Self {
            folder: std::env::temp_dir().join(format!("latchkey-consent-{unique}")),
            name: format!("consent_{unique}"),
        };
        std::fs::create_dir(&scratch.folder).unwrap();
        let admin: Config = postgres_url().parse().unwrap();
        migrations::run(&admin, &scratch.name, &password())
            .await
            .unwrap();
        scratch
    }

    pub fn url_of(&self, role: &str) -> String {
        let mut url = url::Url::parse(&postgres_url()).unwrap();
        url.set_username(&format!("latchkey_{role}")).unwrap();
        url.set_password(Some(&password())).unwrap();
        url.set_path(&self.name);
        url.into()
    }

    pub fn namespace(&self) -> String {
        format!("ct-{}", &self.name["consent_".len()..])
    }

    pub fn amqp_prefix(&self) -> String {
        format!("{}.", self.name)
    }

    /// The database as its owner, whom nothing binds.
    pub async fn owner(&self) -> Client {
        let mut config: Config = postgres_url().parse().unwrap();
        config.dbname(&self.name);
        connected(&config).await
    }
}

async fn connected(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let (database, namespace, prefix) =
            (self.name.clone(), self.namespace(), self.amqp_prefix());
        // A thread of its own, because a test's runtime may be ending or panicking.
        let gone = run_apart(async move {
            let admin = connected(&postgres_url().parse().unwrap()).await;
            admin
                .batch_execute(&format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)"))
                .await
                .unwrap();
            forget_counters(&namespace).await;
            forget_queues(&prefix).await;
        });
        drop((gone.join(), std::fs::remove_dir_all(&self.folder)));
    }
}

fn run_apart(work: impl Future<Output = ()> + Send + 'static) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(work);
    })
}

async fn forget_counters(namespace: &str) {
    let mut redis = redis::Client::open(redis_url())
        .unwrap()
        .get_multiplexed_async_connection()
        .await
        .unwrap();
    let pattern = format!("*{namespace}*");
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg(pattern)
        .query_async(&mut redis)
        .await
        .unwrap();
    if !keys.is_empty() {
        let _: i64 = redis::cmd("DEL")
            .arg(keys)
            .query_async(&mut redis)
            .await
            .unwrap();
    }
}

/// Most tests never go near the broker: then there is nothing to forget.
async fn forget_queues(prefix: &str) {
    use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};
    let connection =
        lapin::Connection::connect(&amqp_url(), lapin::ConnectionProperties::default())
            .await
            .unwrap();
    for queue in [
        "latchkey.billing.recorder",
        "latchkey.billing.decisions",
        "latchkey.proxy.key-checks",
        "latchkey.dead-letters",
    ] {
        // Deleting what is not there closes the channel on some brokers, so each has its own.
        let channel = connection.create_channel().await.unwrap();
        drop(
            channel
                .queue_delete(
                    format!("{prefix}{queue}").into(),
                    QueueDeleteOptions::default(),
                )
                .await,
        );
    }
    for exchange in [
        "latchkey.events",
        "latchkey.decisions",
        "latchkey.dead-letters",
    ] {
        let channel = connection.create_channel().await.unwrap();
        drop(
            channel
                .exchange_delete(
                    format!("{prefix}{exchange}").into(),
                    ExchangeDeleteOptions::default(),
                )
                .await,
        );
    }
    drop(connection.close(200, "".into()).await);
}
