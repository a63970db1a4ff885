#![doc = include_str!("../README.md")]

mod fetch;
mod reach;

pub use fetch::{Bounds, FetchError, GuardedFetch, SetupError};
pub use reach::{AddressRefusal, Reach};
