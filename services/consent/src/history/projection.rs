//! `consent.decisions`: one row for each decision that was ever taken.

use event_store::{ProjectionError, RecordedEvent};
use events::{AccessRequestEvent, AppIdentity, AuthorizationDetail, GrantEvent, RequestedDetail};
use ids::{EventId, GrantId, RequestId, UserId};
use jiff::Timestamp;
use postgres::{DatabaseError, Tx};
use serde_json::{Value, json};
use tokio_postgres::Row;

use super::Wanted;

/// A decision.
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionRow {
    /// The event that it is.
    pub id: EventId,
    /// What was decided.
    pub kind: Kind,
    /// Who decided.
    pub by: DecidedBy,
    /// About which app.
    pub app: AppIdentity,
    /// Upon which request, if upon one.
    pub request: Option<RequestId>,
    /// Of which grant, if of one.
    pub grant: Option<GrantId>,
    /// What was asked; empty where nothing was.
    pub asked: Vec<RequestedDetail>,
    /// What was granted from then on; empty where nothing was.
    pub granted: Vec<AuthorizationDetail>,
    /// Why, if somebody said why.
    pub reason: Option<String>,
    /// When.
    pub decided_at: Timestamp,
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A request was granted.
    Granted,
    /// A request was denied.
    Denied,
    /// A grant got more.
    Widened,
    /// A grant was changed.
    Changed,
    /// A grant was ended.
    Revoked,
}

/// Who decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecidedBy {
    /// The person.
    Person,
    /// A ceiling that the person had set, on a connect ticket.
    Ticket,
    /// A rule that the person had written.
    Rule,
    /// An administrator of the person's organization.
    Administrator(UserId),
    /// The app: it gave its access back, or showed a token twice that is good once.
    App,
}

impl Kind {
    const ALL: [Self; 5] = [
        Self::Granted,
        Self::Denied,
        Self::Widened,
        Self::Changed,
        Self::Revoked,
    ];

    /// Its name on the wire and in the table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Denied => "denied",
            Self::Widened => "widened",
            Self::Changed => "changed",
            Self::Revoked => "revoked",
        }
    }
}

impl DecidedBy {
    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Ticket => "ticket",
            Self::Rule => "rule",
            Self::Administrator(_) => "administrator",
            Self::App => "app",
        }
    }

    /// Who acted, of a person's decisions: the record names the person by their id.
    fn of(actor: &str, user: UserId, kind: Kind, rule: Option<uuid::Uuid>) -> Self {
        match kind {
            Kind::Granted if rule.is_some() => Self::Rule,
            _ if actor == user.to_string() => Self::Person,
            Kind::Granted => Self::Ticket,
            _ => actor.parse().map_or(Self::App, Self::Administrator),
        }
    }
}

const OF_REQUEST: &str = "
    -- consent.decision_about_request
    INSERT INTO consent.decisions
           (decision_id, tenant_id, user_id, kind, actor, app, request_id, asked, reason, decided_at)
    SELECT $1, tenant_id, user_id, $3, $4, app, request_id, details, $5, $6
      FROM consent.access_requests
     WHERE request_id = $2";

const OF_GRANT: &str = "
    -- consent.decision_about_grant
    INSERT INTO consent.decisions
           (decision_id, tenant_id, user_id, kind, actor, app, request_id, grant_id, asked, granted, reason, decided_at)
    SELECT $1, g.tenant_id, g.user_id, $3, $4, g.app, r.request_id, g.grant_id, r.details, $5, $6, $7
      FROM consent.grants g
      LEFT JOIN consent.access_requests r ON r.request_id = $8
     WHERE g.grant_id = $2";

pub(crate) const CLEAR: &str = "
    -- consent.clear_decisions
    DELETE FROM consent.decisions";

const OF_USER: &str = "
    -- consent.decisions_of_user
    SELECT decision_id, user_id, kind, actor, app, request_id, grant_id, asked, granted, reason, decided_at,
           (SELECT rule_id FROM consent.access_requests r WHERE r.request_id = decisions.request_id) AS rule_id
      FROM consent.decisions
     WHERE user_id = $1
       AND ($2::uuid IS NULL OR decision_id < $2)
       AND ($3::text IS NULL OR app->>'app' = $3 OR app->>'name' = $3)
     ORDER BY decision_id DESC
     LIMIT $4";

/// Takes one event in. The rows of its request and its grant are there by then.
///
/// # Errors
/// When the event cannot be read or the database refuses.
pub async fn apply(tx: &Tx, event: &RecordedEvent) -> Result<(), ProjectionError> {
    // What nobody was asked about is no decision of theirs.
    if let Some(AccessRequestEvent::Denied {
        reason,
        unasked: false,
    }) = event.read()?
    {
        return denied(tx, event, reason).await;
    }
    let Some(change) = event.read::<GrantEvent>()? else {
        return Ok(());
    };
    match change {
        GrantEvent::Granted {
            request, details, ..
        } => {
            of_grant(
                tx,
                event,
                Kind::Granted,
                (Some(request), Some(&details), None),
            )
            .await
        }
        GrantEvent::Widened { request, details } => {
            of_grant(tx, event, Kind::Widened, (request, Some(&details), None)).await
        }
        GrantEvent::Changed { details } => {
            of_grant(tx, event, Kind::Changed, (None, Some(&details), None)).await
        }
        GrantEvent::Revoked { reason } => {
            of_grant(tx, event, Kind::Revoked, (None, None, Some(reason))).await
        }
        // What an app makes of its own grant is no decision of its person's, and shadow limits decide
        // nothing: what follows from adopting them is a change beside it.
        GrantEvent::ShadowLimitsSet { .. }
        | GrantEvent::ShadowLimitsDropped { .. }
        | GrantEvent::ShadowLimitsAdopted { .. }
        | GrantEvent::Derived { .. }
        | GrantEvent::TokenIssued { .. }
        | GrantEvent::TokenRefreshed { .. } => Ok(()),
    }
}

async fn denied(
    tx: &Tx,
    event: &RecordedEvent,
    reason: Option<String>,
) -> Result<(), ProjectionError> {
    let (id, request) = (event.id.uuid(), event.stream_uuid());
    let (kind, at) = (Kind::Denied.name(), &event.occurred_at);
    tx.execute(
        OF_REQUEST,
        &[&id, &request, &kind, &event.actor, &reason, at],
    )
    .await?;
    Ok(())
}

async fn of_grant(
    tx: &Tx,
    event: &RecordedEvent,
    kind: Kind,
    (request, granted, reason): (
        Option<RequestId>,
        Option<&[AuthorizationDetail]>,
        Option<String>,
    ),
) -> Result<(), ProjectionError> {
    let (id, grant) = (event.id.uuid(), event.stream_uuid());
    let granted: Option<Value> = granted.map(|details| json!(details));
    let request = request.map(RequestId::uuid);
    tx.execute(
        OF_GRANT,
        &[
            &id,
            &grant,
            &kind.name(),
            &event.actor,
            &granted,
            &reason,
            &event.occurred_at,
            &request,
        ],
    )
    .await?;
    Ok(())
}

/// A person's decisions, newest first.
///
/// # Errors
/// When the database refuses or a row cannot be read.
pub async fn of_user(
    tx: &Tx,
    user: UserId,
    wanted: &Wanted,
) -> Result<Vec<DecisionRow>, DatabaseError> {
    let before = wanted.before.map(EventId::uuid);
    tx.query(
        OF_USER,
        &[&user.uuid(), &before, &wanted.app, &wanted.limit],
    )
    .await?
    .iter()
    .map(from_row)
    .collect()
}

fn from_row(row: &Row) -> Result<DecisionRow, DatabaseError> {
    let unreadable = |column| DatabaseError::Row {
        table: "consent.decisions",
        column,
    };
    let name: &str = row.get("kind");
    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name);
    let kind = kind.ok_or_else(|| unreadable("kind"))?;
    let user = UserId::from_uuid(row.get("user_id"));
    let (request, grant): (Option<uuid::Uuid>, Option<uuid::Uuid>) =
        (row.get("request_id"), row.get("grant_id"));
    let list = |column| -> Value {
        let stored: Option<Value> = row.get(column);
        stored.unwrap_or_else(|| json!([]))
    };
    Ok(DecisionRow {
        id: EventId::from_uuid(row.get("decision_id")),
        kind,
        by: DecidedBy::of(row.get("actor"), user, kind, row.get("rule_id")),
        app: serde_json::from_value(row.get("app")).map_err(|_| unreadable("app"))?,
        request: request.map(RequestId::from_uuid),
        grant: grant.map(GrantId::from_uuid),
        asked: serde_json::from_value(list("asked")).map_err(|_| unreadable("asked"))?,
        granted: serde_json::from_value(list("granted")).map_err(|_| unreadable("granted"))?,
        reason: row.get("reason"),
        decided_at: row.get("decided_at"),
    })
}
