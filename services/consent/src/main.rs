//! The consent service by itself.

use clap::Parser;
use clock::Clock;
use key_vault::KeyServiceSettings;
use postgres::{DatabaseSettings, Postgres};
use server::{Listener, ServerSettings, Site, Surface};
use sessions::Sessions;

/// Ten thousand callers wait on their connections: this one gives their buffers pages of their own,
/// and takes none for what is never written.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[derive(Parser)]
#[command(version, about = "What did they allow?")]
struct Cli {
    #[command(flatten)]
    server: ServerSettings,
    #[command(flatten)]
    keys: KeyServiceSettings,
    #[command(flatten)]
    consent: consent::Settings,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    cli.server.checked()?;
    server::telemetry::start(cli.server.log_format())?;
    let clock = Clock::system();
    let database = DatabaseSettings {
        url: cli.consent.consent_database_url.clone(),
        connections: 8,
    };
    let site = Site::new(
        &cli.server,
        Sessions::new(Postgres::connect(&database)?, clock.clone()),
    );
    let keys = cli.keys.connect(cli.server.environment.as_str()).await?;
    let app = consent::App::build(&cli.consent, cli.server.environment, keys, &site, clock)?;
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
    server::run(
        &cli.server,
        listener,
        surface,
        move |config| {
            config.configure(pages::assets);
            routes.routes(config);
        },
        move |shutdown| app.background(&shutdown),
    )
    .await?;
    Ok(())
}
