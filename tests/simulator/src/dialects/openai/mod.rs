//! OpenAI's dialect, which many other providers speak too.

pub mod chat;
pub mod embeddings;
pub mod errors;
pub mod media;
pub mod models;
pub mod responses;
