//! The OAuth 2.1 server: authorization code, PKCE, rich authorization requests, revocation.
//!
//! Own code under our events, because the one crate that could carry it keeps grants, codes and
//! tokens in stores of its own; the reasons stand in `DECISION-oauth-core.md`.

mod assertion;
pub mod authorize;
mod client;
mod client_id;
mod code;
pub mod device;
mod error;
mod exchange;
pub mod forms;
mod held;
pub mod introspect;
mod merge;
pub mod metadata;
mod pace;
mod parameters;
mod pkce;
mod possession;
pub mod pushed;
mod redeem;
mod refresh;
pub mod register;
pub mod resource;
pub mod revoke;
pub mod token;
mod unchanged;

pub use code::{redirect_origin, with_code, with_denial};
pub use pace::Pace;
pub use pkce::is_verifier;
pub use register::RegistrationPace;
