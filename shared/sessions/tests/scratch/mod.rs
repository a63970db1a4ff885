//! A database of its own for each test, with the two tables and row-level security on them, seen
//! by a role that the security binds. Gone when the test ends.

use std::sync::atomic::{AtomicU32, Ordering};

use postgres::{DatabaseSettings, Postgres};
use tokio_postgres::{Client, NoTls, error::SqlState};

const SERVER: &str = "postgres://postgres@127.0.0.1:5432";
const ROLE: &str = "latchkey_sessions_test";
static NEXT: AtomicU32 = AtomicU32::new(0);

const TABLES: &str = "
    CREATE SCHEMA auth;
    CREATE TABLE auth.sessions (
        digest bytea PRIMARY KEY, id uuid UNIQUE NOT NULL, tenant_id uuid NOT NULL,
        user_id uuid NOT NULL, role text NOT NULL, display_name text NOT NULL, csrf text NOT NULL,
        created_at timestamptz NOT NULL, last_seen_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL, ended_at timestamptz);
    CREATE TABLE auth.api_tokens (
        digest bytea PRIMARY KEY, id uuid UNIQUE NOT NULL, tenant_id uuid NOT NULL,
        user_id uuid NOT NULL, role text NOT NULL, label text NOT NULL,
        created_at timestamptz NOT NULL, expires_at timestamptz NOT NULL, revoked_at timestamptz);
    GRANT USAGE ON SCHEMA auth TO latchkey_sessions_test;
    GRANT SELECT, INSERT, UPDATE ON auth.sessions, auth.api_tokens TO latchkey_sessions_test;
    ALTER TABLE auth.sessions ENABLE ROW LEVEL SECURITY;
    ALTER TABLE auth.sessions FORCE ROW LEVEL SECURITY;
    ALTER TABLE auth.api_tokens ENABLE ROW LEVEL SECURITY;
    ALTER TABLE auth.api_tokens FORCE ROW LEVEL SECURITY;
    CREATE POLICY of_tenant ON auth.sessions USING (
        tenant_id::text = current_setting('app.tenant', true)
        OR encode(digest, 'hex') = current_setting('app.digest', true));
    CREATE POLICY of_tenant ON auth.api_tokens USING (
        tenant_id::text = current_setting('app.tenant', true)
        OR encode(digest, 'hex') = current_setting('app.digest', true));";

pub struct Scratch {
    name: String,
}

impl Scratch {
    pub async fn create() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("latchkey_sessions_{}_{number}", std::process::id());
        let server = client("postgres").await;
        create_role(&server).await;
        let create = format!("CREATE DATABASE {name} TEMPLATE template0");
        server.batch_execute(&create).await.unwrap();
        let scratch = Self { name };
        scratch.as_owner(TABLES).await;
        scratch
    }

    /// A pool under the role that row-level security binds.
    pub fn postgres(&self) -> Postgres {
        let url = format!("postgres://{ROLE}@127.0.0.1:5432/{}", self.name);
        Postgres::connect(&DatabaseSettings {
            url,
            connections: 4,
        })
        .unwrap()
    }

    /// Runs a statement as the owner of the tables, whom nothing binds.
    pub async fn as_owner(&self, sql: &str) {
        client(&self.name).await.batch_execute(sql).await.unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let drop_database = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // A thread with a runtime of its own, because this runs inside the test's.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                client("postgres")
                    .await
                    .batch_execute(&drop_database)
                    .await
                    .unwrap();
            });
        });
        dropping.join().ok();
    }
}

/// Roles belong to the whole server, so another test may have made it, or be making it now.
async fn create_role(server: &Client) {
    let made = server
        .batch_execute(&format!("CREATE ROLE {ROLE} LOGIN"))
        .await;
    if let Err(error) = made {
        let there = [&SqlState::DUPLICATE_OBJECT, &SqlState::UNIQUE_VIOLATION];
        assert!(
            error.code().is_some_and(|code| there.contains(&code)),
            "{error}"
        );
    }
}

async fn client(database: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(&format!("{SERVER}/{database}"), NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
}
