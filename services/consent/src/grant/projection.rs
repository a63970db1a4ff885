//! `consent.grants`: connected apps.

use event_store::{ProjectionError, RecordedEvent};
use events::{AppIdentity, AppKey, AuthorizationDetail, GrantEvent};
use grant_access::Ancestor;
use ids::{ApprovalRuleId, GrantId, RequestId, UserId};
use jiff::Timestamp;
use postgres::{DatabaseError, Tx};
use serde_json::{Value, json};
use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use super::{
    family::{Member, allowed},
    lines::{member, members},
    shadow::{self, ShadowRow},
};

/// A grant as connected apps show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRow {
    /// The grant.
    pub id: GrantId,
    /// Who granted it.
    pub user: UserId,
    /// To whom.
    pub app: AppIdentity,
    /// What exactly.
    pub details: Vec<AuthorizationDetail>,
    /// Where it stands.
    pub state: GrantState,
    /// Since when.
    pub granted_at: Timestamp,
    /// When the last of its details ends.
    pub expires_at: Timestamp,
    /// The rule that granted it in the person's place, if one did.
    pub rule: Option<ApprovalRuleId>,
    /// The grants above it with their limits, the parent first; what they allow is in `details`.
    pub above: Vec<Ancestor>,
    /// The shadow limits that are tried of it.
    pub shadows: Vec<ShadowRow>,
}

/// Where a grant stands at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantState {
    /// In force.
    Live,
    /// Its time is over.
    Expired,
    /// Ended by a person.
    Revoked,
}

impl GrantState {
    /// Its name on the wire and on pages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

const GRANTED: &str = "
    -- consent.grant_granted
    INSERT INTO consent.grants
           (grant_id, tenant_id, user_id, request_id, app, details, state, granted_at, changed_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, 'live', $7, $7, $8)";

const DERIVED: &str = "
    -- consent.grant_derived
    INSERT INTO consent.grants
           (grant_id, tenant_id, user_id, app, details, state, granted_at, changed_at, expires_at, ancestors, within)
    VALUES ($1, $2, $3, $4, $5, 'live', $6, $6, $7, $8, $9)";

const CHANGED: &str = "
    -- consent.grant_changed
    UPDATE consent.grants SET details = $2, expires_at = $3, changed_at = $4 WHERE grant_id = $1";

const REVOKED: &str = "
    -- consent.grant_revoked
    UPDATE consent.grants SET state = 'revoked', reason = $2, changed_at = $3 WHERE grant_id = $1";

pub(crate) const CLEAR: &str = "
    -- consent.clear_grants
    DELETE FROM consent.grants";

const OF_USER: &str = "
    -- consent.grants_of_user
    SELECT grant_id, user_id, app, details, state, granted_at, expires_at, ancestors, within,
           (SELECT rule_id FROM consent.access_requests r WHERE r.request_id = grants.request_id) AS rule_id
      FROM consent.grants
     WHERE user_id = $1 AND ($2::uuid IS NULL OR grant_id < $2)
     ORDER BY grant_id DESC
     LIMIT $3";

const TOPS: &str = "
    -- consent.grants_given_by_user
    SELECT grant_id, user_id, app, details, state, granted_at, expires_at, ancestors, within,
           (SELECT rule_id FROM consent.access_requests r WHERE r.request_id = grants.request_id) AS rule_id
      FROM consent.grants
     WHERE user_id = $1 AND root_id IS NULL
     ORDER BY grant_id DESC
     LIMIT $2";

const CHILDREN: &str = "
    -- consent.live_grants_made_from
    SELECT grant_id, user_id, app, details, state, granted_at, expires_at, ancestors, within,
           (SELECT rule_id FROM consent.access_requests r WHERE r.request_id = grants.request_id) AS rule_id
      FROM consent.grants
     WHERE root_id = ANY ($1) AND state = 'live' AND expires_at > $2
     ORDER BY grant_id DESC";

const ONE: &str = "
    -- consent.grant
    SELECT grant_id, user_id, app, details, state, granted_at, expires_at, ancestors, within,
           (SELECT rule_id FROM consent.access_requests r WHERE r.request_id = grants.request_id) AS rule_id
      FROM consent.grants
     WHERE grant_id = $1";

const LIVE_OF: &str = "
    -- consent.live_grants_of_app
    SELECT g.grant_id
      FROM consent.grants g JOIN consent.access_requests r ON r.request_id = g.request_id
     WHERE r.user_id = $1 AND r.app_key = $2 AND g.state = 'live' AND g.expires_at > $3";

const LIVE_AMONG: &str = "
    -- consent.live_grants_among
    SELECT grant_id FROM consent.grants WHERE grant_id = ANY($1) AND state = 'live' AND expires_at > $2";

const LIVE_BY: &str = "
    -- consent.live_grants_by_rule
    SELECT g.details
      FROM consent.grants g JOIN consent.access_requests r ON r.request_id = g.request_id
     WHERE r.rule_id = $1 AND g.state = 'live' AND g.expires_at > $2";

/// When the last of these details ends; of none, long ago.
#[must_use]
pub fn last_expiry(details: &[AuthorizationDetail]) -> Timestamp {
    details
        .iter()
        .map(|detail| detail.expires)
        .max()
        .unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Takes one event in.
///
/// # Errors
/// When the event cannot be read or the database refuses.
pub async fn apply(tx: &Tx, event: &RecordedEvent) -> Result<(), ProjectionError> {
    let Some(change) = event.read::<GrantEvent>()? else {
        return Ok(());
    };
    let id = event.stream_uuid();
    let at = &event.occurred_at;
    match change {
        GrantEvent::Granted {
            user,
            app,
            request,
            details,
        } => {
            granted(tx, event, (user, request), &app, &details).await?;
        }
        GrantEvent::Derived {
            user,
            app,
            ancestors,
            within,
            details,
        } => {
            let above: Vec<Uuid> = ancestors.into_iter().map(GrantId::uuid).collect();
            let (app, stored): (Value, Value) = (json!(app), json!(details));
            let within: Option<Value> = within.map(|within| json!(within));
            let values: [&(dyn ToSql + Sync); 9] = [
                &id,
                &event.tenant.uuid(),
                &user.uuid(),
                &app,
                &stored,
                at,
                &last_expiry(&details),
                &above,
                &within,
            ];
            tx.execute(DERIVED, &values).await?;
        }
        GrantEvent::TokenIssued { .. }
        | GrantEvent::TokenRefreshed { .. }
        | GrantEvent::ShadowLimitsSet { .. }
        | GrantEvent::ShadowLimitsDropped { .. }
        | GrantEvent::ShadowLimitsAdopted { .. } => {}
        GrantEvent::Changed { details } | GrantEvent::Widened { details, .. } => {
            let stored: Value = json!(details);
            tx.execute(CHANGED, &[&id, &stored, &last_expiry(&details), at])
                .await?;
        }
        GrantEvent::Revoked { reason } => {
            tx.execute(REVOKED, &[&id, &reason, at]).await?;
        }
    }
    Ok(())
}

async fn granted(
    tx: &Tx,
    event: &RecordedEvent,
    (user, request): (UserId, RequestId),
    app: &AppIdentity,
    details: &[AuthorizationDetail],
) -> Result<(), ProjectionError> {
    let (id, tenant) = (event.stream_uuid(), event.tenant.uuid());
    let (user, request) = (user.uuid(), request.uuid());
    let (app, stored): (Value, Value) = (json!(app), json!(details));
    let ends = last_expiry(details);
    tx.execute(
        GRANTED,
        &[
            &id,
            &tenant,
            &user,
            &request,
            &app,
            &stored,
            &event.occurred_at,
            &ends,
        ],
    )
    .await?;
    Ok(())
}

/// A person's grants, newest first, those before `before`.
///
/// # Errors
/// When the database refuses or a row cannot be read.
pub async fn of_user(
    tx: &Tx,
    user: UserId,
    before: Option<GrantId>,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<GrantRow>, DatabaseError> {
    let before = before.map(GrantId::uuid);
    let rows = tx.query(OF_USER, &[&user.uuid(), &before, &limit]).await?;
    rows_with_those_above(tx, &rows, now).await
}

/// The grants that a person gave, newest first, then the live ones that were made from these.
///
/// # Errors
/// When the database refuses or a row cannot be read.
pub async fn families_of_user(
    tx: &Tx,
    user: UserId,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<GrantRow>, DatabaseError> {
    let mut rows = tx.query(TOPS, &[&user.uuid(), &limit]).await?;
    let tops: Vec<Uuid> = rows.iter().map(|row| row.get("grant_id")).collect();
    rows.extend(tx.query(CHILDREN, &[&tops, &now]).await?);
    rows_with_those_above(tx, &rows, now).await
}

/// One grant of the transaction's organization.
///
/// # Errors
/// When the database refuses or the row cannot be read.
pub async fn one(tx: &Tx, id: GrantId, now: Timestamp) -> Result<Option<GrantRow>, DatabaseError> {
    let rows = tx.query(ONE, &[&id.uuid()]).await?;
    Ok(rows_with_those_above(tx, &rows, now).await?.pop())
}

/// Reads rows of grants as they come to under those above them.
pub(super) async fn rows_with_those_above(
    tx: &Tx,
    rows: &[Row],
    now: Timestamp,
) -> Result<Vec<GrantRow>, DatabaseError> {
    let own: Vec<Member> = rows.iter().map(member).collect::<Result<_, _>>()?;
    let above = own.iter().flat_map(|member| member.ancestors.clone());
    let above = members(tx, above).await?;
    let ids: Vec<_> = own.iter().map(|member| member.id).collect();
    let mut shadows = shadow::projection::of(tx, &ids).await?;
    let each = rows.iter().zip(&own).map(|(row, own)| {
        let row = GrantRow {
            shadows: shadows.remove(&own.id).unwrap_or_default(),
            ..from_row(row, now)?
        };
        if own.ancestors.is_empty() {
            return Ok(row);
        }
        let line = own.ancestors.iter().rev().filter_map(|id| above.get(id));
        let allowed = allowed(line.chain([own]));
        let expires_at = row.expires_at.min(last_expiry(&allowed.details));
        let ended = row.state == GrantState::Live && expires_at <= now;
        Ok(GrantRow {
            state: if ended {
                GrantState::Expired
            } else {
                row.state
            },
            expires_at,
            details: allowed.details,
            above: allowed.above,
            ..row
        })
    });
    each.collect()
}

/// The live grants that one app has of a person.
///
/// # Errors
/// When the database refuses.
pub async fn live_of(
    tx: &Tx,
    user: UserId,
    key: &AppKey,
    now: Timestamp,
) -> Result<Vec<GrantId>, DatabaseError> {
    let rows = tx
        .query(LIVE_OF, &[&user.uuid(), &key.to_string(), &now])
        .await?;
    Ok(rows
        .iter()
        .map(|row| GrantId::from_uuid(row.get("grant_id")))
        .collect())
}

/// Which of these grants are live.
///
/// # Errors
/// When the database refuses.
pub async fn live_among(
    tx: &Tx,
    grants: &[GrantId],
    now: Timestamp,
) -> Result<Vec<GrantId>, DatabaseError> {
    let grants: Vec<_> = grants.iter().map(|grant| grant.uuid()).collect();
    let rows = tx.query(LIVE_AMONG, &[&grants, &now]).await?;
    Ok(rows
        .iter()
        .map(|row| GrantId::from_uuid(row.get("grant_id")))
        .collect())
}

/// What the live grants of a rule grant, as they stand now.
///
/// # Errors
/// When the database refuses or a row cannot be read.
pub async fn live_by(
    tx: &Tx,
    rule: ApprovalRuleId,
    now: Timestamp,
) -> Result<Vec<Vec<AuthorizationDetail>>, DatabaseError> {
    tx.query(LIVE_BY, &[&rule.uuid(), &now])
        .await?
        .iter()
        .map(|row| {
            serde_json::from_value(row.get("details")).map_err(|_| DatabaseError::Row {
                table: "consent.grants",
                column: "details",
            })
        })
        .collect()
}

fn from_row(row: &Row, now: Timestamp) -> Result<GrantRow, DatabaseError> {
    let unreadable = |column| DatabaseError::Row {
        table: "consent.grants",
        column,
    };
    let expires_at: Timestamp = row.get("expires_at");
    let state = match row.get::<_, &str>("state") {
        "live" if expires_at <= now => GrantState::Expired,
        "live" => GrantState::Live,
        "revoked" => GrantState::Revoked,
        _ => return Err(unreadable("state")),
    };
    Ok(GrantRow {
        id: GrantId::from_uuid(row.get("grant_id")),
        user: UserId::from_uuid(row.get("user_id")),
        app: serde_json::from_value(row.get("app")).map_err(|_| unreadable("app"))?,
        details: serde_json::from_value(row.get("details")).map_err(|_| unreadable("details"))?,
        state,
        granted_at: row.get("granted_at"),
        expires_at,
        rule: row
            .get::<_, Option<uuid::Uuid>>("rule_id")
            .map(ApprovalRuleId::from_uuid),
        above: vec![],
        shadows: vec![],
    })
}
