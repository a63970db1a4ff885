#![doc = include_str!("../README.md")]

mod api_tokens;
mod csrf;
mod role;
mod sessions;
mod signed_in;

pub use api_tokens::{ApiTokenRecord, ApiTokenSummary, IssuedApiToken};
pub use csrf::CsrfToken;
pub use role::{Permission, Role, UnknownRole};
pub use sessions::{
    ABSOLUTE_LIMIT, IDLE_LIMIT, OpenedSession, SessionError, SessionRecord, Sessions,
};
pub use signed_in::{SignedIn, Via};
