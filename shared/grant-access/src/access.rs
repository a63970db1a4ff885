//! What one token may do.

use events::{AppIdentity, AuthorizationDetail, Provider};
use ids::{GrantId, KeyThumbprint, TenantId, UserId};
use jiff::Timestamp;
use postgres::DatabaseError;
use tokio_postgres::{
    Row,
    types::{FromSql, Json},
};

/// What the token of one grant may do: the value that the proxy enforces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantAccess {
    /// Whose organization it is.
    pub tenant: TenantId,
    /// The grant.
    pub grant: GrantId,
    /// Who granted it.
    pub user: UserId,
    /// To whom.
    pub app: AppIdentity,
    /// What exactly, at most one for each provider.
    pub details: Vec<AuthorizationDetail>,
    /// When the whole grant ends; a detail may end sooner.
    pub expires_at: Timestamp,
    /// When it was ended before its time, if it was.
    pub closed_at: Option<Timestamp>,
    /// The key that the token is bound to, if it is: good only beside a proof by it (RFC 9449).
    pub bound_to: Option<KeyThumbprint>,
    /// How often it was written; rises with each change.
    pub version: i32,
}

impl GrantAccess {
    /// What is granted at this provider. Whether the detail has ended by now is not looked at.
    #[must_use]
    pub fn detail_for(&self, provider: &Provider) -> Option<&AuthorizationDetail> {
        self.details
            .iter()
            .find(|detail| detail.provider == *provider)
    }

    pub(crate) fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        let Json(app) = column(row, "app")?;
        let Json(details) = column(row, "details")?;
        Ok(Self {
            tenant: TenantId::from_uuid(column(row, "tenant_id")?),
            grant: GrantId::from_uuid(column(row, "grant_id")?),
            user: UserId::from_uuid(column(row, "user_id")?),
            app,
            details,
            expires_at: column(row, "expires_at")?,
            closed_at: column(row, "closed_at")?,
            bound_to: bound_to(row)?,
            version: column(row, "version")?,
        })
    }
}

fn bound_to(row: &Row) -> Result<Option<KeyThumbprint>, DatabaseError> {
    let key: Option<&str> = column(row, "key_thumbprint")?;
    key.map(str::parse)
        .transpose()
        .map_err(|_| DatabaseError::Row {
            table: "consent.grant_access",
            column: "key_thumbprint",
        })
}

fn column<'a, T: FromSql<'a>>(row: &'a Row, column: &'static str) -> Result<T, DatabaseError> {
    row.try_get(column).map_err(|_| DatabaseError::Row {
        table: "consent.grant_access",
        column,
    })
}
