//! Registered apps: the OAuth clients of an organization.

pub mod client_keys;
pub mod http;
pub mod page;
pub mod projection;
mod registered_app;
mod store;

pub use projection::AppRow;
pub use registered_app::{
    App, RedirectUriError, Refusal, Registration, check_redirect_uri, is_registered,
};
pub use store::{AppError, Apps};
