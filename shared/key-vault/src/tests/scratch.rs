//! A database of its own for each test, gone at its end.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

use clock::Clock;
use ids::{ProviderKeyId, TenantId};
use jiff::SignedDuration;
use postgres::{DatabaseSettings, Postgres, Scope};
use tokio_postgres::{Config, NoTls};

use crate::{KeyService, OpenRefusal, Opener, ProviderSecret, Sealer};

/// The request in whose name a test opens keys.
pub const REQUEST: &str = "request-7";
const ADMIN: &str = "postgres://postgres@127.0.0.1:5432/postgres";

pub struct Scratch {
    name: String,
}

impl Scratch {
    pub async fn new() -> Self {
        let unique = ProviderKeyId::new(clock::Clock::system().now())
            .uuid()
            .simple();
        let scratch = Self {
            name: format!("key_vault_{unique}"),
        };
        let admin = Config::from_str(ADMIN).unwrap();
        migrations::run(&admin, &scratch.name, "latchkey")
            .await
            .unwrap();
        scratch
    }

    pub fn as_role(&self, role: &str) -> Postgres {
        let url = self.url(role);
        Postgres::connect(&DatabaseSettings {
            url,
            connections: 4,
        })
        .unwrap()
    }

    pub fn url(&self, role: &str) -> String {
        format!("postgres://{role}:latchkey@127.0.0.1:5432/{}", self.name)
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

/// A folder of its own, gone at the test's end.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        let unique = ProviderKeyId::new(clock::Clock::system().now())
            .uuid()
            .simple();
        let path = std::env::temp_dir().join(format!("key_vault_{unique}"));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn key_file(&self) -> PathBuf {
        self.0.join("wrapping.key")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A database, and a sealer and an opener under the roles that have them.
pub struct Vault {
    pub scratch: Scratch,
    pub consent: Postgres,
    pub clock: Clock,
    pub sealer: Sealer,
    pub opener: Opener,
    pub tenant: TenantId,
    pub key: ProviderKeyId,
}

impl Vault {
    pub async fn with(service: KeyService) -> Self {
        let scratch = Scratch::new().await;
        let clock = Clock::set("2026-11-22T10:00:00Z".parse().unwrap());
        Self {
            consent: scratch.as_role("latchkey_consent"),
            sealer: Sealer::new(service.clone(), clock.clone()),
            opener: Opener::new(service, scratch.as_role("latchkey_proxy"), clock.clone()),
            tenant: TenantId::new(clock.now()),
            key: ProviderKeyId::new(clock.now()),
            scratch,
            clock,
        }
    }

    pub async fn seal(&self, version: i32, secret: &str) {
        self.seal_at(self.tenant, self.key, version, secret).await;
    }

    pub async fn seal_at(&self, tenant: TenantId, key: ProviderKeyId, version: i32, secret: &str) {
        let secret = ProviderSecret::parse(secret).unwrap();
        let tx = self
            .consent
            .begin("seal", Scope::Tenant(tenant))
            .await
            .unwrap();
        self.sealer
            .seal(&tx, tenant, key, version, &secret)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    pub async fn opened(&self, version: i32) -> Result<String, OpenRefusal> {
        let opened = self
            .opener
            .open(self.tenant, self.key, version, REQUEST)
            .await?;
        assert_eq!(opened.version(), version);
        Ok(opened.reveal().to_owned())
    }

    /// As the database's owner, whom row-level security does not hold.
    pub async fn tamper(&self, sql: &str) {
        let (client, connection) = tokio_postgres::connect(&self.scratch.url("postgres"), NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        client.batch_execute(sql).await.unwrap();
    }

    pub fn wait(&self, time: SignedDuration) {
        self.clock.move_to(self.clock.now() + time);
    }
}
