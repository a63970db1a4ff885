//! The one way the answer to an access request goes back.
//!
//! Every request has its own channel and callers are never merged: a token goes only down the
//! connection that asked, or to the holder of the poll secret given on it, or through the
//! redirect of an OAuth client. It goes once.

use events::RequestedDetail;
use ids::{GrantId, KeyThumbprint, RequestId, TenantId, TokenDigest};
use jiff::Timestamp;
use postgres::{DatabaseError, Tx};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_postgres::Row;

/// What the OAuth client sent that its answer needs (RFC 6749 section 4.1.1, RFC 7636 section 4.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OauthChannel {
    /// The client.
    pub client_id: String,
    /// Where the browser goes back to; checked against the registered ones.
    pub redirect_uri: String,
    /// The client's own state, given back as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The S256 challenge.
    pub code_challenge: String,
    /// The key that the code is bound to, if the client named one (RFC 9449 section 10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpop_jkt: Option<KeyThumbprint>,
}

const OPEN: &str = "
    -- consent.open_delivery_channel
    INSERT INTO consent.delivery_channels (request_id, tenant_id, poll_digest, oauth)
    VALUES ($1, $2, $3, $4)";

const BY_POLL_SECRET: &str = "
    -- consent.delivery_channel_by_poll_secret
    SELECT request_id, tenant_id, delivered_at
      FROM consent.delivery_channels
     WHERE poll_digest = $1";

const OAUTH: &str = "
    -- consent.oauth_channel
    SELECT oauth FROM consent.delivery_channels WHERE request_id = $1";

const LEAD_BACK: &str = "
    -- consent.lead_browser_back
    UPDATE consent.delivery_channels
       SET led_back_at = $2
     WHERE request_id = $1 AND oauth IS NOT NULL AND led_back_at IS NULL
    RETURNING oauth";

const TAKE: &str = "
    -- consent.take_delivery_channel
    UPDATE consent.delivery_channels
       SET delivered_at = $2
     WHERE request_id = $1 AND delivered_at IS NULL";

const SAME_OAUTH_REQUEST: &str = "
    -- consent.same_oauth_request
    SELECT c.request_id
      FROM consent.delivery_channels c
      JOIN consent.access_requests r ON r.request_id = c.request_id
     WHERE r.user_id = $1 AND r.state = 'pending' AND r.expires_at > $2 AND c.oauth = $3 AND r.details = $4
       AND r.extends IS NOT DISTINCT FROM $5
     LIMIT 1";

/// Opens the channel of a request.
///
/// # Errors
/// When the database refuses.
pub async fn open(
    tx: &Tx,
    tenant: TenantId,
    request: RequestId,
    poll: Option<TokenDigest>,
    oauth: Option<&OauthChannel>,
) -> Result<(), DatabaseError> {
    let poll = poll.map(|digest| digest.as_bytes().to_vec());
    let oauth: Option<Value> = oauth.map(|channel| json!(channel));
    tx.execute(OPEN, &[&request.uuid(), &tenant.uuid(), &poll, &oauth])
        .await?;
    Ok(())
}

/// Whose request a poll secret belongs to, and whether its answer went out.
///
/// # Errors
/// When the database refuses.
pub async fn by_poll_secret(
    tx: &Tx,
    digest: TokenDigest,
) -> Result<Option<(TenantId, RequestId, bool)>, DatabaseError> {
    let row = tx
        .query_opt(BY_POLL_SECRET, &[&digest.as_bytes().as_slice()])
        .await?;
    Ok(row.map(|row| {
        let delivered: Option<Timestamp> = row.get("delivered_at");
        let tenant = TenantId::from_uuid(row.get("tenant_id"));
        (
            tenant,
            RequestId::from_uuid(row.get("request_id")),
            delivered.is_some(),
        )
    }))
}

/// The OAuth side of a request, if it came that way.
///
/// # Errors
/// When the database refuses or the row cannot be read.
pub async fn oauth(tx: &Tx, request: RequestId) -> Result<Option<OauthChannel>, DatabaseError> {
    oauth_of(tx.query_opt(OAUTH, &[&request.uuid()]).await?)
}

/// The OAuth side of a request whose browser goes back to the app now; `None` when it did before,
/// or the request came another way.
///
/// # Errors
/// When the database refuses or the row cannot be read.
pub async fn lead_back(
    tx: &Tx,
    request: RequestId,
    at: Timestamp,
) -> Result<Option<OauthChannel>, DatabaseError> {
    oauth_of(tx.query_opt(LEAD_BACK, &[&request.uuid(), &at]).await?)
}

fn oauth_of(row: Option<Row>) -> Result<Option<OauthChannel>, DatabaseError> {
    let stored: Option<Value> = row.and_then(|row| row.get("oauth"));
    stored
        .map(serde_json::from_value)
        .transpose()
        .map_err(|_| DatabaseError::Row {
            table: "consent.delivery_channels",
            column: "oauth",
        })
}

/// Takes the channel for the one delivery; false when it was taken before.
///
/// # Errors
/// When the database refuses.
pub async fn take(tx: &Tx, request: RequestId, at: Timestamp) -> Result<bool, DatabaseError> {
    Ok(tx.execute(TAKE, &[&request.uuid(), &at]).await? == 1)
}

/// A pending request of the same person from the very same OAuth request: a reloaded page.
///
/// # Errors
/// When the database refuses.
pub async fn same_oauth_request(
    tx: &Tx,
    user: ids::UserId,
    channel: &OauthChannel,
    (details, extends): (&[RequestedDetail], Option<GrantId>),
    now: Timestamp,
) -> Result<Option<RequestId>, DatabaseError> {
    let (oauth, details): (Value, Value) = (json!(channel), json!(details));
    let (user, extends) = (user.uuid(), extends.map(GrantId::uuid));
    let row = tx
        .query_opt(
            SAME_OAUTH_REQUEST,
            &[&user, &now, &oauth, &details, &extends],
        )
        .await?;
    Ok(row.map(|row| RequestId::from_uuid(row.get("request_id"))))
}
