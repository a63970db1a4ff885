//! People: members of an organization, and the tokens they give to their own programs.

pub mod emails;
pub mod http;
mod person;
pub mod projection;
mod user;

pub use person::{EmailAddress, PersonName};
pub use user::{Refusal, TokenLifetime, User, Via};
