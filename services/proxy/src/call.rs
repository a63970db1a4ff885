//! One call, from its arrival to its end.
//!
//! ```text
//! Received ─▶ Authorized ─▶ Reserved ─▶ Sent ─▶ Settled
//! ```
//!
//! Each stage can be made from the one before and from nothing else, so no call skips one. A call whose
//! answer was kept is reserved and settled without being sent.

mod above;
mod alarm;
mod answer;
mod authorize;
mod cached;
mod drain;
mod estimate;
mod event_lines;
mod flow;
mod forward;
mod gate;
mod gathered;
mod head;
mod headers;
pub mod http;
mod key_watch;
mod left_behind;
mod live;
pub mod meter;
mod models;
mod one;
mod open_key;
mod possession;
mod received;
mod refused;
mod rehearse;
mod relay;
mod reserve;
mod retry_after;
mod route;
mod settle;
mod shadows;
mod stalled;
mod standing;
mod stream_end;
mod tally;
mod text_watch;
mod tokens;

pub(crate) use authorize::refusal as grant_refusal;
pub use gate::{Bounds, Drains, Gate};
pub(crate) use headers::{add_key, to_provider};
pub use left_behind::LeftBehind;
pub use live::{LiveCalls, MostCalls};
pub use one::Latencies;
pub(crate) use possession::{expect as expect_possession, proof};
pub(crate) use received::token;
pub use reserve::spent;
pub use stalled::StalledApps;
pub use standing::standing;
