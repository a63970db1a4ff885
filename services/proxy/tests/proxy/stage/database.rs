//! The database of a stage, as a service and as nobody may see it.

use postgres::{DatabaseSettings, Postgres};
use tokio_postgres::NoTls;

use super::{ADMIN, Stage};

impl Stage {
    /// Whether limits that begin anew wait for this proxy.
    pub async fn is_registered(&self) -> bool {
        let number = self.spool_number().cast_signed();
        let asked = "SELECT 1 FROM store.spools WHERE number = $1";
        let found = self.server().await.query_opt(asked, &[&number]).await;
        found.unwrap().is_some()
    }

    /// What no service may do.
    pub async fn superuser(&self, sql: &str) {
        self.server().await.batch_execute(sql).await.unwrap();
    }

    /// Keeps everybody from a table until this is dropped.
    pub async fn lock(&self, table: &str) -> tokio_postgres::Client {
        let client = self.server().await;
        let lock = format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE");
        client.batch_execute(&lock).await.unwrap();
        client
    }

    async fn server(&self) -> tokio_postgres::Client {
        let mut config: tokio_postgres::Config = ADMIN.parse().unwrap();
        config.dbname(&self.name);
        let (client, connection) = config.connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }
}

/// As a service has it.
pub(super) fn postgres(database: &str, role: &str) -> Postgres {
    let url = format!("postgres://{role}:latchkey@127.0.0.1:5432/{database}");
    Postgres::connect(&DatabaseSettings {
        url,
        connections: 4,
    })
    .unwrap()
}
