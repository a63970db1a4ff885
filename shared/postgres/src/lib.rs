#![doc = include_str!("../README.md")]

mod pool;
mod transaction;

pub use pool::{DatabaseError, DatabaseSettings, Postgres};
pub use transaction::{Scope, Tx};
