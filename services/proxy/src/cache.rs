//! Answers that are given again to the very same call: for apps that ask for it, call by call, where
//! their organization's policy lets them.
//!
//! They stand in the memory of this process and nowhere else: they are people's data, and the Redis that
//! holds limits must not fill up with them. What is kept is bounded in bytes and in time.

mod key;
mod max_age;
mod response_cache;

pub use key::{CacheKey, Likeness};
pub use max_age::{HEADER, MaxAge};
pub use response_cache::{CacheBounds, KeptAnswer, ResponseCache};
