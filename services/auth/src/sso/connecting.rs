//! Connecting an identity provider to an organization.

use event_store::{Context, StreamId};
use events::OrganizationEvent;
use ids::{ConnectionId, TenantId, UserId};
use key_vault::SmallSecrets;
use postgres::{DatabaseError, Postgres, Scope, Tx};
use server::RequestId;

use super::{ConnectionRow, Issuer, SecretText, Sso, SsoError, connections};
use crate::{
    organization::Organization,
    records::{self, decide},
};

/// An identity provider to connect, or to connect anew.
pub struct Connect<'a> {
    /// Its issuer.
    pub issuer: &'a Issuer,
    /// What we are called there.
    pub client_id: &'a str,
    /// What we show there; nothing for a public client.
    pub secret: Option<&'a SecretText>,
}

/// An identity provider that is connected.
pub struct Connected {
    /// The connection.
    pub row: ConnectionRow,
    /// Whether it was not connected before.
    pub is_new: bool,
}

impl Sso {
    /// Connects an identity provider for somebody who may.
    ///
    /// # Errors
    /// When the provider cannot be used, the organization does not take it, or nothing can be
    /// written.
    pub async fn connect(
        &self,
        tenant: TenantId,
        actor: UserId,
        request: RequestId,
        command: &Connect<'_>,
    ) -> Result<Connected, SsoError> {
        self.providers.discover(command.issuer.as_str()).await?;
        let context = self.context(tenant, actor.to_string(), request);
        connect(&self.postgres, &self.secrets, &context, command).await
    }
}

/// Connects an identity provider, or changes what we are called and show there.
///
/// # Errors
/// When the organization does not take it, or nothing can be written.
pub async fn connect(
    postgres: &Postgres,
    secrets: &SmallSecrets,
    context: &Context,
    command: &Connect<'_>,
) -> Result<Connected, SsoError> {
    decide(async || {
        let known = known_connection(postgres, context.tenant, command.issuer).await?;
        let connection = known.unwrap_or_else(|| ConnectionId::new(context.at));
        // Sealed before the transaction: nothing waits for the key service while holding one open.
        let sealed = match command.secret {
            Some(secret) => {
                Some(connections::seal(secrets, context.tenant, connection, secret).await?)
            }
            None => None,
        };
        let tx = postgres
            .begin("connect sign-on", Scope::Tenant(context.tenant))
            .await?;
        let row = write_connection(&tx, context, connection, command, sealed.as_deref()).await?;
        tx.commit().await?;
        Ok(Connected {
            row,
            is_new: known.is_none(),
        })
    })
    .await
}

async fn known_connection(
    postgres: &Postgres,
    tenant: TenantId,
    issuer: &Issuer,
) -> Result<Option<ConnectionId>, DatabaseError> {
    let tx = postgres
        .begin("find sign-on", Scope::Tenant(tenant))
        .await?;
    let known = connections::of_tenant(&tx).await?;
    tx.commit().await?;
    Ok(known
        .iter()
        .find(|row| row.issuer == issuer.as_str())
        .map(|row| row.connection))
}

async fn write_connection(
    tx: &Tx,
    context: &Context,
    connection: ConnectionId,
    command: &Connect<'_>,
    sealed: Option<&[u8]>,
) -> Result<ConnectionRow, SsoError> {
    let named = (command.issuer.as_str(), command.client_id);
    let stream = StreamId::of::<OrganizationEvent, _>(context.tenant);
    let (organization, version) = records::load::<Organization>(tx, &stream).await?;
    if let Some(event) = organization.connect_sso(connection, named.0, named.1)? {
        records::record(tx, &stream, version, &[event], context).await?;
    }
    connections::keep(tx, (context.tenant, connection), named, sealed, context.at).await?;
    connections::one(tx, connection)
        .await?
        .ok_or(SsoError::NotConnected)
}
