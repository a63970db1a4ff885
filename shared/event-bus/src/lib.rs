#![doc = include_str!("../README.md")]

mod bus;
mod consume;
mod one_at_a_time;
mod publish;
mod relay;
#[cfg(test)]
mod tests;
mod topology;
mod watch;

pub use bus::{BusError, BusSettings, EventBus};
pub use consume::{Consumer, Delivery};
pub use publish::{Message, PublishError};
pub use relay::Relay;
pub use topology::Queue;
pub use watch::{Watched, Watcher};
