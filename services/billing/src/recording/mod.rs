//! Taking calls into the event store: each once, whatever is delivered how often.

mod message;
mod projection;
mod recorder;
mod taken;

pub use message::{CallMessage, MOST_TOKENS, Poison, read};
pub use projection::{RecordError, Recorded, Recordings};
pub use recorder::Recorder;
