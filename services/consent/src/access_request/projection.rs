//! `consent.access_requests`: the inbox and its history.

use event_store::{ProjectionError, RecordedEvent};
use events::{
    AccessRequestEvent, AppIdentity, AuthorizationDetail, GrantEvent, RequestedDetail, Transport,
};
use ids::{ApprovalRuleId, GrantId, HandleId, RequestId, UserId};
use jiff::Timestamp;
use postgres::{DatabaseError, Tx};
use serde_json::{Value, json};
use tokio_postgres::Row;

use super::room::pause;
use crate::{app_key, policy::after};

/// An access request as the inbox shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessRequestRow {
    /// The request.
    pub id: RequestId,
    /// Whose vault was asked.
    pub user: UserId,
    /// By which door.
    pub transport: Transport,
    /// Who asks.
    pub app: AppIdentity,
    /// What for.
    pub details: Vec<RequestedDetail>,
    /// The grant that it asks to widen, if it does.
    pub extends: Option<GrantId>,
    /// What the decision gave, which may be less; empty when it gave nothing.
    pub granted: Vec<AuthorizationDetail>,
    /// Where it stands.
    pub state: RequestState,
    /// When it came.
    pub received_at: Timestamp,
    /// When it lapses.
    pub expires_at: Timestamp,
    /// The handle it asked at, if it was one.
    pub handle: Option<HandleId>,
    /// The rule that approved it in the person's place, if one did.
    pub rule: Option<ApprovalRuleId>,
    /// Whether it was denied without asking the person.
    pub unasked: bool,
}

impl AccessRequestRow {
    /// Where it stands for the app that asked: one that is not welcome waits as it would for a
    /// person.
    #[must_use]
    pub fn told(&self, now: Timestamp) -> RequestState {
        if self.unasked && now < after(self.received_at, pause(self.id)) {
            RequestState::Pending
        } else {
            self.state.clone()
        }
    }
}

/// Where an access request stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestState {
    /// Undecided.
    Pending,
    /// Granted.
    Approved(GrantId),
    /// Refused, perhaps with words for the app.
    Denied(Option<String>),
    /// Nobody decided in time.
    Expired,
    /// The asker went away.
    Abandoned,
}

impl RequestState {
    /// Its name on the wire and on pages.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved(_) => "approved",
            Self::Denied(_) => "denied",
            Self::Expired => "expired",
            Self::Abandoned => "abandoned",
        }
    }
}

const RECEIVED: &str = "
    -- consent.access_request_received
    INSERT INTO consent.access_requests
           (request_id, tenant_id, user_id, transport, app, details, extends, state, received_at, expires_at, handle_id, app_key)
    VALUES ($1, $2, $3, $4, $5, $6, $7, 'pending', $8, $9, $10, $11)";

const DECIDED: &str = "
    -- consent.access_request_decided
    UPDATE consent.access_requests
       SET state = $2, grant_id = $3, reason = $4, decided_at = $5, rule_id = $6, unasked = $7
     WHERE request_id = $1";

const GRANTED: &str = "
    -- consent.access_request_granted
    UPDATE consent.access_requests SET granted = $2 WHERE request_id = $1";

pub(crate) const CLEAR: &str = "
    -- consent.clear_access_requests
    DELETE FROM consent.access_requests";

const PENDING: &str = "
    -- consent.access_requests_pending
    SELECT request_id, user_id, transport, app, details, extends, granted, state, reason, grant_id, received_at, expires_at, handle_id, rule_id, unasked
      FROM consent.access_requests
     WHERE user_id = $1 AND state = 'pending' AND expires_at > $2
     ORDER BY received_at DESC
     LIMIT 100";

const RECENT: &str = "
    -- consent.access_requests_recent
    SELECT request_id, user_id, transport, app, details, extends, granted, state, reason, grant_id, received_at, expires_at, handle_id, rule_id, unasked
      FROM consent.access_requests
     WHERE user_id = $1 AND (state <> 'pending' OR expires_at <= $2) AND NOT unasked
     ORDER BY received_at DESC
     LIMIT 20";

const ONE: &str = "
    -- consent.access_request
    SELECT request_id, user_id, transport, app, details, extends, granted, state, reason, grant_id, received_at, expires_at, handle_id, rule_id, unasked
      FROM consent.access_requests
     WHERE request_id = $1";

const COUNT_PENDING: &str = "
    -- consent.count_pending
    SELECT count(*) AS pending
      FROM consent.access_requests
     WHERE user_id = $1 AND state = 'pending' AND expires_at > $2";

const COUNT_PENDING_LIKE: &str = "
    -- consent.count_pending_like
    SELECT count(*) AS pending
      FROM consent.access_requests
     WHERE user_id = $1 AND state = 'pending' AND expires_at > $2 AND (transport IN ('oauth', 'okap_browser')) = $3";

/// Takes one event in.
///
/// # Errors
/// When the event cannot be read or the database refuses.
pub async fn apply(tx: &Tx, event: &RecordedEvent) -> Result<(), ProjectionError> {
    if let Some(
        GrantEvent::Granted {
            request, details, ..
        }
        | GrantEvent::Widened {
            request: Some(request),
            details,
        },
    ) = event.read()?
    {
        let granted: Value = json!(details);
        tx.execute(GRANTED, &[&request.uuid(), &granted]).await?;
    }
    let Some(change) = event.read::<AccessRequestEvent>()? else {
        return Ok(());
    };
    match change {
        AccessRequestEvent::Received {
            user,
            transport,
            app,
            details,
            extends,
            expires_at,
            handle,
        } => {
            let asked = (transport, &app, details.as_slice(), extends);
            received(tx, event, (user, handle), asked, expires_at).await
        }
        AccessRequestEvent::Approved { grant, rule, .. } => {
            let by = By {
                grant: Some(grant),
                rule,
                ..By::default()
            };
            decided(tx, event, "approved", by).await
        }
        AccessRequestEvent::Denied { reason, unasked } => {
            let by = By {
                reason,
                unasked,
                ..By::default()
            };
            decided(tx, event, "denied", by).await
        }
        AccessRequestEvent::Expired {} => decided(tx, event, "expired", By::default()).await,
        AccessRequestEvent::Abandoned {} => decided(tx, event, "abandoned", By::default()).await,
    }
}

/// What a decision says besides itself.
#[derive(Default)]
struct By {
    grant: Option<GrantId>,
    reason: Option<String>,
    rule: Option<ApprovalRuleId>,
    unasked: bool,
}

async fn received(
    tx: &Tx,
    event: &RecordedEvent,
    (user, handle): (UserId, Option<HandleId>),
    (transport, app, details, extends): (
        Transport,
        &AppIdentity,
        &[RequestedDetail],
        Option<GrantId>,
    ),
    expires_at: Timestamp,
) -> Result<(), ProjectionError> {
    let (id, tenant) = (event.stream_uuid(), event.tenant.uuid());
    let transport = json!(transport).as_str().unwrap_or_default().to_owned();
    let app_key = app_key::of(app, handle).map(|key| key.to_string());
    let (app, details): (Value, Value) = (json!(app), json!(details));
    let (user, handle) = (user.uuid(), handle.map(HandleId::uuid));
    let extends = extends.map(GrantId::uuid);
    let at = &event.occurred_at;
    tx.execute(
        RECEIVED,
        &[
            &id,
            &tenant,
            &user,
            &transport,
            &app,
            &details,
            &extends,
            at,
            &expires_at,
            &handle,
            &app_key,
        ],
    )
    .await?;
    Ok(())
}

async fn decided(
    tx: &Tx,
    event: &RecordedEvent,
    state: &str,
    by: By,
) -> Result<(), ProjectionError> {
    let (id, grant) = (event.stream_uuid(), by.grant.map(GrantId::uuid));
    let rule = by.rule.map(ApprovalRuleId::uuid);
    tx.execute(
        DECIDED,
        &[
            &id,
            &state,
            &grant,
            &by.reason,
            &event.occurred_at,
            &rule,
            &by.unasked,
        ],
    )
    .await?;
    Ok(())
}

/// What waits for a person's decision, newest first, at most 100.
///
/// # Errors
/// When the database refuses or a row cannot be read.
pub async fn pending(
    tx: &Tx,
    user: UserId,
    now: Timestamp,
) -> Result<Vec<AccessRequestRow>, DatabaseError> {
    tx.query(PENDING, &[&user.uuid(), &now])
        .await?
        .iter()
        .map(from_row)
        .collect()
}

/// What was decided of late, newest first, at most 20.
///
/// # Errors
/// When the database refuses or a row cannot be read.
pub async fn recent(
    tx: &Tx,
    user: UserId,
    now: Timestamp,
) -> Result<Vec<AccessRequestRow>, DatabaseError> {
    tx.query(RECENT, &[&user.uuid(), &now])
        .await?
        .iter()
        .map(from_row)
        .collect()
}

/// One request of the transaction's organization.
///
/// # Errors
/// When the database refuses or the row cannot be read.
pub async fn one(tx: &Tx, id: RequestId) -> Result<Option<AccessRequestRow>, DatabaseError> {
    tx.query_opt(ONE, &[&id.uuid()])
        .await?
        .as_ref()
        .map(from_row)
        .transpose()
}

/// How many requests wait for a person's decision.
///
/// # Errors
/// When the database refuses.
pub async fn count_pending(tx: &Tx, user: UserId, now: Timestamp) -> Result<i64, DatabaseError> {
    Ok(tx
        .query_one(COUNT_PENDING, &[&user.uuid(), &now])
        .await?
        .get("pending"))
}

/// How many of these requests came in by a door of the same kind: through the person's own browser
/// (OAuth, a popup, a native app's link), or from wherever somebody knows an address of theirs.
///
/// # Errors
/// When the database refuses.
pub async fn count_pending_like(
    tx: &Tx,
    user: UserId,
    transport: Transport,
    now: Timestamp,
) -> Result<i64, DatabaseError> {
    let by_browser = matches!(transport, Transport::Oauth | Transport::OkapBrowser);
    Ok(tx
        .query_one(COUNT_PENDING_LIKE, &[&user.uuid(), &now, &by_browser])
        .await?
        .get("pending"))
}

pub(super) fn from_row(row: &Row) -> Result<AccessRequestRow, DatabaseError> {
    let unreadable = |column| DatabaseError::Row {
        table: "consent.access_requests",
        column,
    };
    let grant: Option<uuid::Uuid> = row.get("grant_id");
    let extends: Option<uuid::Uuid> = row.get("extends");
    let state = match (row.get::<_, &str>("state"), grant) {
        ("pending", _) => RequestState::Pending,
        ("approved", Some(grant)) => RequestState::Approved(GrantId::from_uuid(grant)),
        ("denied", _) => RequestState::Denied(row.get("reason")),
        ("expired", _) => RequestState::Expired,
        ("abandoned", _) => RequestState::Abandoned,
        _ => return Err(unreadable("state")),
    };
    let granted: Option<Value> = row.get("granted");
    let granted = granted.map(serde_json::from_value).transpose();
    Ok(AccessRequestRow {
        granted: granted
            .map_err(|_| unreadable("granted"))?
            .unwrap_or_default(),
        extends: extends.map(GrantId::from_uuid),
        id: RequestId::from_uuid(row.get("request_id")),
        user: UserId::from_uuid(row.get("user_id")),
        transport: serde_json::from_value(json!(row.get::<_, &str>("transport")))
            .map_err(|_| unreadable("transport"))?,
        app: serde_json::from_value(row.get("app")).map_err(|_| unreadable("app"))?,
        details: serde_json::from_value(row.get("details")).map_err(|_| unreadable("details"))?,
        state,
        received_at: row.get("received_at"),
        expires_at: row.get("expires_at"),
        handle: row
            .get::<_, Option<uuid::Uuid>>("handle_id")
            .map(HandleId::from_uuid),
        rule: row
            .get::<_, Option<uuid::Uuid>>("rule_id")
            .map(ApprovalRuleId::from_uuid),
        unasked: row.get("unasked"),
    })
}
