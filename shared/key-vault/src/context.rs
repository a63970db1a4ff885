//! What a sealed thing is bound to.

use std::collections::{BTreeMap, HashMap};

use ids::{ProviderKeyId, TenantId};

use crate::cipher::length_prefixed;

/// How sealed keys are written today; stored beside each.
pub const FORMAT: i16 = 1;

/// One version of one provider key of one organization: where a sealed key belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    pub tenant: TenantId,
    pub key: ProviderKeyId,
    pub version: i32,
}

impl Place {
    /// What the key service is told, and writes into its audit log: ids only.
    pub fn context(&self, environment: &str) -> Context {
        Context::new(
            &[
                ("okap:tenant", &self.tenant.to_string()),
                ("okap:key", &self.key.to_string()),
                ("okap:version", &self.version.to_string()),
            ],
            environment,
        )
    }

    /// What the ciphertext is bound to, whatever the key service checks.
    pub fn associated_data(&self, wrapping_key: &str) -> Vec<u8> {
        length_prefixed([
            FORMAT.to_be_bytes().as_slice(),
            self.tenant.to_string().as_bytes(),
            self.key.to_string().as_bytes(),
            self.version.to_string().as_bytes(),
            wrapping_key.as_bytes(),
        ])
    }
}

/// An encryption context: names and values that a data key is bound to, in the order of the names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context(BTreeMap<String, String>);

impl Context {
    pub fn new(pairs: &[(&str, &str)], environment: &str) -> Self {
        let mut all: BTreeMap<_, _> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        // Last, so that no caller can pass for another environment.
        all.insert("okap:environment".to_owned(), environment.to_owned());
        Self(all)
    }

    pub fn pairs(&self) -> HashMap<String, String> {
        self.0.clone().into_iter().collect()
    }

    pub fn associated_data(&self, wrapping_key: &str) -> Vec<u8> {
        let pairs = self
            .0
            .iter()
            .flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]);
        length_prefixed(std::iter::once(wrapping_key.as_bytes()).chain(pairs))
    }
}
