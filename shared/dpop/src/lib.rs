#![doc = include_str!("../README.md")]

mod error;
mod key;
mod proof;
mod target;
#[cfg(test)]
mod tests;

pub use error::ProofError;
pub use proof::{ALGORITHMS, Asked, Proof, WINDOW, only, verify};
