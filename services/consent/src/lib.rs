#![doc = include_str!("../README.md")]

pub mod access_request;
pub mod address;
mod app;
pub mod app_key;
pub mod approval_rule;
mod audit;
pub mod blocked_app;
pub mod budget;
pub mod client_metadata;
mod consent_page;
pub mod custom_provider;
mod developers;
pub mod grant;
pub mod history;
mod inbox;
mod kept_answers;
pub mod leftovers;
pub mod model_alias;
pub mod oauth;
pub mod okap;
pub mod organization_policy;
pub mod policy;
pub mod projections;
pub mod provider_key;
pub mod registered_app;
pub mod registration_token;
mod routes;
mod settings;
pub mod vault;
mod waiters;
pub mod way_back;
mod wire_error;

pub use app::App;
pub use routes::openapi;
pub use settings::Settings;
