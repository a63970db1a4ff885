//! The record of usage, to take away.

mod format;
mod http;
mod manifest;
mod projection;
mod record;

pub use format::{Format, FormatError};
pub use http::{export_usage, usage_manifest};
pub use manifest::Manifest;
pub use projection::{Export, ExportError, Exports};
pub use record::{COLUMNS, ExportRecord};
