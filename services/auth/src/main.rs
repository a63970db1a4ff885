//! The auth service by itself; with `provision …` or `openapi` it does that instead of serving.

use std::io::Write;

use actix_web::web::ServiceConfig;
use auth::{App, Cli, Command, provision};
use clap::Parser;
use clock::Clock;
use server::{Listener, Site};
use sessions::Sessions;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    if std::env::args().nth(1).as_deref() == Some("openapi") {
        writeln!(std::io::stdout(), "{}", auth::openapi().to_pretty_json()?)?;
        return Ok(());
    }
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .ok();
    let Cli {
        server,
        keys,
        auth: settings,
        command,
    } = Cli::parse();
    server.checked()?;
    let clock = Clock::system();
    let keys = keys.connect(server.environment.as_str()).await?;
    if let Some(Command::Provision(asked)) = &command {
        return provision::print(&settings, &server, keys, &clock, asked).await;
    }
    server::telemetry::start(server.log_format())?;
    let site = Site::new(&server, Sessions::new(settings.postgres()?, clock.clone()));
    let app = App::build(&settings, server.environment, keys, site, clock)?;
    let (listener, routes) = (Listener::bind(&server)?, app.clone());
    let routes = move |config: &mut ServiceConfig| routes.routes(config.configure(pages::assets));
    let background = |shutdown| app.background(shutdown);
    Ok(server::run(&server, listener, app.surface(), routes, background).await?)
}
