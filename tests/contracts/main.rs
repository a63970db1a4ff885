//! Promises that need no running service.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says so by failing"
)]

mod alerts;
mod dependencies;
mod events_readable;
mod migrations_frozen;
mod openapi_complete;
mod openapi_current;
mod row_level_security;
mod shelf;
