//! A database of its own for each test, gone at its end.

use std::str::FromStr;

use ids::GrantId;
use postgres::{DatabaseSettings, Postgres};
use tokio_postgres::{Config, NoTls};

const ADMIN: &str = "postgres://postgres@127.0.0.1:5432/postgres";

pub struct Scratch {
    name: String,
}

impl Scratch {
    pub async fn new() -> Self {
        let unique = GrantId::new(clock::Clock::system().now()).uuid().simple();
        let scratch = Self {
            name: format!("grant_access_{unique}"),
        };
        let admin = Config::from_str(ADMIN).unwrap();
        migrations::run(&admin, &scratch.name, "latchkey")
            .await
            .unwrap();
        scratch
    }

    pub async fn superuser(&self) -> tokio_postgres::Client {
        let mut config = Config::from_str(ADMIN).unwrap();
        config.dbname(&self.name);
        let (client, connection) = config.connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    pub fn as_role(&self, role: &str) -> Postgres {
        let url = format!("postgres://{role}:latchkey@127.0.0.1:5432/{}", self.name);
        Postgres::connect(&DatabaseSettings {
            url,
            connections: 4,
        })
        .unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let drop_it = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // A thread of its own, because a test's runtime may be ending or panicking.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let (client, connection) = tokio_postgres::connect(ADMIN, NoTls).await.unwrap();
                tokio::spawn(connection);
                client.batch_execute(&drop_it).await.unwrap();
            });
        });
        let _ = thread.join();
    }
}
