//! The OKAP transports: `POST /okap/authorize` and the flat `POST /okap/request`.

mod answer;
mod ask;
mod asked;
pub mod authorize;
pub mod flat;
mod knock;
mod waiting;

pub use knock::Knocks;
