//! What one token may do.

use std::collections::BTreeMap;

use events::{
    AppIdentity, AuthorizationDetail, CustomProvider, GrantedLimits, ModelAlias, Provider, Shadow,
};
use ids::{GrantId, KeyThumbprint, TenantId, UserId};
use jiff::Timestamp;
use postgres::DatabaseError;
use serde::{Deserialize, Serialize};
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
    /// The grants above it, the parent first; a call counts against the limits of each. What they
    /// allow is in `details` already.
    pub ancestors: Vec<Ancestor>,
    /// Those of the providers in `details` that the organization added and has still; read with the
    /// row, and written elsewhere.
    pub custom_providers: Vec<CustomProvider>,
    /// Whether the organization lets apps have answers kept; read with the row, too.
    pub response_cache: bool,
    /// The shadow limits that are tried of this grant and of those above it, at every provider; read
    /// with the row, and written elsewhere.
    pub shadows: Vec<Shadow>,
    /// The names that the organization gives to several models together; read with the row, and
    /// written elsewhere. What they stand for need not be granted.
    pub model_aliases: Vec<ModelAlias>,
    /// How often it was written; rises with each change.
    pub version: i32,
}

/// A grant above another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ancestor {
    /// Which one.
    pub grant: GrantId,
    /// Its limits at each provider that it covers.
    pub limits: BTreeMap<Provider, GrantedLimits>,
}

impl GrantAccess {
    /// What is granted at this provider. Whether the detail has ended by now is not looked at.
    #[must_use]
    pub fn detail_for(&self, provider: &Provider) -> Option<&AuthorizationDetail> {
        self.details
            .iter()
            .find(|detail| detail.provider == *provider)
    }

    /// The provider of this name that the organization added.
    #[must_use]
    pub fn custom_provider(&self, name: &Provider) -> Option<&CustomProvider> {
        self.custom_providers
            .iter()
            .find(|added| added.name == *name)
    }

    /// The model alias of this name that the organization has.
    #[must_use]
    pub fn model_alias(&self, name: &str) -> Option<&ModelAlias> {
        self.model_aliases
            .iter()
            .find(|alias| alias.name.as_str() == name)
    }

    /// The shadow limits that watch calls at this provider.
    pub fn shadows_at(&self, provider: &Provider) -> impl Iterator<Item = &Shadow> {
        let here = move |shadow: &&Shadow| shadow.provider == *provider;
        self.shadows.iter().filter(here)
    }

    /// The grant that a person gave: itself, or the one from which it was made in the end.
    #[must_use]
    pub fn top(&self) -> GrantId {
        self.ancestors
            .last()
            .map_or(self.grant, |ancestor| ancestor.grant)
    }

    pub(crate) fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        let Json(app) = column(row, "app")?;
        let Json(details) = column(row, "details")?;
        let ancestors: Option<Json<Vec<Ancestor>>> = column(row, "ancestors")?;
        Ok(Self {
            tenant: TenantId::from_uuid(column(row, "tenant_id")?),
            grant: GrantId::from_uuid(column(row, "grant_id")?),
            user: UserId::from_uuid(column(row, "user_id")?),
            app,
            details,
            expires_at: column(row, "expires_at")?,
            closed_at: column(row, "closed_at")?,
            bound_to: bound_to(row)?,
            ancestors: ancestors
                .map(|Json(ancestors)| ancestors)
                .unwrap_or_default(),
            custom_providers: Vec::new(),
            response_cache: false,
            shadows: Vec::new(),
            model_aliases: Vec::new(),
            version: column(row, "version")?,
        })
    }

    /// The same with what stands beside the row: what the organization says, and what is tried of
    /// its limits.
    pub(crate) fn with_what_stands_beside(self, row: &Row) -> Result<Self, DatabaseError> {
        let added: Option<Json<Vec<CustomProvider>>> = column(row, "custom_providers")?;
        let response_cache: Option<bool> = column(row, "response_cache")?;
        let shadows: Option<Json<Vec<Shadow>>> = column(row, "shadows")?;
        let aliases: Option<Json<Vec<ModelAlias>>> = column(row, "model_aliases")?;
        Ok(Self {
            custom_providers: added.map(|Json(added)| added).unwrap_or_default(),
            response_cache: response_cache.unwrap_or_default(),
            shadows: shadows.map(|Json(shadows)| shadows).unwrap_or_default(),
            model_aliases: aliases.map(|Json(aliases)| aliases).unwrap_or_default(),
            ..self
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
