//! Access requests: what an app asks for, pending until a person decides.

mod access_request;
mod deciding;
pub mod decision;
pub mod delivery;
pub mod details;
mod handover;
pub mod http;
pub mod of_app;
pub mod overdue;
pub mod projection;
mod room;
mod store;
mod uncollected;

pub use access_request::{AccessRequest, Pending, Refusal};
pub use projection::{AccessRequestRow, RequestState};
pub use room::{A_DAY_AT_HANDLE, OPEN_AT_HANDLE};
pub use store::{Approved, Arrival, DecidedAt, Decision, RequestError, Requests};
