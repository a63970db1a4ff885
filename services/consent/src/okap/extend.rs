//! More for a grant that an app has already: it asks with the token of that grant as its bearer.
//!
//! The token says whose vault is asked, which grant is meant and who asks; what the body says about
//! the app counts for nothing then. Only a token that can do all that its grant can asks so: a
//! narrowed one would come back with more than it was given.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode};
use ids::{OkapToken, TenantId, TokenDigest, UserId};
use jiff::Timestamp;
use postgres::{DatabaseError, Scope};

use super::{answer, asked::Asked, knock::credential};
use crate::{
    access_request::{RequestError, details::InvalidDetails},
    address::Whose,
    grant::{GrantRow, GrantState, projection, step_up},
    vault::Vault,
};

/// Before every OKAP token.
const PREFIX: &str = "okap_";

/// The grant whose token an app asks with.
pub struct Presented {
    /// Whose vault is asked.
    pub whose: Whose,
    grant: GrantRow,
}

/// Why a token is no good to ask with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No grant has it.
    Invalid,
    /// Its grant has ended, or it has.
    Ended,
    /// It is less than its grant.
    Narrowed,
    /// Its grant is an OAuth client's.
    Oauth,
}

impl Refusal {
    /// The answer to the app.
    pub fn response(self) -> HttpResponse {
        let (status, kind, message) = match self {
            Self::Invalid => (
                StatusCode::UNAUTHORIZED,
                "token_invalid",
                "this token is not valid; leave it out and ask at an address of the vault",
            ),
            Self::Ended => (
                StatusCode::UNAUTHORIZED,
                "token_revoked",
                "the grant of this token has ended; leave the token out and ask at an address of \
                 the vault",
            ),
            Self::Narrowed => (
                StatusCode::FORBIDDEN,
                "token_narrowed",
                "this token is less than its grant; ask with one that is not narrowed",
            ),
            Self::Oauth => (
                StatusCode::FORBIDDEN,
                "oauth_required",
                "this grant is an OAuth client's: send the person to /oauth/authorize with \
                 grant_management_action=merge and grant_id",
            ),
        };
        answer::refused(status, kind, message.to_owned(), None)
    }
}

const BY_TOKEN: &str = "
    -- consent.grant_to_extend
    SELECT tenant_id, user_id, grant_id, expires_at, closed_at, narrowed IS NOT NULL AS narrowed,
           app->>'app' AS client_id
      FROM consent.grant_access
     WHERE token_digest = $1";

/// The grant of the token that a request is made with; `None` when it is made with none.
///
/// # Errors
/// When the database refuses.
pub async fn presented(
    vault: &Vault,
    request: &HttpRequest,
) -> Result<Option<Result<Presented, Refusal>>, RequestError> {
    let Some(text) = credential(request, "Bearer").filter(|text| text.starts_with(PREFIX)) else {
        return Ok(None);
    };
    let Ok(token) = OkapToken::parse(text) else {
        return Ok(Some(Err(Refusal::Invalid)));
    };
    Ok(Some(found(vault, token.digest()).await?))
}

async fn found(
    vault: &Vault,
    digest: TokenDigest,
) -> Result<Result<Presented, Refusal>, DatabaseError> {
    let tx = vault
        .postgres
        .begin("find grant to extend", Scope::Holder(digest))
        .await?;
    let row = tx
        .query_opt(BY_TOKEN, &[&digest.as_bytes().as_slice()])
        .await?;
    let Some(row) = row else {
        return Ok(Err(Refusal::Invalid));
    };
    let whose = Whose {
        tenant: TenantId::from_uuid(row.get("tenant_id")),
        user: UserId::from_uuid(row.get("user_id")),
    };
    let now = vault.clock.now();
    let (ends, closed): (Timestamp, Option<Timestamp>) =
        (row.get("expires_at"), row.get("closed_at"));
    if closed.is_some() || now >= ends {
        return Ok(Err(Refusal::Ended));
    }
    if row.get::<_, Option<&str>>("client_id").is_some() {
        return Ok(Err(Refusal::Oauth));
    }
    if row.get("narrowed") {
        return Ok(Err(Refusal::Narrowed));
    }
    tx.set_scope(Scope::Tenant(whose.tenant)).await?;
    let id = ids::GrantId::from_uuid(row.get("grant_id"));
    let grant = projection::one(&tx, id, now).await?;
    tx.commit().await?;
    if grant.as_ref().is_some_and(|grant| !grant.above.is_empty()) {
        // A child is as much less than its parent as a narrowed token is.
        return Ok(Err(Refusal::Narrowed));
    }
    Ok(grant
        .filter(|grant| grant.state == GrantState::Live)
        .map(|grant| Presented { whose, grant })
        .ok_or(Refusal::Ended))
}

/// What is asked, in the light of the grant that it is asked with.
///
/// # Errors
/// When the grant would have too many providers.
pub fn asked(presented: Option<&Presented>, asked: Asked) -> Result<Asked, InvalidDetails> {
    let Some(Presented { grant, .. }) = presented else {
        return Ok(asked);
    };
    Ok(Asked {
        app: grant.app.clone(),
        details: step_up::asked_of(&grant.details, asked.details, &asked.named)?,
        extends: Some(grant.id),
        ..asked
    })
}
