//! API tokens: what people give to their own programs.

mod api_token;
pub mod http;

pub use api_token::{ApiTokenError, ApiTokens, Label, LabelError, NewToken, issue};
