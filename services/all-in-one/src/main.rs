//! All four services in one process, on one port.

use all_in_one::{Settings, Vault};
use clap::{Parser, Subcommand};
use clock::Clock;
use server::{Listener, ServerSettings, Surface};

/// Calls are made of many small pieces of memory that live as long as the call.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[derive(Parser)]
#[command(version, about = "The whole vault in one process")]
struct Cli {
    #[command(flatten)]
    server: ServerSettings,
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Sets up an organization, its owner and its identity provider, and prints what came of it.
    Provision(auth::provision::Provision),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // Two crates that each bring a provider of their own would leave rustls without a choice.
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .ok();
    let Cli {
        server,
        settings,
        command,
    } = Cli::parse();
    server.checked()?;
    let clock = Clock::system();
    if let Some(Command::Provision(provision)) = command {
        let keys = settings.keys.connect(server.environment.as_str()).await?;
        return auth::provision::print(&settings.auth, &server, keys, &clock, &provision).await;
    }
    server::telemetry::start(server.log_format())?;
    let site = settings.site(&server, &clock)?;
    let vault = Vault::build(&settings, server.environment, &site, &clock).await?;
    let listener = Listener::bind(&server)?;
    let surface = Surface::new(site)
        .checks(vault.checks())
        .error_page(|problem, request| {
            let status = problem.status().as_u16();
            pages::error_page(
                status,
                problem.title(),
                problem.detail(),
                &request.to_string(),
            )
        });
    let routes = vault.clone();
    server::run(
        &server,
        listener,
        surface,
        move |config| {
            config.configure(pages::assets);
            routes.routes(config);
        },
        move |shutdown| vault.background(&shutdown),
    )
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_settings_of_the_four_services_fit_together() {
        super::Cli::command().debug_assert();
    }
}
