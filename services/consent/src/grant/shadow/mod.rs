//! Shadow limits: a person tries tighter limits of a grant first. No call is refused by them, each that
//! would have been is counted, and then they bite or go.

mod change;
pub mod http;
pub mod page;
pub mod projection;
mod shadow;
mod store;

pub use change::ShadowChange;
pub use projection::ShadowRow;
