//! Providers that an organization adds to the built-in ones: where they are, and what they cost.

mod base_url;
mod custom_provider;
pub mod http;
pub mod page;
pub mod projection;
mod store;

pub use base_url::{BaseUrlRefusal, base_url};
pub use custom_provider::{CustomProviderState, Refusal};
pub use projection::CustomProviderRow;
pub use store::{CustomProviderError, CustomProviders, expect_known, is_known};
