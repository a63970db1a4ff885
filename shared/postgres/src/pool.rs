//! The connection pool.

use std::{str::FromStr, time::Duration};

use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime,
};
use tokio_postgres::{Config, NoTls, error::SqlState};

use crate::transaction::{Scope, Tx};

/// How to reach the database.
#[derive(Clone)]
pub struct DatabaseSettings {
    /// `postgres://role:password@host:port/database`. Holds a password: never shown.
    pub url: String,
    /// Most connections at once.
    pub connections: usize,
}

/// A pool of connections under one service's role.
#[derive(Clone)]
pub struct Postgres {
    pool: Pool,
}

/// What went wrong between us and the database.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The database URL does not parse. The URL itself is not repeated: it holds a password.
    #[error("the database URL does not parse")]
    Url,
    /// No connection could be had.
    #[error("no database connection for {name}")]
    Connection {
        name: &'static str,
        #[source]
        source: Box<PoolError>,
    },
    /// The database refused or broke off a statement.
    #[error("the database refused {name}")]
    Statement {
        name: &'static str,
        #[source]
        source: tokio_postgres::Error,
    },
    /// A stored row holds something this version cannot read.
    #[error("{table}.{column} holds what cannot be read")]
    Row {
        table: &'static str,
        column: &'static str,
    },
}

impl DatabaseError {
    /// Whether a unique or primary key already held the row (SQLSTATE 23505).
    #[must_use]
    pub fn is_unique_violation(&self) -> bool {
        self.is(&SqlState::UNIQUE_VIOLATION)
    }

    /// Whether trying the whole transaction again may succeed (SQLSTATE 40001, 40P01).
    #[must_use]
    pub fn is_serialization_failure(&self) -> bool {
        self.is(&SqlState::T_R_SERIALIZATION_FAILURE) || self.is(&SqlState::T_R_DEADLOCK_DETECTED)
    }

    fn is(&self, state: &SqlState) -> bool {
        matches!(self, Self::Statement { source, .. } if source.code() == Some(state))
    }
}

impl Postgres {
    /// A pool that connects when first asked.
    ///
    /// # Errors
    /// When the URL does not parse.
    pub fn connect(settings: &DatabaseSettings) -> Result<Self, DatabaseError> {
        let mut config = Config::from_str(&settings.url).map_err(|_| DatabaseError::Url)?;
        config.connect_timeout(Duration::from_secs(5)).application_name("latchkey").options(
            "-c statement_timeout=30s -c idle_in_transaction_session_timeout=10s -c timezone=UTC",
        );
        let manager_config = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = Manager::from_config(config, NoTls, manager_config);
        let pool = Pool::builder(manager)
            .max_size(settings.connections)
            .wait_timeout(Some(Duration::from_secs(5)))
            .create_timeout(Some(Duration::from_secs(5)))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|_| DatabaseError::Url)?;
        Ok(Self { pool })
    }

    /// Begins a transaction that has a name and sees only what `scope` lets it see.
    ///
    /// # Errors
    /// When no connection can be had or the database refuses.
    pub async fn begin(&self, name: &'static str, scope: Scope) -> Result<Tx, DatabaseError> {
        let connection = self.connection(name).await?;
        Tx::begin(connection, name, scope).await
    }

    /// A plain connection without a transaction, for advisory locks that outlive transactions.
    ///
    /// # Errors
    /// When no connection can be had.
    pub async fn connection(&self, name: &'static str) -> Result<Object, DatabaseError> {
        self.pool
            .get()
            .await
            .map_err(|source| DatabaseError::Connection {
                name,
                source: Box::new(source),
            })
    }

    /// Answers when the database answers; for readiness.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), DatabaseError> {
        let connection = self.connection("ping").await?;
        let answer = connection.simple_query("SELECT 1").await;
        answer.map(drop).map_err(|source| DatabaseError::Statement {
            name: "ping",
            source,
        })
    }
}
