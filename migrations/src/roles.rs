//! The roles of the database server: one for each service, and the followers.

use anyhow::{Result, bail};
use tokio_postgres::Client;

const SERVICES: [&str; 4] = [
    "latchkey_auth",
    "latchkey_consent",
    "latchkey_proxy",
    "latchkey_billing",
];

/// Roles that row-level security would not bind.
const UNBOUND: &str = "
    SELECT rolname FROM pg_roles
     WHERE rolname LIKE 'latchkey\\_%' AND (rolsuper OR rolbypassrls) ORDER BY rolname";

/// Makes missing roles, and has those that are there be what they must be: somebody may have made them
/// before. Roles belong to the whole server, so several databases share them.
pub async fn ensure(server: &Client, password: &str) -> Result<()> {
    if password.contains(['\'', '\\']) || password.is_empty() {
        bail!("a role's password has no quotes and no backslashes, and is not empty");
    }
    // Two runs against two databases of one server must not both make a role.
    server
        .batch_execute("BEGIN; SELECT pg_advisory_xact_lock(7809644627822032249)")
        .await?;
    let make = |role: &str, options: &str| {
        format!(
            "DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '{role}') \
             THEN CREATE ROLE {role} {options}; END IF; END $$"
        )
    };
    server
        .batch_execute(&make("latchkey_follower", "NOLOGIN"))
        .await?;
    for role in SERVICES {
        server.batch_execute(&make(role, "LOGIN NOINHERIT")).await?;
        server
            .batch_execute(&format!(
                "ALTER ROLE {role} LOGIN NOINHERIT PASSWORD '{password}'"
            ))
            .await?;
    }
    // Services may become a follower, who sees the rows of all organizations, for the length of a
    // transaction; what a follower may do is not theirs by itself. From PostgreSQL 16 on that is a
    // property of the grant, before of the role.
    let version: i32 = server
        .query_one("SELECT current_setting('server_version_num')::int", &[])
        .await?
        .get(0);
    let inherit = if version >= 160_000 {
        "WITH INHERIT FALSE"
    } else {
        ""
    };
    let follow = "GRANT latchkey_follower TO latchkey_auth, latchkey_consent, latchkey_billing";
    server.batch_execute(&format!("{follow} {inherit}")).await?;
    if let Some(unbound) = server.query(UNBOUND, &[]).await?.first() {
        let role: String = unbound.get("rolname");
        bail!(
            "the role {role} sees the rows of all organizations: it must be NOSUPERUSER and NOBYPASSRLS"
        );
    }
    server.batch_execute("COMMIT").await?;
    Ok(())
}

/// Lets the services connect to the database and nobody else.
pub async fn allow(client: &Client, database: &str) -> Result<()> {
    let services = SERVICES.join(", ");
    client
        .batch_execute(&format!(
            "REVOKE ALL ON DATABASE \"{database}\" FROM PUBLIC; \
             GRANT CONNECT ON DATABASE \"{database}\" TO {services}; \
             REVOKE CREATE ON SCHEMA public FROM PUBLIC"
        ))
        .await?;
    Ok(())
}
