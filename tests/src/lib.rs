#![doc = include_str!("../README.md")]

mod browser;
mod owner;
mod prover;
mod session;
mod vault;

pub use browser::Browser;
pub use owner::{Answer, Owner, client};
pub use prover::Prover;
pub use vault::{Vault, admin_database, told};
