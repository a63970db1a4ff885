#![doc = include_str!("../README.md")]

mod access;
mod reader;
#[cfg(test)]
mod scratch;
#[cfg(test)]
mod tests;
mod writer;

pub use access::GrantAccess;
pub use reader::{GrantAccessReader, Refusal};
pub use writer::{change, close, open};
