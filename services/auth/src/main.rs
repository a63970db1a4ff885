//! The auth service by itself. `latchkey-auth provision …` sets up an organization, and
//! `latchkey-auth openapi` prints the description of its API; then it serves nothing.

use std::io::Write;

use clap::Parser;
use clock::Clock;
use server::{Listener, Site, Surface};
use sessions::Sessions;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    if std::env::args().nth(1).as_deref() == Some("openapi") {
        writeln!(std::io::stdout(), "{}", auth::openapi().to_pretty_json()?)?;
        return Ok(());
    }
    let cli = auth::Cli::parse();
    cli.server.checked()?;
    let clock = Clock::system();
    let environment = if cli.server.is_production() {
        "production"
    } else {
        "development"
    };
    let keys = cli.keys.connect(environment).await?;
    if let Some(auth::Command::Provision(asked)) = &cli.command {
        return auth::provision::print(&cli.auth, &cli.server, keys, &clock, asked).await;
    }
    server::telemetry::start(cli.server.log_format())?;
    let site = Site::new(
        &cli.server,
        Sessions::new(cli.auth.postgres()?, clock.clone()),
    );
    let app = auth::App::build(&cli.auth, cli.server.environment, keys, site.clone(), clock)?;
    let listener = Listener::bind(&cli.server)?;
    let surface = Surface::new(site)
        .checks(app.checks())
        .error_page(|problem, request| {
            let status = problem.status().as_u16();
            pages::error_page(
                status,
                problem.title(),
                problem.detail(),
                &request.to_string(),
            )
        });
    let routes = app.clone();
    let routes = move |config: &mut actix_web::web::ServiceConfig| {
        config.configure(pages::assets);
        routes.routes(config);
    };
    Ok(
        server::run(&cli.server, listener, surface, routes, move |stop| {
            app.background(stop)
        })
        .await?,
    )
}
