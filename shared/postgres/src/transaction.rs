//! The one door to a transaction: named, scoped, rolled back unless committed.

use std::{fmt, time::Instant};

use deadpool_postgres::Object;
use ids::{TenantId, TokenDigest};
use tokio_postgres::{Row, types::ToSql};

use crate::pool::DatabaseError;

/// What a transaction may see and write; row-level security holds every statement to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The rows of one organization.
    Tenant(TenantId),
    /// The one row whose digest the caller's credential has: for look-ups before it is known whose it is.
    Holder(TokenDigest),
    /// Reads events of every organization, for relays and projections. Writes none.
    Follower,
    /// Only tables that belong to no organization.
    None,
}

impl Scope {
    /// The statements that put the scope in force. Safe to build as text: both values are
    /// hexadecimal digits of our own making.
    fn sql(self) -> String {
        match self {
            Self::Tenant(tenant) => format!(
                "RESET ROLE; SELECT set_config('app.tenant', '{}', true), set_config('app.digest', '', true)",
                tenant.uuid()
            ),
            Self::Holder(digest) => format!(
                "RESET ROLE; SELECT set_config('app.tenant', '', true), set_config('app.digest', '{}', true)",
                digest.to_hex()
            ),
            Self::Follower => "SET LOCAL ROLE latchkey_follower".to_owned(),
            Self::None => {
                "RESET ROLE; SELECT set_config('app.tenant', '', true), set_config('app.digest', '', true)"
                    .to_owned()
            }
        }
    }
}

/// An open transaction. Dropping it without [`Tx::commit`] rolls it back.
pub struct Tx {
    connection: Option<Object>,
    name: &'static str,
    began: Instant,
}

type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

impl Tx {
    pub(crate) async fn begin(
        connection: Object,
        name: &'static str,
        scope: Scope,
    ) -> Result<Self, DatabaseError> {
        // The guard stands before BEGIN is sent, so that a cancelled caller still rolls back.
        let tx = Self {
            connection: Some(connection),
            name,
            began: Instant::now(),
        };
        tx.batch(&format!("BEGIN; {}", scope.sql())).await?;
        Ok(tx)
    }

    /// Changes what the rest of the transaction may see.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn set_scope(&self, scope: Scope) -> Result<(), DatabaseError> {
        self.batch(&scope.sql()).await
    }

    /// All rows of a query. Prepared once for each connection.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn query(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, DatabaseError> {
        let connection = self.open()?;
        let statement = connection
            .prepare_cached(sql)
            .await
            .map_err(|e| self.refused(e))?;
        connection
            .query(&statement, parameters)
            .await
            .map_err(|e| self.refused(e))
    }

    /// The only row of a query, if there is one.
    ///
    /// # Errors
    /// When the database refuses or there are several.
    pub async fn query_opt(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Option<Row>, DatabaseError> {
        let connection = self.open()?;
        let statement = connection
            .prepare_cached(sql)
            .await
            .map_err(|e| self.refused(e))?;
        connection
            .query_opt(&statement, parameters)
            .await
            .map_err(|e| self.refused(e))
    }

    /// The only row of a query.
    ///
    /// # Errors
    /// When the database refuses or there is not exactly one.
    pub async fn query_one(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Row, DatabaseError> {
        let connection = self.open()?;
        let statement = connection
            .prepare_cached(sql)
            .await
            .map_err(|e| self.refused(e))?;
        connection
            .query_one(&statement, parameters)
            .await
            .map_err(|e| self.refused(e))
    }

    /// Runs a statement; gives how many rows it touched.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn execute(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<u64, DatabaseError> {
        let connection = self.open()?;
        let statement = connection
            .prepare_cached(sql)
            .await
            .map_err(|e| self.refused(e))?;
        connection
            .execute(&statement, parameters)
            .await
            .map_err(|e| self.refused(e))
    }

    /// Makes everything done so far lasting.
    ///
    /// # Errors
    /// When the database refuses; then nothing was done, unless the connection broke during the
    /// commit itself.
    pub async fn commit(mut self) -> Result<(), DatabaseError> {
        self.batch("COMMIT").await?;
        metrics::histogram!("latchkey_transaction_seconds", "name" => self.name)
            .record(self.began.elapsed().as_secs_f64());
        // Committed: the connection goes back to the pool as it is.
        drop(self.connection.take());
        Ok(())
    }

    async fn batch(&self, sql: &str) -> Result<(), DatabaseError> {
        self.open()?
            .batch_execute(sql)
            .await
            .map_err(|e| self.refused(e))
    }

    fn open(&self) -> Result<&Object, DatabaseError> {
        // Taken only by `commit` and `drop`, both of which end `self`.
        self.connection.as_ref().ok_or(DatabaseError::Url)
    }

    fn refused(&self, source: tokio_postgres::Error) -> DatabaseError {
        DatabaseError::Statement {
            name: self.name,
            source,
        }
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            drop(Object::take(connection));
            return;
        };
        runtime.spawn(async move {
            // A connection that cannot roll back is not given to anybody else.
            if connection.batch_execute("ROLLBACK").await.is_err() {
                drop(Object::take(connection));
            }
        });
    }
}

impl fmt::Debug for Tx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tx({})", self.name)
    }
}
