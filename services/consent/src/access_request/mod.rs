//! Access requests: what an app asks for, pending until a person decides.

mod access_request;
mod deciding;
pub mod decision;
pub mod delivery;
pub mod details;
mod handover;
pub mod http;
pub mod overdue;
pub mod projection;
mod store;
mod uncollected;

pub use access_request::{AccessRequest, Pending, Refusal};
pub use projection::{AccessRequestRow, RequestState};
pub use store::{Approved, Arrival, DecidedAt, Decision, RequestError, Requests};
