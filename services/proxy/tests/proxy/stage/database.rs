//! The database of a stage, as a service and as nobody may see it.

use postgres::{DatabaseSettings, Postgres};
use tokio_postgres::NoTls;

use super::{ADMIN, Stage};

impl Stage {
    /// What no service may do.
    pub async fn superuser(&self, sql: &str) {
        let mut config: tokio_postgres::Config = ADMIN.parse().unwrap();
        config.dbname(&self.name);
        let (client, connection) = config.connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(sql).await.unwrap();
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
