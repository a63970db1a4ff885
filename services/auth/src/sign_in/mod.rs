//! Signing in and out: the page, one-time links, and the session that either way ends in.

pub mod http;
pub mod links;
mod sign_in;

pub use sign_in::{Arrival, SignInError, SignIns, Welcome};
