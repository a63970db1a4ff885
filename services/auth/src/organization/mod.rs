//! Organizations: who shares a vault.

mod name;
mod organization;
pub mod projection;

pub use name::{NameError, OrganizationName};
pub use organization::{Organization, Refusal};
