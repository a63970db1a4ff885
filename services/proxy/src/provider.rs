//! The providers that calls may go to, and the gate's table of routes.

mod added;
mod endpoint;
mod overrides;
mod path;
mod prices;
mod table;
mod upstream;

pub use added::{AddedRoute, asked_plainly, is_api_version};
pub use endpoint::{Dialect, Endpoint};
pub use overrides::{OverrideError, ProviderUrl};

pub(crate) use path::{Matched, is_model};
pub use prices::Priced;
pub use table::Providers;
pub use upstream::{KeyHeader, Place, StreamUsage, Upstream};
