//! The tokens people give to their own programs: `auth.api_tokens`.

use ids::{ApiToken, ApiTokenId, TenantId, TokenDigest, UserId};
use jiff::Timestamp;
use postgres::{DatabaseError, Scope, Tx};
use tokio_postgres::Row;

use crate::{
    role::Role,
    sessions::{SessionError, Sessions, column, role_of},
    signed_in::{SignedIn, Via},
};

/// What an API token is issued for.
#[derive(Debug, Clone)]
pub struct ApiTokenRecord {
    pub tenant: TenantId,
    pub user: UserId,
    /// At most what the person has; see [`Role::covers`].
    pub role: Role,
    /// What the person calls it.
    pub label: String,
    pub expires_at: Timestamp,
}

/// A token just issued: the only moment it is known.
pub struct IssuedApiToken {
    pub id: ApiTokenId,
    /// Shown once, to its owner.
    pub token: ApiToken,
}

/// A token as its owner sees it later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiTokenSummary {
    pub id: ApiTokenId,
    pub role: Role,
    pub label: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

const TOKENS: &str = "auth.api_tokens";
/// More tokens of one person than anybody looks at.
const MOST_LISTED: i64 = 200;

const ISSUE_TOKEN: &str = "
    -- auth.issue_api_token
    INSERT INTO auth.api_tokens
           (digest, id, tenant_id, user_id, role, label, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

const FIND_TOKEN: &str = "
    -- auth.find_api_token
    SELECT id, tenant_id, user_id, role, label
      FROM auth.api_tokens
     WHERE digest = $1
       AND revoked_at IS NULL
       AND expires_at > $2";

const TOKENS_OF: &str = "
    -- auth.api_tokens_of
    SELECT id, role, label, created_at, expires_at, revoked_at
      FROM auth.api_tokens
     WHERE user_id = $1
     ORDER BY created_at DESC, id DESC
     LIMIT $2";

const REVOKE_TOKEN: &str = "
    -- auth.revoke_api_token
    UPDATE auth.api_tokens
       SET revoked_at = $3
     WHERE id = $1
       AND user_id = $2
       AND revoked_at IS NULL";

const REVOKE_TOKENS_OF: &str = "
    -- auth.revoke_api_tokens_of
    UPDATE auth.api_tokens SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL";

impl Sessions {
    /// Issues a token, in a transaction of the person's own organization.
    ///
    /// # Errors
    /// When the database refuses or no randomness is to be had.
    pub async fn issue_api_token(
        &self,
        tx: &Tx,
        record: &ApiTokenRecord,
    ) -> Result<IssuedApiToken, SessionError> {
        let now = self.clock.now();
        let issued = IssuedApiToken {
            id: ApiTokenId::new(now),
            token: ApiToken::mint()?,
        };
        tx.execute(
            ISSUE_TOKEN,
            &[
                &issued.token.digest().as_bytes().as_slice(),
                &issued.id.uuid(),
                &record.tenant.uuid(),
                &record.user.uuid(),
                &record.role.as_str(),
                &record.label,
                &now,
                &record.expires_at,
            ],
        )
        .await?;
        Ok(issued)
    }

    /// The person whose live token this is.
    ///
    /// # Errors
    /// When the database is not reached or a row cannot be read.
    pub async fn find_api_token(
        &self,
        digest: TokenDigest,
    ) -> Result<Option<SignedIn>, SessionError> {
        let tx = self
            .postgres
            .begin("find api token", Scope::Holder(digest))
            .await?;
        let row = tx
            .query_opt(
                FIND_TOKEN,
                &[&digest.as_bytes().as_slice(), &self.clock.now()],
            )
            .await?;
        tx.commit().await?;
        Ok(row.as_ref().map(person_of).transpose()?)
    }

    /// The newest tokens of one person, revoked and expired ones included.
    ///
    /// # Errors
    /// When the database is not reached or a row cannot be read.
    pub async fn api_tokens_of(
        &self,
        tx: &Tx,
        user: UserId,
    ) -> Result<Vec<ApiTokenSummary>, SessionError> {
        let rows = tx.query(TOKENS_OF, &[&user.uuid(), &MOST_LISTED]).await?;
        Ok(rows.iter().map(summary_of).collect::<Result<_, _>>()?)
    }

    /// Revokes a token of this person; true when it was live.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn revoke_api_token(
        &self,
        tx: &Tx,
        user: UserId,
        id: ApiTokenId,
    ) -> Result<bool, SessionError> {
        let now = self.clock.now();
        Ok(tx
            .execute(REVOKE_TOKEN, &[&id.uuid(), &user.uuid(), &now])
            .await?
            > 0)
    }

    /// Revokes every token of a person, as when they are removed or their role changes.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn revoke_api_tokens_of(&self, tx: &Tx, user: UserId) -> Result<u64, SessionError> {
        Ok(tx
            .execute(REVOKE_TOKENS_OF, &[&user.uuid(), &self.clock.now()])
            .await?)
    }
}

fn person_of(row: &Row) -> Result<SignedIn, DatabaseError> {
    Ok(SignedIn {
        tenant: TenantId::from_uuid(column(row, TOKENS, "tenant_id")?),
        user: UserId::from_uuid(column(row, TOKENS, "user_id")?),
        role: role_of(row, TOKENS)?,
        name: column(row, TOKENS, "label")?,
        via: Via::ApiToken {
            id: ApiTokenId::from_uuid(column(row, TOKENS, "id")?),
        },
    })
}

fn summary_of(row: &Row) -> Result<ApiTokenSummary, DatabaseError> {
    Ok(ApiTokenSummary {
        id: ApiTokenId::from_uuid(column(row, TOKENS, "id")?),
        role: role_of(row, TOKENS)?,
        label: column(row, TOKENS, "label")?,
        created_at: column(row, TOKENS, "created_at")?,
        expires_at: column(row, TOKENS, "expires_at")?,
        revoked_at: column(row, TOKENS, "revoked_at")?,
    })
}
