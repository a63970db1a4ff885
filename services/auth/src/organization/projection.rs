//! `auth.organizations`: found by its name before anyone has signed in.

use event_store::{ProjectionError, RecordedEvent};
use events::OrganizationEvent;
use ids::{TenantId, TokenDigest};
use postgres::{DatabaseError, Tx};

use super::OrganizationName;

/// An organization as pages show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationRow {
    /// Which.
    pub tenant: TenantId,
    /// Its name.
    pub name: String,
}

const CREATED: &str = "
    -- auth.organization_created
    INSERT INTO auth.organizations (tenant_id, name, name_digest, created_at)
    VALUES ($1, $2, $3, $4)";

pub(crate) const CLEAR: &str = "
    -- auth.clear_organizations
    DELETE FROM auth.organizations";

const BY_NAME: &str = "
    -- auth.organization_by_name
    SELECT tenant_id, name FROM auth.organizations WHERE name_digest = $1";

const OWN: &str = "
    -- auth.own_organization
    SELECT tenant_id, name FROM auth.organizations WHERE tenant_id = $1";

/// Takes one event in.
///
/// # Errors
/// When the event cannot be read or the database refuses.
pub async fn apply(tx: &Tx, event: &RecordedEvent) -> Result<(), ProjectionError> {
    let Some(change) = event.read::<OrganizationEvent>()? else {
        return Ok(());
    };
    match change {
        OrganizationEvent::Created { name } => {
            // A name that today's rules would refuse is still the organization's name.
            let digest = name.parse::<OrganizationName>().map_or_else(
                |_| TokenDigest::of(&name.to_lowercase()),
                |name| name.digest(),
            );
            let digest = digest.as_bytes().as_slice();
            let tenant = event.tenant.uuid();
            tx.execute(CREATED, &[&tenant, &name, &digest, &event.occurred_at])
                .await?;
        }
        // Kept with its sealed secret, which no event holds; see `sso::connections`.
        OrganizationEvent::SsoConnected { .. } => {}
    }
    Ok(())
}

/// The organization of this name, in a transaction that holds the name's digest.
///
/// # Errors
/// When the database refuses.
pub async fn by_name(
    tx: &Tx,
    digest: TokenDigest,
) -> Result<Option<OrganizationRow>, DatabaseError> {
    let row = tx
        .query_opt(BY_NAME, &[&digest.as_bytes().as_slice()])
        .await?;
    Ok(row.map(|row| OrganizationRow {
        tenant: TenantId::from_uuid(row.get("tenant_id")),
        name: row.get("name"),
    }))
}

/// The name of the transaction's organization.
///
/// # Errors
/// When the database refuses.
pub async fn name_of(tx: &Tx, tenant: TenantId) -> Result<Option<String>, DatabaseError> {
    Ok(tx
        .query_opt(OWN, &[&tenant.uuid()])
        .await?
        .map(|row| row.get("name")))
}
