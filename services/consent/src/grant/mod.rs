//! Grants: what was allowed, to whom, until when.

mod authority;
mod change;
mod derive;
mod ending;
pub mod family;
mod grant;
pub mod http;
pub mod lines;
pub mod missing;
pub mod narrowing;
pub mod of_app;
pub mod page;
pub mod projection;
pub mod shadow;
pub mod standing;
pub mod step_up;
mod store;
mod tokens;

pub use authority::{Administrator, Authority};
pub use grant::{Grant, Refusal};
pub use projection::{GrantRow, GrantState};
pub use store::{GrantError, Grants};
pub use tokens::{Delivered, TokenTerms};
