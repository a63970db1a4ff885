//! A proxy of a test's own: its database, its limits, its spool, its simulator.

pub mod added;
pub mod aliases;
mod budgets;
mod database;
mod grants;
mod keys;
mod policy;
mod shadows;

use std::{
    convert::Infallible,
    net::TcpListener,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use actix_web::{HttpServer, dev::ServerHandle};
use clap::Parser;
use clock::Clock;
use events::CallRecord;
use ids::{ProviderKeyId, TenantId};
use key_vault::{KeyService, ProviderSecret, Sealer};
use postgres::{Postgres, Scope};
use provider_simulator::{Running, Settings as SimulatorSettings, Simulator};
use proxy::{App, Settings};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;
use server::{Environment, ServerSettings, Shutdown, Site, Stop, Surface};
use spend_limits::{Ledger, SpendLimits};
use tokio::task::JoinHandle;
use tokio_postgres::NoTls;

use database::postgres;
pub use grants::{Granted, roomy};

const ADMIN: &str = "postgres://postgres@127.0.0.1:5432/postgres";
const REDIS: &str = "redis://127.0.0.1:6379";
/// Nobody answers here.
const NO_BUS: &str = "amqp://127.0.0.1:1/%2f";
/// The keys that providers are asked with; none of them is a real one.
pub const KEYS: [(&str, &str); 6] = [
    ("openai", "sk-proj-Canary1aB3dE5gH7jK9mN1pQ3sT5vX7zA9"),
    ("anthropic", "sk-ant-api03-Canary2bC4eF6hI8kL0nO2qR4tU6wY8"),
    ("google", "AIzaSyCanary3cD5fG7iJ9lM1oP3rS5uV7xZ"),
    ("mistral", "Canary4dE6gH8jK0mN2pQ4sT6vX8zA"),
    ("groq", "gsk_Canary5eF7hI9kL1nO3qR5tU7wY9zB"),
    ("openrouter", "sk-or-v1-Canary6fG8iJ0lM2oP4rS6uV8xA0c"),
];

pub struct Stage {
    pub url: String,
    pub simulator: Running,
    pub limits: SpendLimits,
    pub tenant: TenantId,
    pub clock: Clock,
    consent: Postgres,
    keys: Mutex<Vec<(String, ProviderKeyId)>>,
    name: String,
    folder: PathBuf,
    handle: ServerHandle,
    stop: Arc<Stop>,
    background: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    server: ServerSettings,
    #[command(flatten)]
    proxy: Settings,
}

impl Stage {
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    /// A proxy with these further flags.
    pub async fn with(flags: &[&str]) -> Self {
        Self::at(Clock::system(), flags).await
    }

    /// A proxy whose present is this.
    pub async fn at(clock: Clock, flags: &[&str]) -> Self {
        let unique = TenantId::new(clock.now()).uuid().simple().to_string();
        let name = format!("proxy_{}", &unique[..24]);
        let folder = std::env::temp_dir().join(&name);
        std::fs::create_dir_all(&folder).unwrap();
        migrations::run(&ADMIN.parse().unwrap(), &name, "latchkey")
            .await
            .unwrap();
        let simulator = Simulator::start(&SimulatorSettings::for_tests()).unwrap();
        let limits = SpendLimits::connect(REDIS, &name.replace('_', "-")).unwrap();
        let empty = |_| async { Ok::<_, Infallible>(Ledger::default()) };
        limits.open_epoch(empty, Duration::ZERO).await.unwrap();

        let service = KeyService::local(&folder.join("wrapping-key"), "test").unwrap();
        let consent = postgres(&name, "latchkey_consent");
        let tenant = TenantId::new(clock.now());
        let keys = seal_all(&service, &consent, tenant, &clock).await;

        let cli = settings(&name, &folder, simulator.url(), flags);
        let app = App::build(&cli.proxy, Environment::Development, service, clock.clone());
        let app = app.await.unwrap();
        let (stop, shutdown) = Shutdown::pair();
        let background = app.background(&shutdown);
        let (url, handle) = serve(&cli.server, app);
        let stop = Arc::new(stop);
        Self {
            url,
            simulator,
            limits,
            tenant,
            clock,
            consent,
            keys: Mutex::new(keys),
            name,
            folder,
            handle,
            stop,
            background: Mutex::new(background),
        }
    }

    /// Ends what runs beside the calls.
    pub async fn end(&self) {
        self.stop.request();
        let background = std::mem::take(&mut *self.background.lock().unwrap());
        for one in background {
            one.await.unwrap();
        }
    }

    /// A call with the token where most SDKs put it.
    pub fn post(&self, granted: &Granted, path: &str, body: &Value) -> RequestBuilder {
        let request = client().post(format!("{}{path}", self.url));
        let request = request.bearer_auth(granted.token.reveal()).json(body);
        // Anthropic wants to know; others are not told.
        request.header("anthropic-version", "2023-06-01")
    }

    pub fn get(&self, granted: &Granted, path: &str) -> RequestBuilder {
        let request = client().get(format!("{}{path}", self.url));
        request
            .bearer_auth(granted.token.reveal())
            .header("anthropic-version", "2023-06-01")
    }

    /// The final records, as they wait for the bus; as many as are expected.
    pub async fn records(&self, expected: usize) -> Vec<CallRecord> {
        let mut records = Vec::new();
        for _ in 0..200 {
            records = self.spooled("ended");
            if records.len() >= expected {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(records.len(), expected, "{records:#?}");
        records
    }

    /// The lines of one kind in the spool.
    pub fn spooled(&self, kind: &str) -> Vec<CallRecord> {
        let instances = std::fs::read_dir(self.folder.join("spool")).unwrap();
        let folders = instances
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_dir());
        let files = folders.flat_map(|path| std::fs::read_dir(path).unwrap());
        let paths = files.map(|entry| entry.unwrap().path());
        let wanted = paths.filter(|path| path.extension().is_some_and(|end| end == kind));
        let texts = wanted.map(|path| std::fs::read_to_string(path).unwrap());
        texts
            .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
            .map(|line| serde_json::from_str::<Value>(&line).unwrap()["payload"].take())
            .map(|payload| serde_json::from_value(payload).unwrap())
            .collect()
    }

    /// The number of the proxy's spool, which is half of its folder's name.
    pub fn spool_number(&self) -> u64 {
        let mut folders = std::fs::read_dir(self.folder.join("spool")).unwrap();
        let name = folders.next().unwrap().unwrap().file_name();
        u64::from_str_radix(&name.to_str().unwrap()[16..], 16).unwrap()
    }

    /// What `GET /v1/grant` says of one limit.
    pub async fn limit(&self, granted: &Granted, name: &str) -> Value {
        self.standing(granted, |limit| limit["name"] == name).await
    }

    /// And of the first limit that is one of these.
    pub async fn standing(&self, granted: &Granted, is_one: impl Fn(&Value) -> bool) -> Value {
        let grant: Value = self
            .get(granted, "/v1/grant")
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let limits = grant["limits"].as_array().unwrap();
        limits.iter().find(|limit| is_one(limit)).unwrap().clone()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
        let drop_it = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // A thread of its own, because a test's runtime may be ending or panicking.
        let thread = std::thread::spawn(move || {
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
        drop(thread.join());
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// Polls until `holds` is true, for at most twenty seconds.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while !holds().await {
        assert!(std::time::Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

pub fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

/// Status and JSON of an answer.
pub async fn read(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (
        status,
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: {text}")),
    )
}

async fn seal_all(
    service: &KeyService,
    consent: &Postgres,
    tenant: TenantId,
    clock: &Clock,
) -> Vec<(String, ProviderKeyId)> {
    let sealer = Sealer::new(service.clone(), clock.clone());
    let mut keys = Vec::new();
    for (provider, secret) in KEYS {
        let id = ProviderKeyId::new(clock.now());
        let tx = consent.begin("seal", Scope::Tenant(tenant)).await.unwrap();
        let secret = ProviderSecret::parse(secret).unwrap();
        sealer.seal(&tx, tenant, id, 1, &secret).await.unwrap();
        tx.commit().await.unwrap();
        keys.push((provider.to_owned(), id));
    }
    keys
}

fn settings(name: &str, folder: &std::path::Path, simulator: &str, flags: &[&str]) -> Cli {
    let database = format!("postgres://latchkey_proxy:latchkey@127.0.0.1:5432/{name}");
    let (namespace, spool) = (name.replace('_', "-"), folder.join("spool"));
    let urls = format!(
        "openai={simulator}/openai/v1,anthropic={simulator}/anthropic,google={simulator}/google,\
         mistral={simulator}/mistral/v1,openrouter={simulator}/openrouter/api/v1,groq=http://127.0.0.1:1"
    );
    let own = [
        "--proxy-database-url",
        &database,
        "--redis-url",
        REDIS,
        "--redis-namespace",
        &namespace,
        "--spool-dir",
        spool.to_str().unwrap(),
        "--provider-url",
        &urls,
    ];
    let no_bus: &[&str] = if flags.contains(&"--amqp-url") {
        &[]
    } else {
        &["--amqp-url", NO_BUS]
    };
    // Of two addresses for a provider the first counts: the test's own.
    Cli::parse_from(["proxy"].iter().chain(flags).chain(&own).chain(no_bus))
}

fn serve(settings: &ServerSettings, app: App) -> (String, ServerHandle) {
    let nobody = sessions::Sessions::new(app.postgres().clone(), Clock::system());
    let surface = Surface::new(Site::new(settings, nobody));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = HttpServer::new(move || {
        let app = app.clone();
        surface.app(move |config| app.routes(config))
    });
    let server = server
        .workers(1)
        .shutdown_timeout(1)
        .disable_signals()
        .listen(listener)
        .unwrap()
        .run();
    let handle = server.handle();
    tokio::spawn(server);
    (url, handle)
}
