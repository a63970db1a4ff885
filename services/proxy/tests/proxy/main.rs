//! The proxy for real, between a provider simulator and real instruments. The message bus is
//! missing but where keys are checked: records are read from the spool, where they wait for it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test ends at the first surprise"
)]

mod above_reservation;
mod added;
mod aliases;
mod answers;
mod azure;
mod budgets;
mod cache;
mod cache_bounds;
mod clocks;
mod endings;
mod fallback;
mod gate;
mod gateway_errors;
mod image_edits;
mod key;
mod key_checks;
mod kinds;
mod listener;
mod media;
mod nesting;
mod one_endpoint;
mod openrouter;
mod refusals;
mod register;
mod revoked;
mod room;
mod sandbox;
mod shadows;
mod stage;
mod time_limits;
