//! The sessions of signed-in browsers: `auth.sessions`.

use clock::Clock;
use ids::{NoRandomness, SessionId, SessionToken, TenantId, TokenDigest, UserId};
use jiff::{SignedDuration, Timestamp};
use postgres::{DatabaseError, Postgres, Scope, Tx};
use tokio_postgres::{Row, types::FromSql};

use crate::{
    csrf::CsrfToken,
    role::Role,
    signed_in::{SignedIn, Via},
};

/// A session ends when this much time passes without a request.
pub const IDLE_LIMIT: SignedDuration = SignedDuration::from_hours(8);
/// A session ends when this much time has passed since sign-in, whatever happens.
pub const ABSOLUTE_LIMIT: SignedDuration = SignedDuration::from_hours(24);
/// The last use is written no more often than this.
const TOUCH_INTERVAL: SignedDuration = SignedDuration::from_mins(1);

/// Who is signed in: the door to `auth.sessions` and `auth.api_tokens`.
#[derive(Clone)]
pub struct Sessions {
    pub(crate) postgres: Postgres,
    pub(crate) clock: Clock,
}

/// Why a session or an API token could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The database was not reached or refused.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// No credential could be made.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// Whom a session is opened for.
#[derive(Debug, Clone)]
pub struct SessionRecord {
    pub tenant: TenantId,
    pub user: UserId,
    pub role: Role,
    /// How a page addresses them.
    pub name: String,
}

/// A session just opened: the only moment its token is known.
pub struct OpenedSession {
    pub id: SessionId,
    /// Goes into the browser's cookie.
    pub token: SessionToken,
    pub csrf: CsrfToken,
    pub expires_at: Timestamp,
}

const OPEN_SESSION: &str = "
    -- auth.open_session
    INSERT INTO auth.sessions
           (digest, id, tenant_id, user_id, role, display_name, csrf,
            created_at, last_seen_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)";

const FIND_SESSION: &str = "
    -- auth.find_session
    SELECT id, tenant_id, user_id, role, display_name, csrf, last_seen_at
      FROM auth.sessions
     WHERE digest = $1
       AND ended_at IS NULL
       AND expires_at > $2
       AND created_at > $3
       AND last_seen_at > $4";

const TOUCH_SESSION: &str = "
    -- auth.touch_session
    UPDATE auth.sessions
       SET last_seen_at = $2
     WHERE digest = $1
       AND last_seen_at <= $3";

const END_SESSION: &str = "
    -- auth.end_session
    UPDATE auth.sessions SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL";

const END_SESSIONS_OF: &str = "
    -- auth.end_sessions_of
    UPDATE auth.sessions SET ended_at = $2 WHERE user_id = $1 AND ended_at IS NULL";

impl Sessions {
    /// Reads and writes through this pool, by this clock.
    #[must_use]
    pub const fn new(postgres: Postgres, clock: Clock) -> Self {
        Self { postgres, clock }
    }

    /// Opens a session with a fresh token, in a transaction of the person's own organization.
    ///
    /// A token that the browser brought along is never taken over, so a planted one is worthless
    /// (session fixation).
    ///
    /// # Errors
    /// When the database refuses or no randomness is to be had.
    pub async fn open(
        &self,
        tx: &Tx,
        record: &SessionRecord,
    ) -> Result<OpenedSession, SessionError> {
        let now = self.clock.now();
        let opened = OpenedSession {
            id: SessionId::new(now),
            token: SessionToken::mint()?,
            csrf: CsrfToken::mint()?,
            expires_at: later(now, ABSOLUTE_LIMIT),
        };
        tx.execute(
            OPEN_SESSION,
            &[
                &opened.token.digest().as_bytes().as_slice(),
                &opened.id.uuid(),
                &record.tenant.uuid(),
                &record.user.uuid(),
                &record.role.as_str(),
                &record.name,
                &opened.csrf.reveal(),
                &now,
                &opened.expires_at,
            ],
        )
        .await?;
        Ok(opened)
    }

    /// The person whose live session this is, and marks it as used.
    ///
    /// # Errors
    /// When the database is not reached or a row cannot be read.
    pub async fn find(&self, digest: TokenDigest) -> Result<Option<SignedIn>, SessionError> {
        let now = self.clock.now();
        let tx = self
            .postgres
            .begin("find session", Scope::Holder(digest))
            .await?;
        let row = tx
            .query_opt(
                FIND_SESSION,
                &[
                    &digest.as_bytes().as_slice(),
                    &now,
                    &later(now, -ABSOLUTE_LIMIT),
                    &later(now, -IDLE_LIMIT),
                ],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let signed_in = person_of(&row)?;
        let last_seen: Timestamp = column(&row, SESSIONS, "last_seen_at")?;
        if now.duration_since(last_seen) >= TOUCH_INTERVAL {
            touch(tx, digest, now).await;
        } else {
            tx.commit().await?;
        }
        Ok(Some(signed_in))
    }

    /// Ends one session; true when it was live.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn end(&self, tx: &Tx, id: SessionId) -> Result<bool, SessionError> {
        Ok(tx
            .execute(END_SESSION, &[&id.uuid(), &self.clock.now()])
            .await?
            > 0)
    }

    /// Ends every session of a person, as when they are removed or their role changes.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn end_all_of(&self, tx: &Tx, user: UserId) -> Result<u64, SessionError> {
        Ok(tx
            .execute(END_SESSIONS_OF, &[&user.uuid(), &self.clock.now()])
            .await?)
    }
}

/// Writes the last use. A failure signs nobody out: the session was found, and another request
/// writes it a moment later.
async fn touch(tx: Tx, digest: TokenDigest, now: Timestamp) {
    let bound = later(now, -TOUCH_INTERVAL);
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
        [&digest.as_bytes().as_slice(), &now, &bound];
    let written = match tx.execute(TOUCH_SESSION, &parameters).await {
        Ok(_) => tx.commit().await,
        Err(error) => Err(error),
    };
    if let Err(error) = written {
        tracing::warn!(%error, "the last use of a session was not written");
    }
}

const SESSIONS: &str = "auth.sessions";

fn person_of(row: &Row) -> Result<SignedIn, DatabaseError> {
    Ok(SignedIn {
        tenant: TenantId::from_uuid(column(row, SESSIONS, "tenant_id")?),
        user: UserId::from_uuid(column(row, SESSIONS, "user_id")?),
        role: role_of(row, SESSIONS)?,
        name: column(row, SESSIONS, "display_name")?,
        via: Via::Session {
            id: SessionId::from_uuid(column(row, SESSIONS, "id")?),
            csrf: CsrfToken::stored(column(row, SESSIONS, "csrf")?),
        },
    })
}

pub(crate) fn role_of(row: &Row, table: &'static str) -> Result<Role, DatabaseError> {
    let role: &str = column(row, table, "role")?;
    role.parse().map_err(|_| DatabaseError::Row {
        table,
        column: "role",
    })
}

pub(crate) fn column<'row, T: FromSql<'row>>(
    row: &'row Row,
    table: &'static str,
    column: &'static str,
) -> Result<T, DatabaseError> {
    row.try_get(column)
        .map_err(|_| DatabaseError::Row { table, column })
}

/// Saturates at the ends of time, which no session reaches.
fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(at)
}
