//! What the store promises, on a real Postgres.
#![cfg(test)]

mod appending;
mod following;
mod many_writers;
mod projecting;
mod scratch;
mod tenants;
