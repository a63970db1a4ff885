//! `auth.sso_attempts`: sign-ins on their way to an identity provider and back.

use ids::{ConnectionId, TenantId, TokenDigest};
use jiff::{SignedDuration, Timestamp};
use openidconnect::{CsrfToken, Nonce, PkceCodeVerifier};
use postgres::{DatabaseError, Tx};
use server::ReturnPath;

/// How long a person may take at their identity provider.
pub const LIFETIME: SignedDuration = SignedDuration::from_mins(10);

/// What is written down when somebody is sent to their identity provider.
pub struct Attempt<'a> {
    /// Into which organization.
    pub tenant: TenantId,
    /// Through which connection.
    pub connection: ConnectionId,
    /// Comes back with the browser; only its digest is kept.
    pub state: &'a CsrfToken,
    /// In which browser.
    pub browser: TokenDigest,
    /// Comes back in the ID token.
    pub nonce: &'a Nonce,
    /// Proves at the token endpoint that we are who asked (RFC 7636).
    pub verifier: &'a PkceCodeVerifier,
    /// Where to go afterwards.
    pub next: &'a ReturnPath,
}

/// An attempt that came back.
pub struct Returned {
    /// Into which organization.
    pub tenant: TenantId,
    /// Through which connection.
    pub connection: ConnectionId,
    /// In which browser it began.
    pub browser: Option<TokenDigest>,
    /// What the ID token must hold.
    pub nonce: Nonce,
    /// For the token endpoint.
    pub verifier: PkceCodeVerifier,
    /// Where to go afterwards.
    pub next: ReturnPath,
    expires_at: Timestamp,
}

impl Returned {
    /// Whether it came back in time.
    #[must_use]
    pub fn is_in_time(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }
}

const BEGIN: &str = "
    -- auth.begin_sso_attempt
    INSERT INTO auth.sso_attempts
           (digest, tenant_id, connection_id, browser_digest, nonce, verifier, next, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

const FORGET: &str = "
    -- auth.forget_sso_attempts
    DELETE FROM auth.sso_attempts WHERE expires_at < $1";

const TENANT_OF: &str = "
    -- auth.tenant_of_sso_attempt
    SELECT tenant_id FROM auth.sso_attempts WHERE digest = $1";

const TAKE: &str = "
    -- auth.take_sso_attempt
    DELETE FROM auth.sso_attempts
     WHERE digest = $1
 RETURNING tenant_id, connection_id, browser_digest, nonce, verifier, next, expires_at";

/// Writes an attempt down, and forgets those of the organization that never came back.
///
/// # Errors
/// When the database refuses.
pub async fn begin(tx: &Tx, attempt: &Attempt<'_>, now: Timestamp) -> Result<(), DatabaseError> {
    tx.execute(FORGET, &[&now]).await?;
    let digest = TokenDigest::of(attempt.state.secret());
    tx.execute(
        BEGIN,
        &[
            &digest.as_bytes().as_slice(),
            &attempt.tenant.uuid(),
            &attempt.connection.uuid(),
            &attempt.browser.as_bytes().as_slice(),
            &attempt.nonce.secret(),
            &attempt.verifier.secret(),
            &attempt.next.as_str(),
            &now.saturating_add(LIFETIME).unwrap_or(Timestamp::MAX),
        ],
    )
    .await?;
    Ok(())
}

/// Whose attempt it is, in a transaction that holds the digest of its state.
///
/// # Errors
/// When the database refuses.
pub async fn tenant_of(tx: &Tx, digest: TokenDigest) -> Result<Option<TenantId>, DatabaseError> {
    let row = tx
        .query_opt(TENANT_OF, &[&digest.as_bytes().as_slice()])
        .await?;
    Ok(row.map(|row| TenantId::from_uuid(row.get("tenant_id"))))
}

/// Takes an attempt out: a state is good for one return.
///
/// # Errors
/// When the database refuses.
pub async fn take(tx: &Tx, digest: TokenDigest) -> Result<Option<Returned>, DatabaseError> {
    let row = tx.query_opt(TAKE, &[&digest.as_bytes().as_slice()]).await?;
    Ok(row.map(|row| {
        let next: &str = row.get("next");
        Returned {
            tenant: TenantId::from_uuid(row.get("tenant_id")),
            connection: ConnectionId::from_uuid(row.get("connection_id")),
            browser: TokenDigest::from_bytes(row.get("browser_digest")),
            nonce: Nonce::new(row.get("nonce")),
            verifier: PkceCodeVerifier::new(row.get("verifier")),
            next: next.parse().unwrap_or_else(|_| ReturnPath::home()),
            expires_at: row.get("expires_at"),
        }
    }))
}
