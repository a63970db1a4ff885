//! A database of its own for each test, gone at its end.

use std::str::FromStr;

use clock::Clock;
use ids::EventId;
use tokio_postgres::{Client, Config, NoTls};

const ADMIN: &str = "postgres://postgres@127.0.0.1:5432/postgres";

/// A migrated database.
pub struct Scratch {
    name: String,
}

impl Scratch {
    pub async fn new() -> Self {
        let unique = EventId::new(Clock::system().now()).uuid().simple();
        let scratch = Self {
            name: format!("auth_{unique}"),
        };
        let admin = Config::from_str(ADMIN).unwrap();
        migrations::run(&admin, &scratch.name, "test")
            .await
            .unwrap();
        scratch
    }

    /// As the service's own role.
    pub fn url(&self) -> String {
        format!("postgres://latchkey_auth:test@127.0.0.1:5432/{}", self.name)
    }

    /// A connection that no policy and no grant holds back.
    pub async fn superuser(&self) -> Client {
        let mut config = Config::from_str(ADMIN).unwrap();
        config.dbname(&self.name);
        let (client, connection) = config.connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// How many rows a table has, and the rows themselves as text, in order.
    pub async fn rows(&self, table: &str) -> Vec<String> {
        let rows = self.superuser().await;
        let rows = rows
            .query(&format!("SELECT t::text FROM {table} t ORDER BY 1"), &[])
            .await;
        rows.unwrap().iter().map(|row| row.get(0)).collect()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let drop_it = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // A thread of its own, because the test's runtime may be ending or panicking.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(async {
                let (client, connection) = tokio_postgres::connect(ADMIN, NoTls).await.unwrap();
                tokio::spawn(connection);
                client.batch_execute(&drop_it).await.unwrap();
            });
        });
        let _ = dropping.join();
    }
}
