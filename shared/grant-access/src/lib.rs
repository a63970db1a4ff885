#![doc = include_str!("../README.md")]

mod access;
#[cfg(test)]
mod budget_tests;
mod budgets;
mod forgotten;
mod reader;
#[cfg(test)]
mod scratch;
#[cfg(test)]
mod tests;
mod writer;

pub use access::{Ancestor, GrantAccess};
pub use budgets::{Budget, BudgetReader};
pub use reader::{GrantAccessReader, Refusal};
pub use writer::{
    Terms, change, change_narrowed, change_under, close, narrowed, of_token, open, open_under,
    outdate,
};
