//! The proxy service as a process of its own.

use clap::Parser;
use clock::Clock;
use key_vault::KeyServiceSettings;
use proxy::{App, Settings};
use server::{Listener, ServerSettings, Site, Surface};

/// Calls are made of many small pieces of memory that live as long as the call.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Do it, within limits: provider calls with the owner's key.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(flatten)]
    server: ServerSettings,
    #[command(flatten)]
    keys: KeyServiceSettings,
    #[command(flatten)]
    proxy: Settings,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // Two crates that each bring a provider of their own would leave rustls without a choice.
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .ok();
    let Cli {
        server: settings,
        keys,
        proxy,
    } = Cli::parse();
    settings.checked()?;
    server::telemetry::start(settings.log_format())?;
    let (clock, environment) = (Clock::system(), settings.environment);
    let keys = keys.connect(environment.as_str()).await?;
    let app = App::build(&proxy, environment, keys, clock.clone()).await?;
    let sessions = sessions::Sessions::new(app.postgres().clone(), clock);
    let surface = Surface::new(Site::new(&settings, sessions)).checks(app.checks());
    let listener = Listener::bind(&settings)?;
    let (served, beside) = (app.clone(), app);
    let routes = move |config: &mut actix_web::web::ServiceConfig| served.routes(config);
    server::run(&settings, listener, surface, routes, move |stop| {
        beside.background(&stop)
    })
    .await?;
    Ok(())
}
