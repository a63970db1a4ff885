//! Every setting of the auth service.

use clap::{Args, Parser, Subcommand};
use key_vault::KeyServiceSettings;
use postgres::{DatabaseError, DatabaseSettings, Postgres};
use server::ServerSettings;

use crate::{provision::Provision, sso::Joining};

/// What the auth service is told.
#[derive(Clone, Args)]
#[group(skip)]
pub struct Settings {
    /// The database, as the role `latchkey_auth`: `postgres://latchkey_auth:…@host:port/database`.
    #[arg(long, env = "LATCHKEY_AUTH_DATABASE_URL", hide_env_values = true)]
    pub auth_database_url: String,

    /// Most database connections at once.
    #[arg(long, env = "LATCHKEY_AUTH_DATABASE_CONNECTIONS", default_value_t = 10)]
    pub auth_database_connections: usize,

    /// Whether people whom nobody invited join an organization, with the role `member`, by signing
    /// in at its identity provider.
    #[arg(
        long,
        env = "LATCHKEY_AUTH_SSO_JOIN",
        default_value_t = true,
        action = clap::ArgAction::Set,
    )]
    pub auth_sso_join: bool,
}

impl Settings {
    /// The pool of this service's role. Connects when first asked.
    ///
    /// # Errors
    /// When the URL does not parse.
    pub fn postgres(&self) -> Result<Postgres, DatabaseError> {
        Postgres::connect(&DatabaseSettings {
            url: self.auth_database_url.clone(),
            connections: self.auth_database_connections,
        })
    }

    pub(crate) const fn joining(&self) -> Joining {
        if self.auth_sso_join {
            Joining::Open
        } else {
            Joining::InvitedOnly
        }
    }
}

/// The command line of `latchkey-auth`.
#[derive(Parser)]
#[command(name = "latchkey-auth", version, about = "Who is this?")]
pub struct Cli {
    /// Where it listens.
    #[command(flatten)]
    pub server: ServerSettings,
    /// What seals the client secrets of identity providers.
    #[command(flatten)]
    pub keys: KeyServiceSettings,
    /// The service itself.
    #[command(flatten)]
    pub auth: Settings,
    /// Something else to do than serving.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Something else to do than serving.
#[derive(Subcommand)]
pub enum Command {
    /// Sets up an organization, its owner and its identity provider, and prints what came of it.
    Provision(Provision),
}
