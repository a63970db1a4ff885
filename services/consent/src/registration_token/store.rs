//! Making, listing, ending and spending registration tokens.

use std::time::Duration;

use ids::{NoRandomness, RegistrationToken, RegistrationTokenId, TenantId};
use jiff::Timestamp;
use postgres::{DatabaseError, Scope, Tx};

use crate::{
    policy::after,
    vault::{Actor, Vault, one_at_a_time},
};

/// The most tokens of one organization that may still be used.
const MOST_TOKENS: usize = 50;
/// How many tokens are listed.
const LISTED: i64 = 100;

/// The registration tokens of an organization.
#[derive(Clone)]
pub struct RegistrationTokens(Vault);

/// A registration token as administrators see it: never the token itself.
#[derive(Debug, Clone)]
pub struct TokenRow {
    /// Its id.
    pub id: RegistrationTokenId,
    /// What it is for, in its maker's words.
    pub label: String,
    /// Since when.
    pub made_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
    /// How many apps may still register with it.
    pub registrations_left: i32,
    /// When somebody ended it.
    pub ended_at: Option<Timestamp>,
}

/// A token that was just made.
pub struct MadeToken {
    /// Its id.
    pub id: RegistrationTokenId,
    /// The token, to be shown this once.
    pub token: RegistrationToken,
    /// Until when.
    pub expires_at: Timestamp,
}

/// Why no token was made or ended.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// There is no such token.
    #[error("there is no such registration token")]
    Unknown,
    /// The organization has as many as one may have.
    #[error("an organization has at most {MOST_TOKENS} registration tokens; end one first")]
    TooMany,
    /// No token could be made.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The database refused.
    #[error("the database refused")]
    Database(#[from] DatabaseError),
}

const MAKE: &str = "
    -- consent.make_registration_token
    INSERT INTO consent.registration_tokens
           (token_id, tenant_id, digest, label, made_by, made_at, expires_at, registrations_left)
    VALUES ($1, store.current_tenant(), $2, $3, $4, $5, $6, $7)";

const LIST: &str = "
    -- consent.registration_tokens_of_tenant
    SELECT token_id, label, made_at, expires_at, registrations_left, ended_at
      FROM consent.registration_tokens
     ORDER BY made_at DESC
     LIMIT $1";

const END: &str = "
    -- consent.end_registration_token
    UPDATE consent.registration_tokens SET ended_at = coalesce(ended_at, $2) WHERE token_id = $1";

const WHOSE: &str = "
    -- consent.whose_registration_token
    SELECT tenant_id FROM consent.registration_tokens WHERE digest = $1";

const SPEND: &str = "
    -- consent.spend_registration_token
    UPDATE consent.registration_tokens SET registrations_left = registrations_left - 1
     WHERE digest = $1 AND ended_at IS NULL AND expires_at > $2 AND registrations_left > 0
    RETURNING token_id";

impl RegistrationTokens {
    /// The registration tokens of this vault.
    #[must_use]
    pub const fn new(vault: Vault) -> Self {
        Self(vault)
    }

    /// Makes a token for so many registrations within so many days.
    ///
    /// # Errors
    /// When the organization has too many or the database refuses.
    pub async fn make(
        &self,
        actor: &Actor,
        label: &str,
        (days, registrations): (u16, u16),
    ) -> Result<MadeToken, TokenError> {
        let now = self.0.clock.now();
        let (id, token) = (RegistrationTokenId::new(now), RegistrationToken::mint()?);
        let expires_at = after(now, Duration::from_secs(u64::from(days) * 86_400));
        let tx = self
            .0
            .begin("make registration token", actor.tenant)
            .await?;
        one_at_a_time(&tx, actor.user).await?;
        let usable = list(&tx).await?;
        if usable.iter().filter(|row| row.is_usable(now)).count() >= MOST_TOKENS {
            return Err(TokenError::TooMany);
        }
        tx.execute(
            MAKE,
            &[
                &id.uuid(),
                &token.digest().as_bytes().as_slice(),
                &label,
                &actor.user.uuid(),
                &now,
                &expires_at,
                &i32::from(registrations),
            ],
        )
        .await?;
        tx.commit().await?;
        tracing::info!(token.id = %id, actor = %actor.name, "a registration token was made");
        Ok(MadeToken {
            id,
            token,
            expires_at,
        })
    }

    /// The organization's tokens, newest first, those that are spent or ended too.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn of(&self, tenant: TenantId) -> Result<Vec<TokenRow>, DatabaseError> {
        let tx = self.0.begin("list registration tokens", tenant).await?;
        let rows = list(&tx).await?;
        tx.commit().await?;
        Ok(rows)
    }

    /// Ends a token. The apps that were registered with it stay.
    ///
    /// # Errors
    /// When there is no such token or the database refuses.
    pub async fn end(&self, actor: &Actor, id: RegistrationTokenId) -> Result<(), TokenError> {
        let tx = self.0.begin("end registration token", actor.tenant).await?;
        if tx.execute(END, &[&id.uuid(), &self.0.clock.now()]).await? == 0 {
            return Err(TokenError::Unknown);
        }
        tx.commit().await?;
        tracing::info!(token.id = %id, actor = %actor.name, "a registration token was ended");
        Ok(())
    }
}

impl TokenRow {
    /// Whether an app may still register with it.
    #[must_use]
    pub fn is_usable(&self, now: Timestamp) -> bool {
        self.ended_at.is_none() && now < self.expires_at && self.registrations_left > 0
    }
}

async fn list(tx: &Tx) -> Result<Vec<TokenRow>, DatabaseError> {
    let rows = tx.query(LIST, &[&LISTED]).await?;
    let row = |row: &tokio_postgres::Row| TokenRow {
        id: RegistrationTokenId::from_uuid(row.get("token_id")),
        label: row.get("label"),
        made_at: row.get("made_at"),
        expires_at: row.get("expires_at"),
        registrations_left: row.get("registrations_left"),
        ended_at: row.get("ended_at"),
    };
    Ok(rows.iter().map(row).collect())
}

/// Spends one registration of a token; from here on the transaction is its organization's.
/// `None` when it is unknown, spent, expired or ended.
///
/// # Errors
/// When the database refuses.
pub async fn spend(
    tx: &Tx,
    token: &RegistrationToken,
    now: Timestamp,
) -> Result<Option<TenantId>, DatabaseError> {
    let digest = token.digest();
    let of = digest.as_bytes().as_slice();
    tx.set_scope(Scope::Holder(digest)).await?;
    let Some(row) = tx.query_opt(WHOSE, &[&of]).await? else {
        return Ok(None);
    };
    let tenant = TenantId::from_uuid(row.get("tenant_id"));
    tx.set_scope(Scope::Tenant(tenant)).await?;
    let spent = tx.query_opt(SPEND, &[&of, &now]).await?;
    Ok(spent.map(|_| tenant))
}
