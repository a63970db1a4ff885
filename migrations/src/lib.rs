#![doc = include_str!("../README.md")]

mod roles;

use anyhow::{Context, Result, bail};
use tokio_postgres::{Client, Config, NoTls};

mod embedded {
    refinery::embed_migrations!("sql");
}

/// Any number that no other program on this database uses.
const LOCK: i64 = 0x6c61_7463_686b_6579;

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Whether the database was made by this run.
    pub created: bool,
    /// The migrations that this run applied, by file name.
    pub applied: Vec<String>,
}

/// Makes the server's roles and the database where they are missing, and brings it up to date.
///
/// `admin` connects as a role that may create roles and databases; `password` becomes the
/// password of each service's role.
///
/// # Errors
/// When the server refuses, or a migration that was applied has changed since.
pub async fn run(admin: &Config, database: &str, password: &str) -> Result<Report> {
    if !database
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'_')
        || database.is_empty()
    {
        bail!("a database is named by a-z, 0-9 and _");
    }
    let server = connect(admin)
        .await
        .context("cannot reach the database server")?;
    roles::ensure(&server, password)
        .await
        .context("cannot make the roles")?;
    let known = server
        .query_opt("SELECT 1 FROM pg_database WHERE datname = $1", &[&database])
        .await?;
    let created = known.is_none();
    if created {
        server
            .batch_execute(&format!("CREATE DATABASE \"{database}\""))
            .await?;
    }
    let mut config = admin.clone();
    config.dbname(database);
    let mut client = connect(&config).await?;
    // refinery takes no lock of its own.
    client
        .execute("SELECT pg_advisory_lock($1)", &[&LOCK])
        .await?;
    let report = embedded::migrations::runner()
        .run_async(&mut client)
        .await?;
    roles::allow(&client, database)
        .await
        .context("cannot give the roles their rights")?;
    let applied = report
        .applied_migrations()
        .iter()
        .map(ToString::to_string)
        .collect();
    Ok(Report { created, applied })
}

/// The names and texts of all migrations, in order; for the test that keeps them frozen.
#[must_use]
pub fn all() -> Vec<(String, String)> {
    let mut all: Vec<_> = embedded::migrations::runner().get_migrations().clone();
    all.sort();
    all.iter()
        .map(|m| (m.to_string(), m.sql().unwrap_or_default().to_owned()))
        .collect()
}

async fn connect(config: &Config) -> Result<Client> {
    let (client, connection) = config.connect(NoTls).await?;
    // Ends by itself when the client is dropped.
    tokio::spawn(connection);
    Ok(client)
}
