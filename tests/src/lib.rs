#![doc = include_str!("../README.md")]

mod owner;
mod prover;
mod session;
mod vault;

pub use owner::{Answer, Owner, client};
pub use prover::Prover;
pub use vault::{Vault, admin_database, told};
