//! The OKAP transports: `POST /okap/authorize` and the flat `POST /okap/request`, and those through
//! the person's browser: a native app's link and the popup.

mod answer;
mod ask;
mod asked;
pub mod authorize;
pub mod described;
mod extend;
pub mod flat;
mod held;
mod knock;
pub mod native;
pub mod popup;
pub mod redeem;
mod waiting;

pub use knock::Knocks;
pub(crate) use knock::credential;
