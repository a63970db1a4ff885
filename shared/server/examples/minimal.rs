//! The smallest service: `cargo run -p server --example minimal -- --port 8080`.
//!
//! It answers `/slow` after a moment and writes to standard error when its background task ends, so
//! that a test can see it stop in order.

use std::time::Duration;

use actix_web::{HttpResponse, get};
use clap::Parser;
use clock::Clock;
use postgres::{DatabaseSettings, Postgres};
use server::{Listener, ServerSettings, Shutdown, Site, Surface};
use sessions::Sessions;
use tokio::task::JoinHandle;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    server: ServerSettings,
    /// Where the sessions are.
    #[arg(
        long,
        default_value = "postgres://nobody@127.0.0.1:9/nowhere",
        hide_env_values = true
    )]
    database_url: String,
}

#[get("/slow")]
async fn slow() -> HttpResponse {
    tracing::info!("slow request begun");
    tokio::time::sleep(Duration::from_secs(1)).await;
    HttpResponse::Ok().body("slow but sure")
}

fn background(shutdown: &Shutdown) -> Vec<JoinHandle<()>> {
    let stop = shutdown.requested();
    vec![tokio::spawn(async move {
        stop.await;
        tracing::info!("background task ended");
    })]
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    cli.server.checked()?;
    server::telemetry::start(cli.server.log_format())?;
    let database = DatabaseSettings {
        url: cli.database_url,
        connections: 4,
    };
    let sessions = Sessions::new(Postgres::connect(&database)?, Clock::system());
    let surface = Surface::new(Site::new(&cli.server, sessions));
    let listener = Listener::bind(&cli.server)?;
    let routes = |config: &mut actix_web::web::ServiceConfig| {
        config.service(slow);
    };
    server::run(&cli.server, listener, surface, routes, |shutdown| {
        background(&shutdown)
    })
    .await?;
    Ok(())
}
