//! The names that an organization gives to several models together, for the one endpoint.

pub mod http;
mod model_alias;
pub mod page;
pub mod projection;
mod store;

pub use model_alias::{Change, ModelAliasState, Refusal};
pub use projection::ModelAliasRow;
pub use store::{ModelAliasError, ModelAliases, is_taken};
