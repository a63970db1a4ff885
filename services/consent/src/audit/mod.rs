//! The audit record: everything that was ever decided in an organization, made of the events alone.

mod entry;
pub mod http;

pub use entry::{AuditEntry, By, of};
