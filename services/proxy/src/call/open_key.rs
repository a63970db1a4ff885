//! The provider key of a call, opened.

use std::sync::Arc;

use key_vault::{OpenRefusal, OpenedKey};

use crate::{
    call::{gate::Gate, reserve::Reserved},
    error::Refusal,
};

impl Reserved {
    /// Opens the provider key that pays, from memory where it may.
    ///
    /// # Errors
    /// When it is gone, or may not or cannot be opened.
    pub async fn open_key(&self, gate: &Gate) -> Result<Arc<OpenedKey>, Refusal> {
        let call = &self.authorized;
        gate.keys
            .open_newest(call.access.tenant, call.key)
            .await
            .map_err(|refusal| match refusal {
                OpenRefusal::Unknown => {
                    Refusal::ProviderKeyInvalid(call.received.route.upstream.name().clone())
                }
                OpenRefusal::Unavailable(_) | OpenRefusal::Refused(_) => {
                    tracing::error!(key.id = %call.key, error = %refusal,
                    cause = ?std::error::Error::source(&refusal), "a provider key was not opened");
                    Refusal::VaultUnavailable
                }
            })
    }
}
