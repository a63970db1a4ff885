//! Refusals: one table of what they mean, one file for each shape they are told in.

mod challenge;
mod refusal;
mod shape;
mod words;

pub(crate) use challenge::told;
pub use refusal::{GrantedAt, Refusal};
pub use shape::{Shape, stream_event};
pub(crate) use words::{list_in_words, models_in_words};
