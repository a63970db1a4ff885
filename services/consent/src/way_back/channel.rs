//! The ways back in `consent.delivery_channels`. A code is here as its digest only.

use ids::{AuthorizationCode, RequestId, TokenDigest, UserId};
use jiff::Timestamp;
use postgres::{DatabaseError, Tx};
use tokio_postgres::Row;

use super::{Callback, Channel, Opener};

const KEEP: &str = "
    -- consent.keep_way_back
    UPDATE consent.delivery_channels SET callback = $2, opener = $3 WHERE request_id = $1";

const READ: &str = "
    -- consent.way_back
    SELECT callback, opener FROM consent.delivery_channels WHERE request_id = $1";

const ISSUE: &str = "
    -- consent.issue_callback_code
    UPDATE consent.delivery_channels
       SET code_digest = $2, code_expires_at = $3
     WHERE request_id = $1 AND callback IS NOT NULL AND code_digest IS NULL AND delivered_at IS NULL";

const FITS: &str = "
    -- consent.callback_code_fits
    SELECT EXISTS (SELECT 1 FROM consent.delivery_channels
                    WHERE request_id = $1 AND code_digest = $2 AND code_expires_at > $3
                      AND delivered_at IS NULL) AS fits";

const LAPSED: &str = "
    -- consent.callback_code_lapsed
    SELECT EXISTS (SELECT 1 FROM consent.delivery_channels
                    WHERE request_id = $1 AND code_expires_at <= $2) AS lapsed";

const WAITING_FOR: &str = "
    -- consent.waiting_for_opener
    SELECT c.request_id
      FROM consent.delivery_channels c
      JOIN consent.access_requests r ON r.request_id = c.request_id
     WHERE r.user_id = $1 AND r.state = 'pending' AND c.opener = $2";

/// What pages of this origin asked a person that nobody has decided.
pub(super) async fn waiting_for(
    tx: &Tx,
    user: UserId,
    opener: &Opener,
) -> Result<Vec<RequestId>, DatabaseError> {
    let rows = tx
        .query(WAITING_FOR, &[&user.uuid(), &opener.as_str()])
        .await?;
    Ok(rows
        .iter()
        .map(|row| RequestId::from_uuid(row.get("request_id")))
        .collect())
}

/// Keeps the way back of a request whose channel was just opened.
pub(super) async fn keep(
    tx: &Tx,
    request: RequestId,
    channel: &Channel,
) -> Result<(), DatabaseError> {
    let (callback, opener) = match channel {
        Channel::Callback(callback) => (Some(callback.as_str()), None),
        Channel::Opener(opener) => (None, Some(opener.as_str())),
    };
    tx.execute(KEEP, &[&request.uuid(), &callback, &opener])
        .await
        .map(drop)
}

/// The way back of a request, if it has one of these.
pub(super) async fn read(tx: &Tx, request: RequestId) -> Result<Option<Channel>, DatabaseError> {
    match tx.query_opt(READ, &[&request.uuid()]).await? {
        Some(row) => of_row(&row),
        None => Ok(None),
    }
}

fn of_row(row: &Row) -> Result<Option<Channel>, DatabaseError> {
    let unreadable = |column| DatabaseError::Row {
        table: "consent.delivery_channels",
        column,
    };
    let (callback, opener): (Option<&str>, Option<&str>) = (row.get("callback"), row.get("opener"));
    if let Some(text) = callback {
        let callback = Callback::parse(text).map_err(|_| unreadable("callback"))?;
        return Ok(Some(Channel::Callback(callback)));
    }
    opener
        .map(|text| Opener::parse(text).map(Channel::Opener))
        .transpose()
        .map_err(|_| unreadable("opener"))
}

/// Keeps the digest of a request's code; false when it has one, or its answer went out.
pub(super) async fn issue(
    tx: &Tx,
    request: RequestId,
    code: &AuthorizationCode,
    expires_at: Timestamp,
) -> Result<bool, DatabaseError> {
    let digest = code.digest();
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
        [&request.uuid(), &digest.as_bytes().as_slice(), &expires_at];
    Ok(tx.execute(ISSUE, &parameters).await? == 1)
}

/// Whether this is the code of a request, in time, and its answer is still here.
pub(super) async fn fits(
    tx: &Tx,
    request: RequestId,
    code: TokenDigest,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let row = tx
        .query_one(FITS, &[&request.uuid(), &code.as_bytes().as_slice(), &now])
        .await?;
    Ok(row.get("fits"))
}

/// Whether a request has a code whose time is over.
pub(super) async fn lapsed(
    tx: &Tx,
    request: RequestId,
    now: Timestamp,
) -> Result<bool, DatabaseError> {
    let row = tx.query_one(LAPSED, &[&request.uuid(), &now]).await?;
    Ok(row.get("lapsed"))
}
