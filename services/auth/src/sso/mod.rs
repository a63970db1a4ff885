//! Single sign-on: Latchkey as the client of an organization's OpenID provider.

mod admission;
pub mod api;
mod attempts;
mod connecting;
mod connections;
mod error;
mod fetch;
pub mod http;
mod id_token;
mod identities;
mod issuer;
mod oidc;
mod provider;
mod sso;
mod stranger;

pub use admission::Joining;
pub use connecting::{Connect, connect};
pub use connections::{ConnectionRow, SecretText};
pub use error::SsoError;
pub use guarded_fetch::Reach;
pub use issuer::Issuer;
pub use provider::{ProviderError, Providers};
pub use sso::{Arriving, Sso, redirect_uri};
