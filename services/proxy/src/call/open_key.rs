//! The provider key of a call, opened.

use std::sync::Arc;

use key_vault::{OpenRefusal, OpenedKey};

use crate::{
    call::{
        gate::Gate,
        key_watch::{KeyWatch, KnownKey},
        reserve::Reserved,
    },
    error::Refusal,
    provider::Place,
};

/// Whose key a call goes out with. A call goes over the network with a key or not at all.
pub enum Payer {
    /// The owner's key pays.
    Key(Arc<OpenedKey>),
    /// Nobody: the sandbox costs nothing and knows no keys.
    Nobody,
}

impl Payer {
    /// The version of the key, for the record; 0 where there is none.
    pub(crate) fn version(&self) -> i32 {
        match self {
            Self::Key(key) => key.version(),
            Self::Nobody => 0,
        }
    }

    /// What keeps the key out of the answer.
    pub(crate) fn watch(&self) -> KeyWatch {
        match self {
            Self::Key(key) => KeyWatch::over(key.made_once(KnownKey::new)),
            Self::Nobody => KeyWatch::over(Arc::new(KnownKey::new(""))),
        }
    }
}

impl Reserved {
    /// Ends a call that is not sent, for another to be made in its stead.
    pub(crate) async fn give_back(self) {
        self.open.give_back().await;
    }

    /// Opens the provider key that pays, from memory where it may.
    ///
    /// # Errors
    /// When it is gone, or may not or cannot be opened.
    pub async fn open_key(&self, gate: &Gate) -> Result<Payer, Refusal> {
        let call = &self.authorized;
        if call.received.route.upstream.place == Place::Sandbox {
            return Ok(Payer::Nobody);
        }
        let opened = gate.keys.open_newest(
            call.access.tenant,
            call.key,
            call.received.route.upstream.origin.as_ref(),
            &call.received.shape.request_id,
        );
        opened
            .await
            .map(Payer::Key)
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
