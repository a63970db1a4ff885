//! Registration tokens (initial access tokens, RFC 7591 section 1.2): with one, a developer's program
//! registers its own app with the organization whose administrator made it.

pub mod http;
mod store;

pub use store::{MadeToken, RegistrationTokens, TokenError, TokenRow, spend};
