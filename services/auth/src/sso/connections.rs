//! `auth.sso_connections`: the identity providers of an organization. Not a projection: the
//! client secret is here, sealed, and in no event.

use ids::{ConnectionId, TenantId};
use jiff::Timestamp;
use key_vault::{SmallSecretError, SmallSecrets};
use postgres::{DatabaseError, Tx};
use tokio_postgres::Row;
use zeroize::Zeroizing;

/// The longest client secret.
const LONGEST_SECRET: usize = 1_000;

/// A client secret as somebody entered it. Has no `Debug`, `Display` or `Serialize`, and its
/// memory is cleared when it goes.
pub struct SecretText(Zeroizing<String>);

/// The text cannot be a client secret. Does not repeat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a client secret is 1 to 1,000 visible ASCII characters")]
pub struct SecretTextError;

impl SecretText {
    /// Takes a secret (RFC 6749 appendix A.2: visible ASCII characters and spaces).
    ///
    /// # Errors
    /// When it breaks that rule.
    pub fn parse(text: String) -> Result<Self, SecretTextError> {
        let text = Zeroizing::new(text);
        let plain = text.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
        if plain && !text.is_empty() && text.len() <= LONGEST_SECRET {
            Ok(Self(text))
        } else {
            Err(SecretTextError)
        }
    }
}

/// An identity provider of an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionRow {
    /// Which.
    pub connection: ConnectionId,
    /// Whose.
    pub tenant: TenantId,
    /// Its issuer.
    pub issuer: String,
    /// What we are called there.
    pub client_id: String,
    /// The sealed secret, if we have one there.
    sealed_secret: Option<Vec<u8>>,
    /// Since when.
    pub created_at: Timestamp,
}

impl ConnectionRow {
    /// Whether we have a secret there.
    #[must_use]
    pub const fn has_secret(&self) -> bool {
        self.sealed_secret.is_some()
    }

    /// The client secret in clear.
    ///
    /// # Errors
    /// When the key service does not open it.
    pub async fn open_secret(
        &self,
        secrets: &SmallSecrets,
    ) -> Result<Option<Zeroizing<String>>, SmallSecretError> {
        let Some(sealed) = &self.sealed_secret else {
            return Ok(None);
        };
        let place = Place::of(self.tenant, self.connection);
        let opened = secrets.open_small(&place.context(), sealed).await?;
        let text = std::str::from_utf8(&opened).map_err(|_| SmallSecretError::NotThisCiphertext)?;
        Ok(Some(Zeroizing::new(text.to_owned())))
    }
}

/// Seals a client secret for its place: moved to another row it does not open.
///
/// # Errors
/// When the key service does not do its part.
pub async fn seal(
    secrets: &SmallSecrets,
    tenant: TenantId,
    connection: ConnectionId,
    secret: &SecretText,
) -> Result<Vec<u8>, SmallSecretError> {
    let place = Place::of(tenant, connection);
    secrets
        .seal_small(&place.context(), secret.0.as_bytes())
        .await
}

struct Place {
    tenant: String,
    connection: String,
}

impl Place {
    fn of(tenant: TenantId, connection: ConnectionId) -> Self {
        Self {
            tenant: tenant.to_string(),
            connection: connection.to_string(),
        }
    }

    fn context(&self) -> [(&str, &str); 2] {
        [
            ("okap:tenant", &self.tenant),
            ("okap:sso", &self.connection),
        ]
    }
}

const KEEP: &str = "
    -- auth.keep_sso_connection
    INSERT INTO auth.sso_connections
           (connection_id, tenant_id, issuer, client_id, client_secret, created_at)
    VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (connection_id) DO UPDATE
       SET client_id = excluded.client_id, client_secret = excluded.client_secret";

const OF_TENANT: &str = "
    -- auth.sso_connections_of_tenant
    SELECT connection_id, tenant_id, issuer, client_id, client_secret, created_at
      FROM auth.sso_connections
     ORDER BY created_at DESC, connection_id
     LIMIT 50";

const ONE: &str = "
    -- auth.sso_connection
    SELECT connection_id, tenant_id, issuer, client_id, client_secret, created_at
      FROM auth.sso_connections
     WHERE connection_id = $1";

/// Writes a connection, or its new client id and secret.
///
/// # Errors
/// When the database refuses.
pub async fn keep(
    tx: &Tx,
    (tenant, connection): (TenantId, ConnectionId),
    (issuer, client_id): (&str, &str),
    sealed_secret: Option<&[u8]>,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let (tenant, connection) = (tenant.uuid(), connection.uuid());
    tx.execute(
        KEEP,
        &[
            &connection,
            &tenant,
            &issuer,
            &client_id,
            &sealed_secret,
            &now,
        ],
    )
    .await?;
    Ok(())
}

/// The connections of the transaction's organization, newest first.
///
/// # Errors
/// When the database refuses.
pub async fn of_tenant(tx: &Tx) -> Result<Vec<ConnectionRow>, DatabaseError> {
    Ok(tx
        .query(OF_TENANT, &[])
        .await?
        .iter()
        .map(from_row)
        .collect())
}

/// One connection of the transaction's organization.
///
/// # Errors
/// When the database refuses.
pub async fn one(
    tx: &Tx,
    connection: ConnectionId,
) -> Result<Option<ConnectionRow>, DatabaseError> {
    Ok(tx
        .query_opt(ONE, &[&connection.uuid()])
        .await?
        .as_ref()
        .map(from_row))
}

fn from_row(row: &Row) -> ConnectionRow {
    ConnectionRow {
        connection: ConnectionId::from_uuid(row.get("connection_id")),
        tenant: TenantId::from_uuid(row.get("tenant_id")),
        issuer: row.get("issuer"),
        client_id: row.get("client_id"),
        sealed_secret: row.get("client_secret"),
        created_at: row.get("created_at"),
    }
}
