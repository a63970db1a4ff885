//! Device requests at rest.

use std::time::Duration;

use events::RequestedDetail;
use ids::{DeviceCode, RequestId, TenantId, TokenDigest};
use jiff::{SignedDuration, Timestamp};
use postgres::{DatabaseError, Scope, Tx};
use serde_json::{Value, json};

use super::user_code::UserCode;
use crate::{policy::after, registered_app::AppRow, vault::Vault};

/// How long a device request lives, in seconds; once its person was there, as long as their request.
pub(super) const LIVES: u32 = 600;
/// How long a device pauses between two polls at first, in seconds.
pub(super) const PAUSE: i32 = 5;

/// A device request that somebody holds the user code of.
pub(super) struct Entered {
    pub digest: TokenDigest,
    pub client_id: String,
    pub details: Vec<RequestedDetail>,
    /// The access request that it became, if its code was entered before.
    pub request: Option<RequestId>,
}

/// What a poll finds.
pub(super) enum Polled {
    /// It came sooner than it was told to.
    TooSoon,
    /// Its time is over.
    Expired,
    /// Nobody entered its code yet.
    NotEntered,
    /// It became this access request.
    Became(TenantId, RequestId),
}

const MAKE: &str = "
    -- consent.make_device_request
    INSERT INTO consent.device_requests
           (digest, tenant_id, user_code_digest, client_id, details, expires_at, pause_seconds)
    VALUES ($1, store.current_tenant(), $2, $3, $4, $5, $6)";

const BY_USER_CODE: &str = "
    -- consent.device_request_by_user_code
    SELECT digest, client_id, details, request_id
      FROM consent.device_requests
     WHERE user_code_digest = $1 AND expires_at > $2";

const ENTER: &str = "
    -- consent.enter_device_request
    UPDATE consent.device_requests
       SET request_id = coalesce(request_id, $2), expires_at = CASE WHEN request_id IS NULL THEN $3 ELSE expires_at END
     WHERE digest = $1
    RETURNING request_id";

const FIND: &str = "
    -- consent.find_device_request
    SELECT tenant_id FROM consent.device_requests WHERE digest = $1 AND client_id = $2";

const LOCK: &str = "
    -- consent.lock_device_request
    SELECT expires_at, pause_seconds, polled_at, request_id
      FROM consent.device_requests
     WHERE digest = $1
       FOR UPDATE";

const POLLED: &str = "
    -- consent.device_request_polled
    UPDATE consent.device_requests SET polled_at = $2, pause_seconds = $3 WHERE digest = $1";

/// Keeps a new device request.
///
/// # Errors
/// When the database refuses: the user code is another's already, which does not happen in a year.
pub(super) async fn make(
    vault: &Vault,
    client: &AppRow,
    (device, user): (&DeviceCode, &UserCode),
    details: &[RequestedDetail],
) -> Result<(), DatabaseError> {
    let tx = vault.begin("make device request", client.tenant).await?;
    let (digest, user_digest) = (device.digest(), user.digest());
    let details: Value = json!(details);
    let expires_at = after(vault.clock.now(), Duration::from_secs(LIVES.into()));
    tx.execute(
        MAKE,
        &[
            &digest.as_bytes().as_slice(),
            &user_digest.as_bytes().as_slice(),
            &client.id.to_string(),
            &details,
            &expires_at,
            &PAUSE,
        ],
    )
    .await?;
    tx.commit().await
}

/// The device request of a user code, within the organization of the transaction.
///
/// # Errors
/// When the database refuses or the row cannot be read.
pub(super) async fn by_user_code(
    tx: &Tx,
    code: &UserCode,
    now: Timestamp,
) -> Result<Option<Entered>, DatabaseError> {
    let unreadable = |column| DatabaseError::Row {
        table: "consent.device_requests",
        column,
    };
    let digest = code.digest();
    let of = digest.as_bytes().as_slice();
    let Some(row) = tx.query_opt(BY_USER_CODE, &[&of, &now]).await? else {
        return Ok(None);
    };
    let digest = TokenDigest::from_bytes(row.get("digest")).ok_or_else(|| unreadable("digest"))?;
    let details = serde_json::from_value(row.get("details"));
    Ok(Some(Entered {
        digest,
        client_id: row.get("client_id"),
        details: details.map_err(|_| unreadable("details"))?,
        request: row
            .get::<_, Option<uuid::Uuid>>("request_id")
            .map(RequestId::from_uuid),
    }))
}

/// Ties a device request to the access request that its person decides; gives that, or the one it
/// was tied to when another window was first.
///
/// # Errors
/// When the database refuses.
pub(super) async fn enter(
    tx: &Tx,
    digest: TokenDigest,
    request: RequestId,
    until: Timestamp,
) -> Result<RequestId, DatabaseError> {
    let of = digest.as_bytes().as_slice();
    let row = tx.query_one(ENTER, &[&of, &request.uuid(), &until]).await?;
    Ok(RequestId::from_uuid(row.get("request_id")))
}

/// Takes note of a poll; `None` when there is no such device request of this client. One that
/// comes too soon pauses five seconds longer from then on (RFC 8628 section 3.5).
///
/// # Errors
/// When the database refuses.
pub(super) async fn poll(
    vault: &Vault,
    digest: TokenDigest,
    client: &AppRow,
) -> Result<Option<Polled>, DatabaseError> {
    let (now, of) = (vault.clock.now(), digest.as_bytes().as_slice());
    let begin = vault
        .postgres
        .begin("poll device request", Scope::Holder(digest));
    let tx = begin.await?;
    let Some(row) = tx.query_opt(FIND, &[&of, &client.id.to_string()]).await? else {
        return Ok(None);
    };
    let tenant = TenantId::from_uuid(row.get("tenant_id"));
    tx.set_scope(Scope::Tenant(tenant)).await?;
    let Some(row) = tx.query_opt(LOCK, &[&of]).await? else {
        return Ok(None);
    };
    let pause: i32 = row.get("pause_seconds");
    let polled_at: Option<Timestamp> = row.get("polled_at");
    let earliest = polled_at.map(|at| at.saturating_add(SignedDuration::from_secs(pause.into())));
    let too_soon = matches!(earliest, Some(Ok(earliest)) if now < earliest);
    let pause = if too_soon {
        pause.saturating_add(PAUSE)
    } else {
        pause
    };
    tx.execute(POLLED, &[&of, &now, &pause]).await?;
    tx.commit().await?;
    let request: Option<uuid::Uuid> = row.get("request_id");
    Ok(Some(match request {
        _ if now >= row.get::<_, Timestamp>("expires_at") => Polled::Expired,
        _ if too_soon => Polled::TooSoon,
        None => Polled::NotEntered,
        Some(request) => Polled::Became(tenant, RequestId::from_uuid(request)),
    }))
}
