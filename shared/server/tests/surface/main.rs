//! The whole surface around a small service, as callers meet it.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod bodies;
mod edge;
mod health;
mod limits;
mod log;
mod people;
#[path = "../../../sessions/tests/scratch/mod.rs"]
mod scratch;
mod world;
