//! A code becomes the grant's first token (RFC 6749 section 4.1.3).

use ids::{AuthorizationCode, UserId};
use postgres::Scope;

use super::{
    code::{self, StoredCode},
    error::OauthError,
    parameters::Parameters,
    pkce, possession, refresh,
    token::{Issued, Rooms, invalid_grant, refused},
    unchanged,
};
use crate::{
    access_request::projection,
    grant::Authority,
    registered_app::{AppRow, is_registered},
    vault::Actor,
};

/// Exchanges an authorization code for a token, and the means to renew it if the client has that
/// grant type.
///
/// # Errors
/// In the words of RFC 6749 section 5.2. A code that comes twice takes what it gave along.
pub(super) async fn redeem(
    rooms: &Rooms<'_>,
    client: &AppRow,
    parameters: &Parameters,
    request_id: &server::RequestId,
) -> Result<Issued, OauthError> {
    let (code_text, verifier) = (
        parameters.required("code")?,
        parameters.required("code_verifier")?,
    );
    let redirect_uri = parameters.required("redirect_uri")?;
    let client_id = client.id.to_string();
    let vault = rooms.vault;
    if !pkce::is_verifier(verifier) {
        return Err(OauthError::new(
            "invalid_request",
            "code_verifier must be 43 to 128 unreserved characters",
        ));
    }
    let code = AuthorizationCode::parse(code_text)
        .map_err(|_| invalid_grant("the code is not one of ours"))?;
    let digest = code.digest();
    let now = vault.clock.now();

    let tx = vault
        .postgres
        .begin("redeem code", Scope::Holder(digest))
        .await
        .map_err(|e| OauthError::unavailable(&e))?;
    let stored = code::find(&tx, digest)
        .await
        .map_err(|e| OauthError::unavailable(&e))?;
    let stored = stored.ok_or_else(|| invalid_grant("the code is not known"))?;
    if stored.client_id != client_id || stored.redirect_uri != redirect_uri {
        return Err(invalid_grant(
            "the code was given to another client or redirect_uri",
        ));
    }
    // An administrator may have taken the redirect URI from the app since its browser was sent there.
    // Every later request is checked against the new ones where it comes in, pushed ones when their
    // browser comes; a request that is undecided keeps its way back, and the code that it ends in is
    // refused here. So nothing that is under way has to be looked for and ended when an app changes.
    if !is_registered(&client.redirect_uris, &stored.redirect_uri) {
        return Err(invalid_grant(
            "the code was sent to an address that is no redirect_uri of the app any more",
        ));
    }
    if !pkce::matches(verifier, &stored.code_challenge) {
        return Err(invalid_grant("code_verifier does not match the challenge"));
    }
    possession::expect(stored.bound_to, rooms.key)?;
    if !stored.used && now >= stored.expires_at {
        return Err(invalid_grant("the code has expired"));
    }
    tx.set_scope(Scope::Tenant(stored.tenant))
        .await
        .map_err(|e| OauthError::unavailable(&e))?;
    let user = owner(&tx, &stored).await?;
    let actor = Actor {
        name: client_id.clone(),
        ..Actor::app(stored.tenant, user, request_id)
    };
    if stored.used
        || !code::redeem(&tx, digest, now)
            .await
            .map_err(|e| OauthError::unavailable(&e))?
    {
        drop(tx);
        // A code that comes twice was stolen by one of the two: neither keeps the token
        // (RFC 6749 section 4.1.2).
        rooms
            .grants
            .revoke(
                (&actor, Authority::Owner),
                stored.grant,
                "its authorization code was used twice",
            )
            .await
            .map_err(|e| OauthError::unavailable(&e))?;
        return Err(invalid_grant(
            "the code was used before; what it gave is revoked",
        ));
    }
    unchanged::check(&tx, client, stored.grant, now).await?;
    let terms = refresh::terms(rooms, client, parameters)?;
    let delivered = rooms
        .requests
        .deliver_under(&tx, &actor, stored.request, terms)
        .await
        .map_err(refused)?;
    let refresh = refresh::first(&tx, client, &actor, &delivered, now).await?;
    tx.commit().await.map_err(|e| OauthError::unavailable(&e))?;
    vault.changed(&[]);
    Ok(Issued { delivered, refresh })
}

async fn owner(tx: &postgres::Tx, stored: &StoredCode) -> Result<UserId, OauthError> {
    let row = projection::one(tx, stored.request)
        .await
        .map_err(|e| OauthError::unavailable(&e))?;
    row.map(|row| row.user)
        .ok_or_else(|| OauthError::new("invalid_grant", "the code is not known"))
}
