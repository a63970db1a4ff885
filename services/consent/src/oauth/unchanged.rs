//! A client that is known by its document gets tokens as long as the document says what its person
//! was told.

use events::SelfRegistration;
use ids::{GrantId, TenantId};
use jiff::Timestamp;
use postgres::Tx;

use super::{error::OauthError, token::invalid_grant};
use crate::{grant::projection, registered_app::AppRow, vault::Vault};

/// Whether the client is still who its person approved; the transaction is of their organization.
///
/// # Errors
/// `invalid_grant` when its name, redirect URIs, grant types or keys are others by now: its person
/// is to be asked again.
pub(super) async fn check(
    tx: &Tx,
    client: &AppRow,
    grant: GrantId,
    now: Timestamp,
) -> Result<(), OauthError> {
    if !is_known_by_document(client) {
        return Ok(());
    }
    let granted = projection::one(tx, grant, now).await;
    let granted = granted.map_err(|e| OauthError::unavailable(&e))?;
    if granted.is_some_and(|granted| granted.app.registration == client.registration) {
        return Ok(());
    }
    Err(invalid_grant(
        "the document at client_id says something else than when the person approved the app; \
         send them to approve it again",
    ))
}

/// The same in a transaction of its own, where it takes one at all.
///
/// # Errors
/// As [`check`].
pub(super) async fn check_apart(
    vault: &Vault,
    client: &AppRow,
    (tenant, grant): (TenantId, GrantId),
) -> Result<(), OauthError> {
    if !is_known_by_document(client) {
        return Ok(());
    }
    let tx = vault.begin("compare documents", tenant).await;
    let tx = tx.map_err(|e| OauthError::unavailable(&e))?;
    check(&tx, client, grant, vault.clock.now()).await
}

const fn is_known_by_document(client: &AppRow) -> bool {
    matches!(client.registration, Some(SelfRegistration::Document { .. }))
}
