#![doc = include_str!("../README.md")]

mod owner;
mod vault;

pub use owner::{Answer, Owner, client};
pub use vault::{Vault, admin_database, told};
