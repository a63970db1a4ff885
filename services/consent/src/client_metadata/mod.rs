//! What OAuth clients say about themselves: registered dynamically (RFC 7591), in a document at
//! their client id (client id metadata documents), or as a key set at an address of theirs.
//!
//! Nothing else is ever fetched for a client: logos are not shown, and other addresses are only
//! names.

mod client_metadata;
mod document;
mod documents;
mod freshness;
mod key_sets;

pub use client_metadata::{ClientMetadata, MetadataFault};
pub use document::DocumentUrl;
pub use documents::{DocumentError, Documents};
pub use key_sets::{KeySets, KeysError};

use clock::Clock;
use guarded_fetch::{Bounds, GuardedFetch, Reach, SetupError};
use std::time::Duration;

/// What clients publish, fetched through the guard and kept for a while. Cheap to clone.
#[derive(Clone)]
pub struct Published {
    /// Their metadata documents.
    pub documents: Documents,
    /// Their key sets.
    pub key_sets: KeySets,
}

/// The most that a metadata document may take (the draft's section 6.6 recommends 5 KB).
const DOCUMENT: Bounds = Bounds {
    largest_body: 5 * 1024,
    whole_answer: Duration::from_secs(5),
};
/// The most that a key set may take.
const KEY_SET: Bounds = Bounds {
    largest_body: 64 * 1024,
    whole_answer: Duration::from_secs(5),
};

impl Published {
    /// Nothing is known yet; what clients publish may be this far.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(reach: Reach, clock: Clock) -> Result<Self, SetupError> {
        let fetch = GuardedFetch::new("latchkey", reach, DOCUMENT)?;
        Ok(Self {
            key_sets: KeySets::new(fetch.within(KEY_SET), clock.clone()),
            documents: Documents::new(fetch, clock),
        })
    }

    /// How far what clients publish may be.
    #[must_use]
    pub fn reach(&self) -> Reach {
        self.documents.reach()
    }
}
