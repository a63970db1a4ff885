//! Request bodies, JSON and forms: read strictly at the top, left as they are below.
//!
//! A body decides what a call may cost and which model it reaches, so it must mean the same to us
//! and to the provider. What two readers could take differently is refused; what is changed is
//! spliced into the original bytes, so that everything else arrives as it was sent.

mod cut;
mod depth;
mod media;
mod members;
mod multipart;
mod names;
mod splice;

pub use media::{Media, media_in};
pub use members::{BodyError, Members, Place, elements};
pub use multipart::{Form, FormError, FormType};
pub use names::Name;
pub use splice::Edits;
