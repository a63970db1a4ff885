#![doc = include_str!("../README.md")]

mod app;
mod ask;
mod background;
mod body;
mod cache;
mod call;
mod error;
mod grant;
mod key_health;
mod provider;
mod routes;
mod sandbox;
mod settings;
mod spool;
mod wire;

pub use app::App;
pub use provider::{OverrideError, ProviderUrl};
pub use routes::openapi;
pub use settings::Settings;
pub use spool::SpoolSync;
