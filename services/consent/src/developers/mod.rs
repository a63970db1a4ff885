//! `/developers`: how an app is built on this vault, with examples that the tests run as they stand.

mod examples;
mod page;

pub use page::configure;
