//! The billing service as a process of its own.

use billing::{App, Settings};
use clap::Parser;
use clock::Clock;
use server::{Listener, ServerSettings, Site, Surface};
use sessions::Sessions;

/// What did it cost? Records calls, keeps the books, shows and exports them.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(flatten)]
    server: ServerSettings,
    #[command(flatten)]
    billing: Settings,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Cli {
        server: settings,
        billing,
    } = Cli::parse();
    settings.checked()?;
    server::telemetry::start(settings.log_format())?;
    let app = App::build(&billing, Clock::system())?;
    let site = Site::new(
        &settings,
        Sessions::new(app.postgres().clone(), Clock::system()),
    );
    let listener = Listener::bind(&settings)?;
    let surface = Surface::new(site)
        .checks(app.checks())
        .error_page(|problem, id| {
            let (status, id) = (problem.status().as_u16(), id.to_string());
            pages::error_page(status, problem.title(), problem.detail(), &id)
        });
    let (served, beside) = (app.clone(), app);
    let routes = move |config: &mut actix_web::web::ServiceConfig| {
        config.configure(pages::assets);
        served.routes(config);
    };
    server::run(&settings, listener, surface, routes, move |stop| {
        beside.background(stop)
    })
    .await?;
    Ok(())
}
