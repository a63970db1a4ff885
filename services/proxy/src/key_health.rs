//! Whether providers take the keys that pay: what their answers say of a key, asking them for that
//! alone, and telling it.

mod asking;
mod told;
mod verdict;
mod wanted;

pub(crate) use told::{Of, WORKS, tell};
pub(crate) use verdict::{Verdict, refuses_key};
pub(crate) use wanted::answer;
