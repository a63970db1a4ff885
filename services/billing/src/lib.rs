#![doc = include_str!("../README.md")]

mod app;
pub mod export;
pub mod recording;
pub mod refill;
mod routes;
mod settings;
pub mod usage;

pub use app::{App, database};
pub use routes::openapi;
pub use settings::Settings;
