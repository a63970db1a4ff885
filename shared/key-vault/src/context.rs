//! What a sealed thing is bound to.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use ids::{ProviderKeyId, TenantId};

use crate::cipher::length_prefixed;

/// How sealed keys are written; stored beside each.
const FREE: i16 = 1;
/// And those that are bound to the origin they may be sent to.
const BOUND: i16 = 2;

/// One version of one provider key of one organization: where a sealed key belongs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    pub tenant: TenantId,
    pub key: ProviderKeyId,
    pub version: i32,
    /// The only origin (RFC 6454) that it may be sent to, where the organization named that itself.
    /// It is not stored: who opens the key must know it.
    pub origin: Option<Arc<str>>,
}

impl Place {
    /// Whether a key may be written so.
    pub const fn is_known(format: i16) -> bool {
        matches!(format, FREE | BOUND)
    }

    /// How a key of this place is written.
    pub const fn format(&self) -> i16 {
        if self.origin.is_some() { BOUND } else { FREE }
    }

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
        let (format, tenant) = (self.format().to_be_bytes(), self.tenant.to_string());
        let (key, version) = (self.key.to_string(), self.version.to_string());
        let usual = [
            format.as_slice(),
            tenant.as_bytes(),
            key.as_bytes(),
            version.as_bytes(),
            wrapping_key.as_bytes(),
        ];
        let origin = self.origin.as_deref().map(str::as_bytes);
        length_prefixed(usual.into_iter().chain(origin))
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
