//! The providers that calls may go to, and the gate's table of routes.

mod endpoint;
mod overrides;
mod path;
mod table;
mod upstream;

pub use endpoint::{Dialect, Endpoint};
pub use overrides::{OverrideError, ProviderUrl};

pub(crate) use path::is_model;
pub use table::Providers;
pub use upstream::{KeyHeader, Place, StreamUsage, Upstream};
