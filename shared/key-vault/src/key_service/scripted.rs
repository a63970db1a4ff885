//! A key service that fails when a test says so, and counts.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use super::{DataKey, KeyService, KeyServiceError, Keys, local::LocalKeys};
use crate::{cipher::PlainKey, context::Context};

/// What the test holds.
#[derive(Clone, Default)]
pub struct Script(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    fails_with: Option<KeyServiceError>,
    decrypted: usize,
    ignores_context: bool,
}

impl State {
    fn seen(&self, context: &Context) -> Context {
        if self.ignores_context {
            Context::new(&[], "any")
        } else {
            context.clone()
        }
    }
}

impl Script {
    pub fn fail_with(&self, error: Option<KeyServiceError>) {
        self.0.lock().unwrap().fails_with = error;
    }

    pub fn ignore_context(&self) {
        self.0.lock().unwrap().ignores_context = true;
    }

    pub fn decrypted(&self) -> usize {
        self.0.lock().unwrap().decrypted
    }

    /// The service itself, over a local key.
    pub fn service(&self, file: &Path) -> KeyService {
        let local = LocalKeys::at(file).unwrap();
        KeyService::of(
            Keys::Scripted(ScriptedKeys {
                local,
                script: self.clone(),
            }),
            "test",
        )
    }
}

pub struct ScriptedKeys {
    local: LocalKeys,
    script: Script,
}

impl ScriptedKeys {
    pub fn generate(&self, context: &Context) -> Result<DataKey, KeyServiceError> {
        self.local
            .generate(&self.script.0.lock().unwrap().seen(context))
    }

    pub fn decrypt(
        &self,
        wrapping_key: &str,
        encrypted: &[u8],
        context: &Context,
    ) -> Result<PlainKey, KeyServiceError> {
        let mut state = self.script.0.lock().unwrap();
        state.decrypted += 1;
        match state.fails_with.clone() {
            Some(error) => Err(error),
            None => self
                .local
                .decrypt(wrapping_key, encrypted, &state.seen(context)),
        }
    }
}
