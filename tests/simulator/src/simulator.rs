//! Starting and stopping the simulator.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use actix_web::{
    App, HttpServer,
    dev::ServerHandle,
    web::{self, Data, PayloadConfig},
};
use anyhow::Context as _;
use clap::Args;
use clock::Clock;
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::{
    call::{self, Shared},
    control,
    ledger::Ledger,
    log_file,
    prebuilt::Prebuilt,
    rules::Rules,
};

const LARGEST_REQUEST: usize = 64 * 1024 * 1024;
/// Longer than any client keeps an idle connection, so that the client is the one to close it.
const KEEP_ALIVE: Duration = Duration::from_secs(300);

/// How the simulator runs.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// Address it listens on; any but this machine's own lets everybody there ask for the log
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub host: IpAddr,
    /// Port there; 0 takes any free one
    #[arg(long, default_value_t = 9100)]
    pub port: u16,
    /// Threads that answer calls
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    pub workers: u16,
    /// Appends every call as a line of JSON to this file
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Calls that are kept in memory
    #[arg(long, default_value_t = 10_000)]
    pub log_capacity: usize,
}

impl Settings {
    /// Settings for tests: any free port, one worker, nothing on disk.
    #[must_use]
    pub const fn for_tests() -> Self {
        Self {
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            workers: 1,
            log: None,
            log_capacity: 10_000,
        }
    }
}

/// The stand-in for every AI provider.
#[derive(Debug)]
pub enum Simulator {}

impl Simulator {
    /// Starts it. It runs until it is stopped or [`Running`] is dropped.
    ///
    /// # Errors
    /// When the address cannot be used or the log file cannot be opened.
    pub fn start(settings: &Settings) -> anyhow::Result<Running> {
        let wanted = SocketAddr::new(settings.host, settings.port);
        let listener =
            TcpListener::bind(wanted).with_context(|| format!("{wanted} cannot be used"))?;
        let address = listener
            .local_addr()
            .context("the address cannot be read")?;
        let file = settings
            .log
            .as_deref()
            .map(|path| {
                log_file::open(path).with_context(|| format!("cannot open {}", path.display()))
            })
            .transpose()?;
        let shared = Data::new(Shared {
            ledger: Arc::new(Ledger::new(Clock::system(), settings.log_capacity, file)),
            rules: Rules::default(),
            prebuilt: Prebuilt::default(),
            arrivals: AtomicU64::new(0),
        });
        let served = shared.clone();
        let server = HttpServer::new(move || {
            App::new()
                .app_data(served.clone())
                .app_data(PayloadConfig::new(LARGEST_REQUEST))
                .configure(control::routes)
                .default_service(web::to(call::answer))
        })
        .workers(usize::from(settings.workers))
        .backlog(4096)
        .keep_alive(KEEP_ALIVE)
        .tcp_nodelay(true)
        // A caller that closes its side has gone; that is how the log learns of it.
        .h1_allow_half_closed(false)
        .shutdown_timeout(1)
        .disable_signals()
        .listen(listener)
        .context("the server cannot be set up")?
        .run();
        let handle = server.handle();
        let ended = tokio::spawn(server);
        Ok(Running {
            url: format!("http://{address}"),
            shared,
            handle,
            ended,
        })
    }
}

/// A running simulator.
#[derive(Debug)]
pub struct Running {
    url: String,
    shared: Data<Shared>,
    handle: ServerHandle,
    ended: JoinHandle<std::io::Result<()>>,
}

impl Running {
    /// Where it listens, such as `http://127.0.0.1:9100`. Providers are below it: `{url}/openai/v1`,
    /// `{url}/anthropic`, `{url}/google`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The log from its beginning, as `GET /simulator/log` tells it.
    #[must_use]
    pub fn log(&self) -> Vec<Value> {
        match self.shared.ledger.page(0, usize::MAX, false)["items"].take() {
            Value::Array(items) => items,
            _ => Vec::new(),
        }
    }

    /// The sums, as `GET /simulator/totals` tells them.
    #[must_use]
    pub fn totals(&self) -> Value {
        self.shared.ledger.totals()
    }

    /// Stops it at once and waits until it has.
    ///
    /// # Errors
    /// When the server had failed.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.handle.stop(false).await;
        (&mut self.ended)
            .await
            .context("the server broke down")?
            .context("the server failed")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The order goes out with the call; nobody waits for the answer.
        drop(self.handle.stop(false));
    }
}
