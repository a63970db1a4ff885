#![doc = include_str!("../README.md")]

mod account;
mod api_token;
mod app;
mod organization;
pub mod provision;
mod records;
mod routes;
mod settings;
mod sign_in;
mod sso;
mod text;
mod user;

pub use app::App;
pub use records::Projections;
pub use routes::openapi;
pub use settings::{Cli, Command, Settings};
