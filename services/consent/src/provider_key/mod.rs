//! Provider keys: stored sealed, rotated without touching grants, destroyed.

pub mod http;
pub mod page;
pub mod projection;
mod provider_key;
pub mod refused;
mod store;
pub mod unwraps;

pub use projection::{KeyState, ProviderKeyRow};
pub use provider_key::{ProviderKey, Refusal};
pub use store::{ProviderKeyError, ProviderKeys, destroy_all_of, usable_key};
