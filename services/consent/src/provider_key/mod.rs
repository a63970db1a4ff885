//! Provider keys: stored sealed, checked, rotated without touching grants, destroyed.

mod checking;
pub mod http;
pub mod idle;
pub mod page;
pub mod projection;
mod provider_key;
mod store;
pub mod told;
pub mod unwraps;

pub use checking::Pace;
pub use projection::{KeyState, ProviderKeyRow};
pub use provider_key::{ProviderKey, Refusal};
pub use store::{ProviderKeyError, ProviderKeys, destroy_all_of, usable_key};
