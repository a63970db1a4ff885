#![doc = include_str!("../README.md")]

mod append;
mod follow;
mod projection;
mod recorded;

pub use append::{Aggregate, AppendError, Context, EventStore, StreamId, Version};
pub use follow::{Followed, Follower};
pub use projection::{Projection, ProjectionError, rebuild};
pub use recorded::{Log, Place, RecordedEvent};
