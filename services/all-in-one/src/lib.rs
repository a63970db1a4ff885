#![doc = include_str!("../README.md")]

mod vault;

pub use vault::{Settings, Vault};
