//! Brings a database up to date.

use std::io::Write;

use anyhow::Result;
use clap::Parser;
use tokio_postgres::Config;

/// Makes the roles and the database where they are missing, and applies what is new.
#[derive(Parser)]
#[command(version)]
struct Settings {
    /// A role that may create roles and databases: postgres://…
    #[arg(long, env = "LATCHKEY_ADMIN_DATABASE_URL", hide_env_values = true)]
    admin_url: Config,
    /// The database to bring up to date.
    #[arg(long, env = "LATCHKEY_DATABASE")]
    database: String,
    /// The password that each service's role gets.
    #[arg(long, env = "LATCHKEY_ROLE_PASSWORD", hide_env_values = true)]
    role_password: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let settings = Settings::parse();
    let report = migrations::run(
        &settings.admin_url,
        &settings.database,
        &settings.role_password,
    )
    .await?;
    let mut out = std::io::stdout();
    if report.created {
        writeln!(out, "created database {}", settings.database)?;
    }
    for migration in &report.applied {
        writeln!(out, "applied {migration}")?;
    }
    writeln!(out, "{} is up to date", settings.database)?;
    Ok(())
}
