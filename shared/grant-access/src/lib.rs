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
pub use writer::{Terms, change, change_narrowed, close, narrowed, open, open_under, outdate};
