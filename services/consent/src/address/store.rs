//! Making, listing, ending and using vault addresses.

use std::time::Duration;

use ids::{ConnectTicket, Handle, HandleId, NoRandomness, TenantId, TicketId, TokenDigest, UserId};
use jiff::Timestamp;
use postgres::{DatabaseError, Scope, Tx};
use serde_json::{Value, json};

use super::Ceiling;
use crate::{
    policy::after,
    vault::{Actor, Vault, one_at_a_time},
};

/// How long a connect ticket lives.
pub const TICKET_LIVES: Duration = Duration::from_secs(15 * 60);
/// The most live handles of one person.
const MOST_HANDLES: usize = 20;
/// The most tickets of one person that may still be used.
const MOST_TICKETS: i64 = 50;

/// The addresses of people's vaults.
#[derive(Clone)]
pub struct Addresses(Vault);

/// Whose vault an address names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whose {
    /// The organization.
    pub tenant: TenantId,
    /// The person.
    pub user: UserId,
}

/// A connect ticket that may still be used.
#[derive(Debug, Clone)]
pub struct Ticket {
    /// The ticket.
    pub id: TicketId,
    /// Whose vault.
    pub whose: Whose,
    /// The ceiling, if the person set one.
    pub ceiling: Option<Ceiling>,
}

/// A handle as its person sees it.
#[derive(Debug, Clone)]
pub struct HandleRow {
    /// Its id.
    pub id: HandleId,
    /// The address.
    pub handle: Handle,
    /// The person's name for it.
    pub label: String,
    /// Since when.
    pub created_at: Timestamp,
}

/// A ticket as its person sees it: never the ticket itself.
#[derive(Debug, Clone)]
pub struct TicketRow {
    /// Its id.
    pub id: TicketId,
    /// The person's name for it.
    pub label: String,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
    /// When it was used.
    pub used_at: Option<Timestamp>,
}

/// Why no address was made or ended.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// There is no such address.
    #[error("there is no such address")]
    Unknown,
    /// The person has as many as one may have.
    #[error("a person has at most {MOST_HANDLES} handles; end one first")]
    TooMany,
    /// The person has as many unused tickets as one may have.
    #[error(
        "a person has at most {MOST_TICKETS} unused tickets at a time; they end by themselves within minutes"
    )]
    TooManyTickets,
    /// No address could be made.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The database refused.
    #[error("the database refused")]
    Database(#[from] DatabaseError),
}

const MAKE_HANDLE: &str = "
    -- consent.make_handle
    INSERT INTO consent.handles (handle_id, tenant_id, user_id, digest, handle, label, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";

const HANDLES: &str = "
    -- consent.handles_of_user
    SELECT handle_id, handle, label, created_at
      FROM consent.handles
     WHERE user_id = $1 AND ended_at IS NULL
     ORDER BY created_at
     LIMIT 100";

const END_HANDLE: &str = "
    -- consent.end_handle
    UPDATE consent.handles SET ended_at = $3 WHERE handle_id = $1 AND user_id = $2 AND ended_at IS NULL";

const WHOSE_HANDLE: &str = "
    -- consent.whose_handle
    SELECT handle_id, tenant_id, user_id FROM consent.handles WHERE digest = $1 AND ended_at IS NULL";

const MAKE_TICKET: &str = "
    -- consent.make_connect_ticket
    INSERT INTO consent.connect_tickets (ticket_id, digest, tenant_id, user_id, label, ceiling, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

const COUNT_TICKETS: &str = "
    -- consent.count_connect_tickets
    SELECT count(*) AS usable
      FROM consent.connect_tickets
     WHERE user_id = $1 AND used_at IS NULL AND expires_at > $2";

const TICKETS: &str = "
    -- consent.connect_tickets_of_user
    SELECT ticket_id, label, created_at, expires_at, used_at
      FROM consent.connect_tickets
     WHERE user_id = $1
     ORDER BY created_at DESC
     LIMIT 20";

const TICKET: &str = "
    -- consent.connect_ticket
    SELECT ticket_id, tenant_id, user_id, ceiling
      FROM consent.connect_tickets
     WHERE digest = $1 AND used_at IS NULL AND expires_at > $2";

const USE_TICKET: &str = "
    -- consent.use_connect_ticket
    UPDATE consent.connect_tickets SET used_at = $2 WHERE ticket_id = $1 AND used_at IS NULL";

impl Addresses {
    /// The addresses of this vault.
    #[must_use]
    pub const fn new(vault: Vault) -> Self {
        Self(vault)
    }

    /// Makes a handle.
    ///
    /// # Errors
    /// When the person has too many or the database refuses.
    pub async fn make_handle(&self, actor: &Actor, label: &str) -> Result<HandleRow, AddressError> {
        let created_at = self.0.clock.now();
        let (id, handle) = (HandleId::new(created_at), Handle::mint()?);
        let digest = TokenDigest::of(handle.as_str());
        let tx = self.0.begin("make handle", actor.tenant).await?;
        one_at_a_time(&tx, actor.user).await?;
        if tx.query(HANDLES, &[&actor.user.uuid()]).await?.len() >= MOST_HANDLES {
            return Err(AddressError::TooMany);
        }
        let (tenant, user, digest) = (
            actor.tenant.uuid(),
            actor.user.uuid(),
            digest.as_bytes().as_slice(),
        );
        tx.execute(
            MAKE_HANDLE,
            &[
                &id.uuid(),
                &tenant,
                &user,
                &digest,
                &handle.as_str(),
                &label,
                &created_at,
            ],
        )
        .await?;
        tx.commit().await?;
        Ok(HandleRow {
            id,
            handle,
            label: label.to_owned(),
            created_at,
        })
    }

    /// A person's live handles.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn handles(&self, whose: Whose) -> Result<Vec<HandleRow>, AddressError> {
        let tx = self.0.begin("list handles", whose.tenant).await?;
        let rows = tx.query(HANDLES, &[&whose.user.uuid()]).await?;
        tx.commit().await?;
        let unreadable = || DatabaseError::Row {
            table: "consent.handles",
            column: "handle",
        };
        rows.iter()
            .map(|row| {
                Ok(HandleRow {
                    id: HandleId::from_uuid(row.get("handle_id")),
                    handle: row
                        .get::<_, &str>("handle")
                        .parse()
                        .map_err(|_| unreadable())?,
                    label: row.get("label"),
                    created_at: row.get("created_at"),
                })
            })
            .collect()
    }

    /// Ends a handle: who asks there is heard by nobody.
    ///
    /// # Errors
    /// When there is no such handle or the database refuses.
    pub async fn end_handle(&self, actor: &Actor, id: HandleId) -> Result<(), AddressError> {
        let tx = self.0.begin("end handle", actor.tenant).await?;
        let ended = tx
            .execute(
                END_HANDLE,
                &[&id.uuid(), &actor.user.uuid(), &self.0.clock.now()],
            )
            .await?;
        tx.commit().await?;
        if ended == 1 {
            Ok(())
        } else {
            Err(AddressError::Unknown)
        }
    }

    /// Makes a connect ticket. The ticket itself is shown once and stored as a digest.
    ///
    /// # Errors
    /// When the person has too many or the database refuses.
    pub async fn make_ticket(
        &self,
        actor: &Actor,
        label: &str,
        ceiling: Option<&Ceiling>,
    ) -> Result<(TicketId, ConnectTicket, Timestamp), AddressError> {
        let created_at = self.0.clock.now();
        let expires_at = after(created_at, TICKET_LIVES);
        let (id, ticket) = (TicketId::new(created_at), ConnectTicket::mint()?);
        let ceiling: Option<Value> = ceiling.map(|ceiling| json!(ceiling));
        let digest = ticket.digest();
        let digest = digest.as_bytes().as_slice();
        let tx = self.0.begin("make connect ticket", actor.tenant).await?;
        let (tenant, user) = (actor.tenant.uuid(), actor.user.uuid());
        one_at_a_time(&tx, actor.user).await?;
        let usable: i64 = tx
            .query_one(COUNT_TICKETS, &[&user, &created_at])
            .await?
            .get("usable");
        if usable >= MOST_TICKETS {
            return Err(AddressError::TooManyTickets);
        }
        tx.execute(
            MAKE_TICKET,
            &[
                &id.uuid(),
                &digest,
                &tenant,
                &user,
                &label,
                &ceiling,
                &created_at,
                &expires_at,
            ],
        )
        .await?;
        tx.commit().await?;
        Ok((id, ticket, expires_at))
    }

    /// A person's tickets of late, without the tickets themselves.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn tickets(&self, whose: Whose) -> Result<Vec<TicketRow>, AddressError> {
        let tx = self.0.begin("list connect tickets", whose.tenant).await?;
        let rows = tx.query(TICKETS, &[&whose.user.uuid()]).await?;
        tx.commit().await?;
        let ticket = |row: &tokio_postgres::Row| TicketRow {
            id: TicketId::from_uuid(row.get("ticket_id")),
            label: row.get("label"),
            created_at: row.get("created_at"),
            expires_at: row.get("expires_at"),
            used_at: row.get("used_at"),
        };
        Ok(rows.iter().map(ticket).collect())
    }

    /// Whose vault a handle names, and its id; `None` for one that is unknown or ended.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn whose_handle(
        &self,
        handle: &Handle,
    ) -> Result<Option<(Whose, HandleId)>, AddressError> {
        let digest = TokenDigest::of(handle.as_str());
        let tx = self
            .0
            .postgres
            .begin("find handle", Scope::Holder(digest))
            .await?;
        let row = tx
            .query_opt(WHOSE_HANDLE, &[&digest.as_bytes().as_slice()])
            .await?;
        tx.commit().await?;
        Ok(row.map(|row| {
            let whose = Whose {
                tenant: TenantId::from_uuid(row.get("tenant_id")),
                user: UserId::from_uuid(row.get("user_id")),
            };
            (whose, HandleId::from_uuid(row.get("handle_id")))
        }))
    }

    /// The ticket, if it is live and unused. Using it is a step of its own: [`use_ticket`].
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn ticket(&self, ticket: &ConnectTicket) -> Result<Option<Ticket>, AddressError> {
        let digest = ticket.digest();
        let tx = self
            .0
            .postgres
            .begin("find connect ticket", Scope::Holder(digest))
            .await?;
        let row = tx
            .query_opt(
                TICKET,
                &[&digest.as_bytes().as_slice(), &self.0.clock.now()],
            )
            .await?;
        tx.commit().await?;
        let Some(row) = row else { return Ok(None) };
        let ceiling: Option<Value> = row.get("ceiling");
        let ceiling = ceiling
            .map(serde_json::from_value)
            .transpose()
            .map_err(|_| DatabaseError::Row {
                table: "consent.connect_tickets",
                column: "ceiling",
            })?;
        Ok(Some(Ticket {
            id: TicketId::from_uuid(row.get("ticket_id")),
            whose: Whose {
                tenant: TenantId::from_uuid(row.get("tenant_id")),
                user: UserId::from_uuid(row.get("user_id")),
            },
            ceiling,
        }))
    }
}

/// Uses a ticket within the transaction that takes its request in; false when somebody was first.
///
/// # Errors
/// When the database refuses.
pub async fn use_ticket(tx: &Tx, id: TicketId, at: Timestamp) -> Result<bool, DatabaseError> {
    Ok(tx.execute(USE_TICKET, &[&id.uuid(), &at]).await? == 1)
}
