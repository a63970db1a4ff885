//! Refresh tokens (RFC 6749 section 6): each is used once and gives the next.
//!
//! All that belong to one grant are one family. One that comes a second time was stolen by one of
//! the two who showed it, and nobody can tell by whom: the grant ends, with every token of it
//! (RFC 9700 section 4.14.2).

use std::time::Duration;

use events::GrantType;
use ids::{GrantId, KeyThumbprint, RefreshToken, TenantId, TokenDigest, UserId};
use jiff::Timestamp;
use postgres::{DatabaseError, Scope, Tx};

use super::{
    error::OauthError,
    parameters::Parameters,
    possession, resource,
    token::{Issued, Rooms, invalid_grant, refused},
    unchanged,
};
use crate::{
    access_request::RequestError,
    grant::{Authority, Delivered, GrantError, TokenTerms},
    policy::after,
    projections::TRIES,
    registered_app::AppRow,
    vault::Actor,
};

/// How long an access token lives that can be renewed.
const ACCESS_LIVES: Duration = Duration::from_secs(3_600);
/// How long a refresh token may lie unused; it ends with its grant in any case.
const IDLE: Duration = Duration::from_secs(30 * 86_400);

/// A refresh token, as it was stored.
pub(super) struct StoredRefresh {
    pub tenant: TenantId,
    pub grant: GrantId,
    pub user: UserId,
    pub client_id: String,
    pub expires_at: Timestamp,
    /// The key that whoever uses it must hold.
    pub bound_to: Option<KeyThumbprint>,
    pub used: bool,
}

const ISSUE: &str = "
    -- consent.issue_refresh_token
    INSERT INTO consent.refresh_tokens (digest, tenant_id, grant_id, user_id, client_id, issued_at, expires_at, key_thumbprint)
    VALUES ($1, store.current_tenant(), $2, $3, $4, $5, $6, $7)";

const FIND: &str = "
    -- consent.find_refresh_token
    SELECT tenant_id, grant_id, user_id, client_id, expires_at, used_at, key_thumbprint
      FROM consent.refresh_tokens
     WHERE digest = $1";

const USE: &str = "
    -- consent.use_refresh_token
    UPDATE consent.refresh_tokens SET used_at = $2 WHERE digest = $1 AND used_at IS NULL";

/// What a token of this client is besides its grant: less, if the request asks for less, and
/// shorter, if the client can renew it.
///
/// # Errors
/// `invalid_target` when it names a resource that is none of ours.
pub(super) fn terms<'a>(
    rooms: &Rooms<'_>,
    client: &AppRow,
    parameters: &'a Parameters,
) -> Result<TokenTerms<'a>, OauthError> {
    Ok(TokenTerms {
        narrowing: parameters.get("authorization_details"),
        provider: resource::provider(rooms.vault, parameters)?,
        lives: may_renew(client).then_some(ACCESS_LIVES),
        bound_to: rooms.key,
    })
}

fn may_renew(client: &AppRow) -> bool {
    client.grant_types.contains(&GrantType::RefreshToken)
}

/// The refresh token beside a grant's first access token, if the client may renew it.
///
/// # Errors
/// When none can be made or stored.
pub(super) async fn first(
    tx: &Tx,
    client: &AppRow,
    actor: &Actor,
    delivered: &Delivered,
    now: Timestamp,
) -> Result<Option<RefreshToken>, OauthError> {
    if !may_renew(client) {
        return Ok(None);
    }
    issue(tx, client, actor, delivered, now)
        .await
        .map(Some)
        .map_err(refused)
}

async fn issue(
    tx: &Tx,
    client: &AppRow,
    actor: &Actor,
    delivered: &Delivered,
    now: Timestamp,
) -> Result<RefreshToken, RequestError> {
    let token = RefreshToken::mint().map_err(GrantError::from)?;
    // A client that proves itself may change its key; of another, the key is all that tells it from
    // a thief (RFC 9449 section 5).
    let key = delivered
        .bound_to
        .filter(|_| client.authentication.is_none());
    tx.execute(
        ISSUE,
        &[
            &token.digest().as_bytes().as_slice(),
            &delivered.grant.uuid(),
            &actor.user.uuid(),
            &client.id.to_string(),
            &now,
            &after(now, IDLE),
            &key.as_ref().map(KeyThumbprint::as_str),
        ],
    )
    .await?;
    Ok(token)
}

/// The refresh token of a digest; the transaction holds the digest.
///
/// # Errors
/// When the database refuses or the row cannot be read.
pub(super) async fn find(
    tx: &Tx,
    digest: TokenDigest,
) -> Result<Option<StoredRefresh>, DatabaseError> {
    let row = tx.query_opt(FIND, &[&digest.as_bytes().as_slice()]).await?;
    row.map(|row| {
        let used_at: Option<Timestamp> = row.get("used_at");
        Ok(StoredRefresh {
            tenant: TenantId::from_uuid(row.get("tenant_id")),
            grant: GrantId::from_uuid(row.get("grant_id")),
            user: UserId::from_uuid(row.get("user_id")),
            client_id: row.get("client_id"),
            expires_at: row.get("expires_at"),
            bound_to: possession::stored(&row, "consent.refresh_tokens")?,
            used: used_at.is_some(),
        })
    })
    .transpose()
}

/// Exchanges a refresh token for the next access token and the next refresh token.
///
/// # Errors
/// In the words of RFC 6749 section 5.2. A token that comes twice ends its grant.
pub(super) async fn renew(
    rooms: &Rooms<'_>,
    client: &AppRow,
    parameters: &Parameters,
    request_id: &server::RequestId,
) -> Result<Issued, OauthError> {
    let token = RefreshToken::parse(parameters.required("refresh_token")?)
        .map_err(|_| invalid_grant("the refresh token is not one of ours"))?;
    let digest = token.digest();
    let begin = rooms
        .vault
        .postgres
        .begin("find refresh token", Scope::Holder(digest));
    let tx = begin.await.map_err(|e| OauthError::unavailable(&e))?;
    let stored = find(&tx, digest)
        .await
        .map_err(|e| OauthError::unavailable(&e))?
        .filter(|stored| stored.client_id == client.id.to_string())
        .ok_or_else(|| invalid_grant("the refresh token is not known, or is another client's"))?;
    drop(tx);
    // Before anything else: who cannot show the key renews nothing, and ends nothing either.
    possession::expect(stored.bound_to, rooms.key)?;
    let actor = Actor {
        name: stored.client_id.clone(),
        ..Actor::app(stored.tenant, stored.user, request_id)
    };
    let terms = terms(rooms, client, parameters)?;
    if !stored.used && rooms.vault.clock.now() >= stored.expires_at {
        return Err(invalid_grant("the refresh token has expired"));
    }
    if !stored.used {
        unchanged::check_apart(rooms.vault, client, (stored.tenant, stored.grant)).await?;
        // The person may be changing the grant at this moment.
        for last in (0..TRIES).rev() {
            match rotate(rooms, client, &actor, (digest, stored.grant), terms).await {
                Err(RequestError::Grant(error)) if error.is_conflict() && last > 0 => {}
                Ok(Some(issued)) => return Ok(issued),
                Ok(None) => break,
                Err(error) => return Err(refused(error)),
            }
        }
    }
    rooms
        .grants
        .revoke(
            (&actor, Authority::Owner),
            stored.grant,
            "its refresh token was used twice",
        )
        .await
        .map_err(|e| OauthError::unavailable(&e))?;
    Err(invalid_grant(
        "the refresh token was used before; what was granted is revoked",
    ))
}

/// Uses the token and issues the next; `None` when somebody was first.
async fn rotate(
    rooms: &Rooms<'_>,
    client: &AppRow,
    actor: &Actor,
    (digest, grant): (TokenDigest, GrantId),
    terms: TokenTerms<'_>,
) -> Result<Option<Issued>, RequestError> {
    let (vault, now) = (rooms.vault, rooms.vault.clock.now());
    let tx = vault.begin("renew token", actor.tenant).await?;
    if tx
        .execute(USE, &[&digest.as_bytes().as_slice(), &now])
        .await?
        != 1
    {
        return Ok(None);
    }
    let delivered = rooms.grants.refresh_token(&tx, actor, grant, terms).await?;
    let refresh = issue(&tx, client, actor, &delivered, now).await?;
    tx.commit().await?;
    vault.changed(&[]);
    Ok(Some(Issued {
        delivered,
        refresh: Some(refresh),
    }))
}
