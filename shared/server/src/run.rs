//! From settings to a listening process, and back to silence.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use actix_web::{
    App, Error, HttpServer,
    body::BoxBody,
    dev::{ServerHandle, ServiceFactory, ServiceRequest, ServiceResponse},
    middleware::from_fn,
    web::{self, ServiceConfig},
};
use tokio::{
    net::TcpSocket,
    runtime::Handle,
    signal::unix::{SignalKind, signal},
    task::JoinHandle,
};

use crate::{
    edge,
    error_pages::ErrorPages,
    health::{self, Check, Checks},
    idempotency,
    problem::Problem,
    request_id::RequestId,
    settings::ServerSettings,
    shutdown::{Shutdown, Stop},
    site::Site,
    telemetry,
    unknown::{self, Described},
};

const WAITING_CONNECTIONS: u32 = 4_096;
/// The longest the head of a request may take to arrive.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);
/// Longer than gateways and clients keep a connection they do not use (mostly 60 s), so that they
/// close it and never send a request into a closing one.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Everything that surrounds the routes of a service. Cheap to clone.
#[derive(Clone)]
pub struct Surface {
    site: Site,
    checks: Checks,
    pages: ErrorPages,
    described: Described,
    draining: Shutdown,
    stop_draining: Arc<Stop>,
}

/// An open port, not yet answered on.
#[derive(Debug)]
pub struct Listener(TcpListener);

/// Why a process could not listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct ListenError {
    address: SocketAddr,
    source: io::Error,
}

impl Surface {
    /// The surface of one vault, without checks and without error pages.
    #[must_use]
    pub fn new(site: Site) -> Self {
        let (stop_draining, draining) = Shutdown::pair();
        let stop_draining = Arc::new(stop_draining);
        Self {
            site,
            checks: Checks::default(),
            pages: ErrorPages::default(),
            described: Described::default(),
            draining,
            stop_draining,
        }
    }

    /// Ready only when all of these answer.
    #[must_use]
    pub fn checks(mut self, checks: Vec<Check>) -> Self {
        self.checks = Checks(Arc::new(checks));
        self
    }

    /// How refusals are shown to people.
    #[must_use]
    pub fn error_page(
        mut self,
        render: impl Fn(&Problem, RequestId) -> String + Send + Sync + 'static,
    ) -> Self {
        self.pages = ErrorPages(Some(Arc::new(render)));
        self
    }

    /// What these documents say about methods is told with a 405.
    #[must_use]
    pub fn described_by(mut self, documents: &[utoipa::openapi::OpenApi]) -> Self {
        self.described = Described::by(documents);
        self
    }

    /// The whole application: the edge, health, metrics and these routes. For tests, too:
    /// `actix_web::test::init_service(surface.app(|config| app.routes(config)))`.
    pub fn app<R: FnOnce(&mut ServiceConfig)>(
        &self,
        routes: R,
    ) -> App<
        impl ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<BoxBody>,
            Error = Error,
            InitError = (),
        > + use<R>,
    > {
        App::new()
            .app_data(web::Data::new(self.site.clone()))
            .app_data(web::Data::new(self.checks.clone()))
            .app_data(web::Data::new(self.pages.clone()))
            .app_data(web::Data::new(self.described.clone()))
            .app_data(web::Data::new(self.draining.clone()))
            .app_data(web::PathConfig::default().error_handler(|_, _| {
                Problem::not_found("There is nothing at this address.").into()
            }))
            .service(health::live)
            .service(health::ready)
            .service(health::metrics)
            .configure(routes)
            .default_service(web::to(unknown::unknown))
            .wrap(from_fn(idempotency::once))
            .wrap(from_fn(edge::edge))
    }
}

impl Listener {
    /// Opens the port, inside a tokio runtime. Nothing is answered until [`run`].
    ///
    /// # Errors
    /// When the port is taken or not allowed, naming it.
    pub fn bind(settings: &ServerSettings) -> Result<Self, ListenError> {
        let address = settings.address();
        listen(address)
            .map(Self)
            .map_err(|source| ListenError { address, source })
    }

    /// The port, also when 0 was asked for.
    ///
    /// # Errors
    /// When the operating system does not say.
    pub fn port(&self) -> io::Result<u16> {
        Ok(self.0.local_addr()?.port())
    }
}

/// Through tokio, because the standard library's queue of 128 connections overflows when many
/// callers come at once.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    Handle::try_current().map_err(io::Error::other)?;
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING_CONNECTIONS)?.into_std()
}

/// Answers requests until SIGTERM or SIGINT, then stops in order: not ready, no new requests,
/// requests under way to their end, background tasks last.
///
/// `background` is called once and gives the tasks that run beside the requests; each must end
/// soon after its [`Shutdown`] is requested.
///
/// # Errors
/// When the port cannot be answered on.
pub async fn run<R>(
    settings: &ServerSettings,
    listener: Listener,
    surface: Surface,
    routes: R,
    background: impl FnOnce(Shutdown) -> Vec<JoinHandle<()>>,
) -> io::Result<()>
where
    R: Fn(&mut ServiceConfig) + Clone + Send + 'static,
{
    let address = listener.0.local_addr()?;
    let app_surface = surface.clone();
    let mut http = HttpServer::new(move || app_surface.app(routes.clone()))
        .client_request_timeout(HEAD_PATIENCE)
        .keep_alive(KEEP_ALIVE)
        .shutdown_timeout(settings.stop_timeout.as_secs())
        // Small pieces of a stream leave at once, not when the client has acknowledged the last.
        .tcp_nodelay(true)
        .disable_signals()
        .listen(listener.0)?;
    if let Some(workers) = settings.workers {
        http = http.workers(workers.max(1));
    }
    let (stop, shutdown) = Shutdown::pair();
    let tasks = background(shutdown);
    let upkeep = tokio::spawn(telemetry::keep_up());
    let answering = http.run();
    let stopping = tokio::spawn(stop_in_order(answering.handle(), surface, settings.drain));
    tracing::info!(%address, public_url = %settings.public_url, "listening");

    let outcome = answering.await;
    stopping.abort();
    upkeep.abort();
    stop.request();
    await_tasks(tasks, settings.stop_timeout).await;
    tracing::info!("stopped");
    outcome
}

async fn stop_in_order(handle: ServerHandle, surface: Surface, drain: Duration) {
    asked_to_stop().await;
    tracing::info!("stopping");
    surface.stop_draining.request();
    tokio::time::sleep(drain).await;
    handle.stop(true).await;
}

async fn asked_to_stop() {
    let signals = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    );
    let (Ok(mut terminate), Ok(mut interrupt)) = signals else {
        tracing::error!("signals cannot be watched; the process stops only when killed");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

async fn await_tasks(tasks: Vec<JoinHandle<()>>, patience: Duration) {
    let all = futures_util::future::join_all(tasks);
    match tokio::time::timeout(patience, all).await {
        Ok(ends) => {
            for end in ends.into_iter().filter_map(Result::err) {
                tracing::error!(error = %end, "a background task did not end well");
            }
        }
        Err(_) => tracing::error!("background tasks did not end in time"),
    }
}
