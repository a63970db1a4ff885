//! What an organization lets its people allow, on top of what the vault allows at all.

pub mod http;
mod organization_policy;
pub mod page;
pub mod projection;
mod store;

pub use organization_policy::{LONGEST_DAYS, OrganizationPolicy, Refusal, allows};
pub use projection::PolicyRow;
pub use store::{Policies, PolicyError, in_force, rules};
