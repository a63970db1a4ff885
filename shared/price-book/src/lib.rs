#![doc = include_str!("../README.md")]
#![deny(clippy::float_arithmetic, clippy::as_conversions)]

mod amount;
mod book;
mod catalogue;
mod file;
mod names;
mod price;
mod rates;
mod usage;

pub use book::{ModelFault, PriceBook, PriceBookError};
pub use price::{Price, UNBOUNDED};
pub use usage::{Ceiling, TokenUsage, Unit};
