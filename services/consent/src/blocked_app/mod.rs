//! Apps that a person blocks: their requests are denied without asking, and do not reach the inbox.

mod blocked_app;
pub mod http;
pub mod page;
pub mod projection;
mod store;

pub use blocked_app::{BlockedApp, Refusal};
pub use projection::BlockedAppRow;
pub use store::{BlockError, Blocked, BlockedApps, Known, What};
