//! `auth.sign_in_links`: one-time links, of which only digests are kept.

use ids::{NoRandomness, SignInLink, TenantId, TokenDigest, UserId};
use jiff::{SignedDuration, Timestamp};
use postgres::{DatabaseError, Tx};

/// How long a link works.
pub const LIFETIME: SignedDuration = SignedDuration::from_mins(15);

/// Old links are forgotten this much later, so that for a while they are known to be old.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);

/// What is known of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkRow {
    /// Whose organization it leads into.
    pub tenant: TenantId,
    /// Whom it signs in.
    pub user: UserId,
    expires_at: Timestamp,
    used: bool,
}

/// Why a link was not made.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// No secret could be made.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The database refused.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl LinkRow {
    /// Whether it still works.
    #[must_use]
    pub fn works(&self, now: Timestamp) -> bool {
        !self.used && now < self.expires_at
    }
}

const ISSUE: &str = "
    -- auth.issue_sign_in_link
    INSERT INTO auth.sign_in_links (digest, tenant_id, user_id, expires_at) VALUES ($1, $2, $3, $4)";

const FIND: &str = "
    -- auth.find_sign_in_link
    SELECT tenant_id, user_id, expires_at, used_at IS NOT NULL AS used
      FROM auth.sign_in_links
     WHERE digest = $1";

const USE: &str = "
    -- auth.use_sign_in_link
    UPDATE auth.sign_in_links
       SET used_at = $2
     WHERE digest = $1
       AND used_at IS NULL
       AND expires_at > $2";

const FORGET: &str = "
    -- auth.forget_sign_in_links
    DELETE FROM auth.sign_in_links WHERE expires_at < $1";

/// Makes a link for a member, in a transaction of their organization.
///
/// # Errors
/// When the database refuses or no randomness is to be had.
pub async fn issue(
    tx: &Tx,
    tenant: TenantId,
    user: UserId,
    now: Timestamp,
) -> Result<SignInLink, LinkError> {
    let link = SignInLink::mint()?;
    let long_ago = now.saturating_sub(REMEMBERED).unwrap_or(Timestamp::MIN);
    tx.execute(FORGET, &[&long_ago]).await?;
    let digest = link.digest();
    let digest = digest.as_bytes().as_slice();
    let expires_at = now.saturating_add(LIFETIME).unwrap_or(Timestamp::MAX);
    tx.execute(ISSUE, &[&digest, &tenant.uuid(), &user.uuid(), &expires_at])
        .await?;
    Ok(link)
}

/// What is known of a link, in a transaction that holds its digest.
///
/// # Errors
/// When the database refuses.
pub async fn find(tx: &Tx, digest: TokenDigest) -> Result<Option<LinkRow>, DatabaseError> {
    let row = tx.query_opt(FIND, &[&digest.as_bytes().as_slice()]).await?;
    Ok(row.map(|row| LinkRow {
        tenant: TenantId::from_uuid(row.get("tenant_id")),
        user: UserId::from_uuid(row.get("user_id")),
        expires_at: row.get("expires_at"),
        used: row.get("used"),
    }))
}

/// Uses a link up, in a transaction of its organization; true for exactly one caller.
///
/// # Errors
/// When the database refuses.
pub async fn use_up(tx: &Tx, digest: TokenDigest, now: Timestamp) -> Result<bool, DatabaseError> {
    Ok(tx
        .execute(USE, &[&digest.as_bytes().as_slice(), &now])
        .await?
        == 1)
}
