//! A service of its own for each test: database, message bus and Redis keys, gone at its end.

use std::{
    io::{Read, Write},
    net::TcpStream,
    str::FromStr,
    time::Duration,
};

use actix_web::{body::MessageBody, http::header::HeaderMap, test};
use billing::{
    App, Settings, database,
    recording::{Recordings, read},
};
use clock::Clock;
use event_bus::{BusSettings, EventBus};
use events::CallRecord;
use ids::{ApiToken, ApiTokenId, TenantId, UserId};
use jiff::Timestamp;
use postgres::Postgres;
use serde_json::Value;
use server::{ServerSettings, Shutdown, Site, Stop, Surface};
use sessions::{Role, Sessions};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, NoTls};
use uuid::Uuid;

use crate::calls::{at, envelope};

const ADMIN: &str = "postgres://postgres@127.0.0.1:5432/postgres";
const BROKER: &str = "amqp://guest:guest@127.0.0.1:5672/%2f";
const REDIS: &str = "127.0.0.1:6379";

/// No test waits longer than this for anything.
pub const DEADLINE: Duration = Duration::from_secs(30);
/// What the stage's clock shows unless a test moves it.
pub const NOON: &str = "2026-11-22T12:00:00Z";

/// The whole service, by itself.
pub struct Stage {
    name: String,
    pub settings: Settings,
    pub clock: Clock,
    pub app: App,
    pub bus: EventBus,
}

/// A signed-in person.
pub struct Person {
    pub tenant: TenantId,
    pub user: UserId,
    token: ApiToken,
}

/// What a request was answered with.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

/// The background tasks of a stage, until they are stopped.
pub struct Running {
    stop: Stop,
    tasks: Vec<JoinHandle<()>>,
}

impl Stage {
    pub async fn new() -> Self {
        Self::at_time(Clock::set(at(NOON))).await
    }

    pub async fn at_time(clock: Clock) -> Self {
        let name = format!("billing_{}", Uuid::new_v4().simple());
        migrations::run(&Config::from_str(ADMIN).unwrap(), &name, "test")
            .await
            .unwrap();
        let settings = Settings {
            billing_database_url: format!("postgres://latchkey_billing:test@127.0.0.1:5432/{name}"),
            billing_database_connections: 12,
            amqp_url: BROKER.to_owned(),
            amqp_prefix: format!("{name}."),
            redis_url: format!("redis://{REDIS}"),
            redis_namespace: name.replacen("billing_", "b-", 1),
        };
        let app = App::build(&settings, clock.clone()).unwrap();
        let bus = EventBus::connect(&BusSettings {
            url: settings.amqp_url.clone(),
            prefix: settings.amqp_prefix.clone(),
        })
        .unwrap();
        Self {
            name,
            settings,
            clock,
            app,
            bus,
        }
    }

    /// A second process of the same installation.
    pub fn another(&self) -> App {
        App::build(&self.settings, self.clock.clone()).unwrap()
    }

    pub fn tenant(&self) -> TenantId {
        TenantId::new(self.clock.now())
    }

    pub fn postgres(&self) -> Postgres {
        database(&self.settings).unwrap()
    }

    /// A connection that no policy and no grant holds back.
    pub async fn superuser(&self) -> Client {
        self.connected_to(&self.name).await
    }

    /// The same, to no database of ours.
    pub async fn server(&self) -> Client {
        self.connected_to("postgres").await
    }

    async fn connected_to(&self, database: &str) -> Client {
        let mut config = Config::from_str(ADMIN).unwrap();
        config.dbname(database);
        let (client, connection) = config.connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// Somebody with an API token.
    pub async fn person(&self, tenant: TenantId, role: Role) -> Person {
        let now = self.clock.now();
        let person = Person {
            tenant,
            user: UserId::new(now),
            token: ApiToken::mint().unwrap(),
        };
        let expires_at: Timestamp = "2099-01-01T00:00:00Z".parse().unwrap();
        let insert = "INSERT INTO auth.api_tokens (digest, id, tenant_id, user_id, role, label,
                                                   created_at, expires_at)
                      VALUES ($1, $2, $3, $4, $5, 'test', $6, $7)";
        let digest = person.token.digest();
        self.superuser()
            .await
            .execute(
                insert,
                &[
                    &digest.as_bytes().as_slice(),
                    &ApiTokenId::new(now).uuid(),
                    &tenant.uuid(),
                    &person.user.uuid(),
                    &role.as_str(),
                    &now,
                    &expires_at,
                ],
            )
            .await
            .unwrap();
        person
    }

    /// Calls that are recorded and booked.
    pub async fn booked(&self, calls: &[CallRecord]) {
        let recordings = Recordings::new(self.postgres(), self.clock.clone());
        for batch in calls.chunks(500) {
            let batch: Vec<_> = batch
                .iter()
                .map(|call| read(&serde_json::to_vec(&envelope(call)).unwrap()).unwrap())
                .collect();
            recordings.record(&batch).await.unwrap();
        }
        self.app.usage().catch_up().await.unwrap();
    }

    pub async fn get(&self, person: &Person, path: &str) -> Answer {
        let request = test::TestRequest::get()
            .uri(path)
            .insert_header(("authorization", format!("Bearer {}", person.token.reveal())));
        self.send(request).await
    }

    pub async fn send(&self, request: test::TestRequest) -> Answer {
        let (surface, app) = (self.surface(), self.app.clone());
        let service = test::init_service(surface.app(move |config| app.routes(config))).await;
        let response = test::call_service(&service, request.to_request()).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = test::read_body(response).await;
        Answer {
            status,
            headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    /// The length of each piece in which an answer is sent.
    pub async fn pieces(&self, person: &Person, path: &str) -> Vec<usize> {
        let (surface, app) = (self.surface(), self.app.clone());
        let service = test::init_service(surface.app(move |config| app.routes(config))).await;
        let request = test::TestRequest::get()
            .uri(path)
            .insert_header(("authorization", format!("Bearer {}", person.token.reveal())));
        let response = test::call_service(&service, request.to_request()).await;
        let mut body = std::pin::pin!(response.into_body());
        let mut pieces = Vec::new();
        while let Some(piece) =
            std::future::poll_fn(|context| body.as_mut().poll_next(context)).await
        {
            pieces.push(piece.unwrap().len());
        }
        pieces
    }

    fn surface(&self) -> Surface {
        let sessions = Sessions::new(self.postgres(), self.clock.clone());
        Surface::new(Site::new(&ServerSettings::default(), sessions))
    }

    /// Starts the background tasks.
    pub fn run(&self) -> Running {
        Running::of(&self.app)
    }

    /// Asks again and again until the answer is the expected one.
    pub async fn until<T, F>(&self, what: &str, mut ask: impl FnMut() -> F, expected: T)
    where
        T: PartialEq + std::fmt::Debug,
        F: Future<Output = T>,
    {
        let mut last = None;
        let asking = async {
            loop {
                let answer = ask().await;
                if answer == expected {
                    return;
                }
                last = Some(answer);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let in_time = tokio::time::timeout(DEADLINE, asking).await;
        assert!(in_time.is_ok(), "{what}: {last:?} instead of {expected:?}");
    }

    /// One number from the database.
    pub async fn count(&self, sql: &str) -> i64 {
        self.superuser()
            .await
            .query_one(sql, &[])
            .await
            .unwrap()
            .get(0)
    }

    /// Forgets everything that Redis holds for this stage.
    pub fn forget_redis(&self) {
        forget_redis(&self.settings.redis_namespace);
    }
}

impl Running {
    pub fn of(app: &App) -> Self {
        let (stop, shutdown) = Shutdown::pair();
        let tasks = app.background(shutdown);
        Self { stop, tasks }
    }

    /// Stops the tasks, which must end soon.
    pub async fn stop(self) {
        self.stop.request();
        for task in self.tasks {
            tokio::time::timeout(DEADLINE, task).await.unwrap().unwrap();
        }
    }
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The answer to a request that succeeded.
    pub fn ok(self) -> Self {
        assert_eq!(self.status, 200, "{}", self.body);
        self
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let (name, prefix) = (self.name.clone(), self.settings.amqp_prefix.clone());
        forget_redis(&self.settings.redis_namespace);
        // A thread of its own, because the test's runtime may be ending or panicking.
        let clearing = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let (client, connection) = tokio_postgres::connect(ADMIN, NoTls).await.unwrap();
                tokio::spawn(connection);
                let drop_it = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                client.batch_execute(&drop_it).await.unwrap();
                forget_broker(&prefix).await;
            });
        });
        let _ = clearing.join();
    }
}

async fn forget_broker(prefix: &str) {
    let properties = lapin::ConnectionProperties::default();
    let connection = lapin::Connection::connect(BROKER, properties)
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    for queue in [
        "latchkey.billing.recorder",
        "latchkey.billing.decisions",
        "latchkey.proxy.key-checks",
        "latchkey.dead-letters",
    ] {
        channel
            .queue_delete(format!("{prefix}{queue}").into(), Default::default())
            .await
            .unwrap();
    }
    for exchange in [
        "latchkey.events",
        "latchkey.decisions",
        "latchkey.dead-letters",
    ] {
        channel
            .exchange_delete(format!("{prefix}{exchange}").into(), Default::default())
            .await
            .unwrap();
    }
    connection.close(200, "done".into()).await.unwrap();
}

/// Spoken by hand: the one instrument that speaks to Redis is not for deleting.
fn forget_redis(namespace: &str) {
    let script =
        "for _,k in ipairs(redis.call('KEYS',ARGV[1])) do redis.call('DEL',k) end return 'OK'";
    let pattern = format!("{namespace}:*");
    let mut command = String::from("*4\r\n");
    for part in ["EVAL", script, "0", &pattern] {
        command.push_str(&format!("${}\r\n{part}\r\n", part.len()));
    }
    let mut redis = TcpStream::connect(REDIS).unwrap();
    redis.write_all(command.as_bytes()).unwrap();
    let mut answer = [0; 64];
    let length = redis.read(&mut answer).unwrap();
    assert!(
        answer[..length].starts_with(b"$2\r\nOK"),
        "{}",
        String::from_utf8_lossy(&answer[..length])
    );
}
