//! Refusals: one table of what they mean, one file for each shape they are told in.

mod challenge;
mod refusal;
mod shape;

pub(crate) use challenge::told;
pub use refusal::{GrantedAt, Refusal};
pub(crate) use refusal::{list_in_words, models_in_words};
pub use shape::{Shape, stream_event};
