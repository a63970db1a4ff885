//! Registered apps: the OAuth clients of an organization, and those that belong to none.

mod change;
pub mod client_keys;
pub mod http;
pub mod page;
pub mod projection;
mod registered_app;
mod registration;
mod removal;
mod self_registered;
mod store;

pub use change::RegistrationChange;
pub use projection::AppRow;
pub use registered_app::{App, RedirectUriError, Refusal, check_redirect_uri, is_registered};
pub use registration::{Fault, MOST_REDIRECT_URIS, Registration, address, authentication, name};
pub use self_registered::{Arrived, of_the_vault};
pub use store::{AppError, Apps};
