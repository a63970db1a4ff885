//! Promises that need no running service.

mod dependencies;
mod events_readable;
mod migrations_frozen;
mod openapi_current;
mod row_level_security;
mod shelf;
