//! The sandbox: a provider made of nothing, for those who build apps.
//!
//! It answers in OpenAI's dialect, always the same to the same call, inside this process: no
//! network, no provider key, no cost. It stands where a provider stands, behind the gate, so a call
//! to it passes every stage that a real one passes. Some of its models do nothing but fail, each in
//! one way ([`Scenario`]), so that an app meets the errors it must be ready for.

mod answer;
mod ask;
mod body;
mod chat;
mod embeddings;
mod models;
mod responses;
mod scenario;

pub(crate) use answer::answer;
pub(crate) use body::Made;
pub(crate) use scenario::refusal;
