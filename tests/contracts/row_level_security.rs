//! Tenants are apart in the database: on every table, for every service's role.

use tokio_postgres::{Client, Config, NoTls};

struct Scratch {
    admin: Client,
    name: String,
    client: Client,
}

fn admin_config() -> Config {
    let url = option_env!("LATCHKEY_TEST_POSTGRES_URL").map(str::to_owned);
    #[expect(
        clippy::disallowed_methods,
        reason = "tests are told where Postgres is by their runner"
    )]
    let url = url.or_else(|| std::env::var("LATCHKEY_TEST_POSTGRES_URL").ok());
    url.unwrap_or_else(|| "postgres://postgres@127.0.0.1:5432/postgres".to_owned())
        .parse()
        .expect("a URL")
}

async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.expect("Postgres answers");
    tokio::spawn(connection);
    client
}

impl Scratch {
    async fn migrated(name: &str) -> Self {
        let config = admin_config();
        let name = format!("latchkey_contract_{name}_{}", std::process::id());
        migrations::run(&config, &name, "test")
            .await
            .expect("migrations run");
        let mut own = config.clone();
        own.dbname(&name);
        Self {
            admin: connect(&config).await,
            client: connect(&own).await,
            name,
        }
    }

    async fn drop(self) {
        drop(self.client);
        let sql = format!("DROP DATABASE \"{}\" WITH (FORCE)", self.name);
        self.admin
            .batch_execute(&sql)
            .await
            .expect("the scratch database goes");
    }
}

/// A role that inherits what a follower may do, or that row-level security does not bind, crosses
/// organizations whatever the policies say; somebody else may have made it so before us.
#[tokio::test]
async fn no_role_of_a_service_sees_more_than_its_policies_say() {
    let scratch = Scratch::migrated("bound").await;
    let asked = "SELECT rolname FROM pg_roles
                  WHERE rolname IN ('latchkey_auth', 'latchkey_consent', 'latchkey_proxy', 'latchkey_billing')
                    AND NOT rolinherit AND NOT rolsuper AND NOT rolbypassrls AND rolcanlogin";
    let roles = scratch.client.query(asked, &[]).await.expect("roles");
    assert_eq!(roles.len(), 4, "{roles:?}");
    scratch.drop().await;
}

#[tokio::test]
async fn every_table_with_a_tenant_forces_row_level_security() {
    let scratch = Scratch::migrated("rls").await;
    let rows = scratch
        .client
        .query(
            "SELECT n.nspname || '.' || c.relname AS name, c.relrowsecurity AND c.relforcerowsecurity AS forced,
                    EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid AND p.polqual IS NOT NULL
                                                        AND p.polwithcheck IS NOT NULL) AS both_sides,
                    c.relispartition AS partition
               FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
              WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')",
            &[],
        )
        .await
        .unwrap();
    assert!(rows.len() >= 20, "the tables were found");
    for row in &rows {
        let name: &str = row.get("name");
        assert!(
            row.get::<_, bool>("forced"),
            "{name} does not force row-level security"
        );
        assert!(
            row.get::<_, bool>("both_sides") || row.get("partition"),
            "{name} has no policy for reading and writing"
        );
    }
    scratch.drop().await;
}

#[tokio::test]
async fn every_table_of_a_service_has_a_tenant() {
    let scratch = Scratch::migrated("tenants").await;
    let rows = scratch
        .client
        .query(
            "SELECT n.nspname || '.' || c.relname AS name
               FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
              WHERE c.relkind IN ('r', 'p') AND n.nspname IN ('store', 'auth', 'consent', 'billing')
                AND NOT EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id')",
            &[],
        )
        .await
        .unwrap();
    let mut names: Vec<&str> = rows.iter().map(|row| row.get("name")).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["store.checkpoints", "store.spools"],
        "only checkpoints and spools belong to no tenant"
    );
    scratch.drop().await;
}

#[tokio::test]
async fn no_role_of_a_service_can_step_over_row_level_security() {
    let scratch = Scratch::migrated("roles").await;
    let rows = scratch
        .client
        .query(
            "SELECT rolname, rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb AS mighty
               FROM pg_roles WHERE rolname LIKE 'latchkey\\_%'",
            &[],
        )
        .await
        .unwrap();
    assert!(rows.len() >= 5);
    for row in &rows {
        assert!(
            !row.get::<_, bool>("mighty"),
            "{} is too mighty",
            row.get::<_, &str>("rolname")
        );
    }
    let owned: i64 = scratch
        .client
        .query_one(
            "SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE r.rolname LIKE 'latchkey\\_%'",
            &[],
        )
        .await
        .unwrap()
        .get(0);
    assert_eq!(owned, 0, "a service's role owns a table");
    scratch.drop().await;
}

#[tokio::test]
async fn consent_cannot_read_sealed_keys_and_proxy_cannot_write_them() {
    let scratch = Scratch::migrated("keys").await;
    let may = |role: &'static str, column: &'static str, right: &'static str| {
        let client = &scratch.client;
        async move {
            let sql = "SELECT has_column_privilege($1, 'consent.sealed_keys', $2, $3)";
            client
                .query_one(sql, &[&role, &column, &right])
                .await
                .unwrap()
                .get::<_, bool>(0)
        }
    };
    for secret in ["encrypted_data_key", "ciphertext", "nonce"] {
        assert!(
            !may("latchkey_consent", secret, "SELECT").await,
            "consent reads {secret}"
        );
        assert!(may("latchkey_consent", secret, "INSERT").await);
        assert!(may("latchkey_proxy", secret, "SELECT").await);
        for right in ["INSERT", "UPDATE"] {
            assert!(
                !may("latchkey_proxy", secret, right).await,
                "proxy may {right} {secret}"
            );
        }
        for other in ["latchkey_auth", "latchkey_billing", "latchkey_follower"] {
            assert!(
                !may(other, secret, "SELECT").await,
                "{other} reads {secret}"
            );
        }
    }
    scratch.drop().await;
}
