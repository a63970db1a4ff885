//! The roles of the database server: one for each service, and the followers.

use anyhow::{Result, bail};
use tokio_postgres::Client;

const SERVICES: [&str; 4] = [
    "latchkey_auth",
    "latchkey_consent",
    "latchkey_proxy",
    "latchkey_billing",
];

const FOLLOWER: &str = "latchkey_follower";

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
    server.batch_execute(&make(FOLLOWER, "NOLOGIN")).await?;
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
    for role in SERVICES.into_iter().chain([FOLLOWER]) {
        if !is_bound(server, role).await? {
            bail!(
                "the role {role} sees the rows of all organizations: it must be NOSUPERUSER and NOBYPASSRLS"
            );
        }
    }
    server.batch_execute("COMMIT").await?;
    Ok(())
}

/// Whether row-level security binds a role.
async fn is_bound(server: &Client, role: &str) -> Result<bool> {
    let asked = "SELECT NOT (rolsuper OR rolbypassrls) FROM pg_roles WHERE rolname = $1";
    Ok(server.query_one(asked, &[&role]).await?.get(0))
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

#[cfg(test)]
mod tests {
    use tokio_postgres::NoTls;

    use super::*;

    #[expect(
        clippy::disallowed_methods,
        reason = "tests are told where the servers are by their runner"
    )]
    fn server() -> String {
        let told = std::env::var("LATCHKEY_TEST_POSTGRES_URL");
        told.unwrap_or_else(|_| "postgres://postgres@127.0.0.1:5432/postgres".to_owned())
    }

    #[tokio::test]
    async fn a_role_that_policies_do_not_bind_is_told_from_others() {
        let (client, connection) = tokio_postgres::connect(&server(), NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute("BEGIN").await.unwrap();
        for (options, bound) in [("", true), ("BYPASSRLS", false), ("SUPERUSER", false)] {
            let role = format!("lk_{}_{}", options.to_lowercase(), std::process::id());
            let create = format!("CREATE ROLE {role} {options}");
            client.batch_execute(&create).await.unwrap();
            assert_eq!(is_bound(&client, &role).await.unwrap(), bound, "{options}");
        }
        // They go with the transaction, which is never committed.
    }
}
