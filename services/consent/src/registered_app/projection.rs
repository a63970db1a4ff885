//! `consent.apps`: the organization's OAuth clients.

use std::collections::BTreeSet;

use event_store::{ProjectionError, RecordedEvent};
use events::{
    AppEvent, AppIdentity, ClientAuthentication, GrantType, SelfRegistration, Verification,
};
use ids::{AppId, TenantId, TokenDigest};
use jiff::Timestamp;
use postgres::{DatabaseError, Tx};
use serde_json::{Value, json};
use tokio_postgres::{Row, types::ToSql};

/// A registered app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppRow {
    /// The app. Its text form is what stands for the client inside the vault.
    pub id: AppId,
    /// Whose it is; the vault's own tenant where it belongs to no organization.
    pub tenant: TenantId,
    /// The OAuth client id: the id's text form, or the address of the client's document.
    pub client_id: String,
    /// Its name.
    pub name: String,
    /// Its web address.
    pub url: Option<String>,
    /// Where browsers may be sent back to.
    pub redirect_uris: Vec<String>,
    /// What it may come to the token endpoint with.
    pub grant_types: BTreeSet<GrantType>,
    /// How it proves that it is itself.
    pub authentication: ClientAuthentication,
    /// How it made itself known; `None` where an administrator registered it.
    pub registration: Option<SelfRegistration>,
    /// Whether every token of it is bound to a key (RFC 9449 section 5.2).
    pub dpop_bound: bool,
    /// Since when.
    pub registered_at: Timestamp,
}

impl AppRow {
    /// Who asks, as people see it and the record keeps it.
    #[must_use]
    pub fn identity(&self) -> AppIdentity {
        AppIdentity {
            app: Some(self.id),
            name: self.name.clone(),
            url: self.url.clone(),
            verification: match &self.registration {
                None | Some(SelfRegistration::Token {}) => Verification::OrganizationApproved,
                Some(SelfRegistration::Anybody {}) => Verification::Unverified,
                Some(SelfRegistration::Document { .. }) => Verification::DomainVerified,
            },
            registration: self.registration.clone(),
        }
    }
}

const REGISTERED: &str = "
    -- consent.app_registered
    INSERT INTO consent.apps (app_id, tenant_id, client_digest, name, url, redirect_uris, state, registered_at, grant_types, authentication, registration, dpop_bound)
    VALUES ($1, $2, $3, $4, $5, $6, 'registered', $7, $8, $9, $10, $11)";

const CHANGED: &str = "
    -- consent.app_changed
    UPDATE consent.apps
       SET name = $2, url = $3, redirect_uris = $4, grant_types = $5, authentication = $6, dpop_bound = $7
     WHERE app_id = $1";

const REMOVED: &str = "
    -- consent.app_removed
    UPDATE consent.apps SET state = 'removed' WHERE app_id = $1";

pub(crate) const CLEAR: &str = "
    -- consent.clear_apps
    DELETE FROM consent.apps";

const OF_TENANT: &str = "
    -- consent.apps_of_tenant
    SELECT app_id, tenant_id, name, url, redirect_uris, grant_types, authentication, registered_at, registration, dpop_bound
      FROM consent.apps
     WHERE state = 'registered'
     ORDER BY registered_at
     LIMIT 200";

const ONE: &str = "
    -- consent.app
    SELECT app_id, tenant_id, name, url, redirect_uris, grant_types, authentication, registered_at, registration, dpop_bound
      FROM consent.apps
     WHERE app_id = $1 AND state = 'registered'";

const STANDS: &str = "
    -- consent.app_stands
    SELECT state FROM consent.apps WHERE app_id = $1 FOR SHARE";

const COUNT: &str = "
    -- consent.count_apps
    SELECT count(*) AS apps FROM consent.apps WHERE state = 'registered'";

const BY_CLIENT_ID: &str = "
    -- consent.app_by_client_id
    SELECT app_id, tenant_id, name, url, redirect_uris, grant_types, authentication, registered_at, registration, dpop_bound
      FROM consent.apps
     WHERE client_digest = $1 AND state = 'registered'";

/// Takes one event in.
///
/// # Errors
/// When the event cannot be read or the database refuses.
pub async fn apply(tx: &Tx, event: &RecordedEvent) -> Result<(), ProjectionError> {
    let (Some(change), Some(id)) = (event.read::<AppEvent>()?, event.stream_uuid()) else {
        return Ok(());
    };
    match change {
        AppEvent::Registered {
            name,
            url,
            redirect_uris,
            grant_types,
            authentication,
            registration,
            dpop_bound,
        } => {
            let digest = TokenDigest::of(&AppId::from_uuid(id).to_string());
            let uris = Value::from(redirect_uris);
            let (grant_types, authentication) = (json!(grant_types), json!(authentication));
            let registration = registration.map(|registration| json!(registration));
            let tenant = event.tenant.uuid();
            let digest = digest.as_bytes().as_slice();
            tx.execute(
                REGISTERED,
                &[
                    &id,
                    &tenant,
                    &digest,
                    &name,
                    &url,
                    &uris,
                    &event.occurred_at,
                    &grant_types,
                    &authentication,
                    &registration,
                    &dpop_bound,
                ],
            )
            .await?
        }
        AppEvent::Changed {
            name,
            url,
            redirect_uris,
            grant_types,
            authentication,
            dpop_bound,
        } => {
            let uris = Value::from(redirect_uris);
            let (grant_types, authentication) = (json!(grant_types), json!(authentication));
            let values: [&(dyn ToSql + Sync); 7] = [
                &id,
                &name,
                &url,
                &uris,
                &grant_types,
                &authentication,
                &dpop_bound,
            ];
            tx.execute(CHANGED, &values).await?
        }
        AppEvent::Removed {} => tx.execute(REMOVED, &[&id]).await?,
    };
    Ok(())
}

/// The apps of the transaction's organization, at most 200.
///
/// # Errors
/// When the database refuses or a row cannot be read.
pub async fn of_tenant(tx: &Tx) -> Result<Vec<AppRow>, DatabaseError> {
    tx.query(OF_TENANT, &[])
        .await?
        .iter()
        .map(from_row)
        .collect()
}

/// The app of an OAuth client id, before anyone has signed in: the transaction holds its digest.
///
/// # Errors
/// When the database refuses or the row cannot be read.
pub async fn by_client_id(tx: &Tx, digest: TokenDigest) -> Result<Option<AppRow>, DatabaseError> {
    tx.query_opt(BY_CLIENT_ID, &[&digest.as_bytes().as_slice()])
        .await?
        .as_ref()
        .map(from_row)
        .transpose()
}

/// One registered app of the transaction's organization.
///
/// # Errors
/// When the database refuses or the row cannot be read.
pub async fn one(tx: &Tx, id: AppId) -> Result<Option<AppRow>, DatabaseError> {
    let row = tx.query_opt(ONE, &[&id.uuid()]).await?;
    row.as_ref().map(from_row).transpose()
}

/// Whether an app may have a token: false once it is removed. An app that is none of the
/// organization's has no row there. Until the transaction ends, nobody removes the app.
///
/// # Errors
/// When the database refuses.
pub async fn stands(tx: &Tx, id: AppId) -> Result<bool, DatabaseError> {
    let row = tx.query_opt(STANDS, &[&id.uuid()]).await?;
    Ok(row.is_none_or(|row| row.get::<_, &str>("state") == "registered"))
}

/// How many apps the transaction's organization has.
///
/// # Errors
/// When the database refuses.
pub async fn count(tx: &Tx) -> Result<i64, DatabaseError> {
    Ok(tx.query_one(COUNT, &[]).await?.get("apps"))
}

fn from_row(row: &Row) -> Result<AppRow, DatabaseError> {
    let unreadable = |column| DatabaseError::Row {
        table: "consent.apps",
        column,
    };
    let uris = serde_json::from_value(row.get("redirect_uris"));
    let grant_types = serde_json::from_value(row.get("grant_types"));
    let authentication = serde_json::from_value(row.get("authentication"));
    let registration = row
        .get::<_, Option<Value>>("registration")
        .map(serde_json::from_value)
        .transpose();
    let id = AppId::from_uuid(row.get("app_id"));
    Ok(AppRow {
        id,
        tenant: TenantId::from_uuid(row.get("tenant_id")),
        client_id: id.to_string(),
        name: row.get("name"),
        url: row.get("url"),
        redirect_uris: uris.map_err(|_| unreadable("redirect_uris"))?,
        grant_types: grant_types.map_err(|_| unreadable("grant_types"))?,
        authentication: authentication.map_err(|_| unreadable("authentication"))?,
        registration: registration.map_err(|_| unreadable("registration"))?,
        dpop_bound: row.get("dpop_bound"),
        registered_at: row.get("registered_at"),
    })
}
