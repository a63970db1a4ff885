//! Pieces of an answer that were there at the same time.

use bytes::{Bytes, BytesMut};

/// Room for what a burst brings.
const ROOM: usize = 8 * 1024;

/// Pieces that go out together. A single one, as most are, is not copied.
#[derive(Default)]
pub(crate) struct Gathered {
    first: Bytes,
    more: BytesMut,
}

impl Gathered {
    pub(crate) fn add(&mut self, bytes: Bytes) {
        if self.length() == 0 {
            self.first = bytes;
            return;
        }
        if self.more.is_empty() {
            self.more.reserve(ROOM);
            self.more
                .extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.more.extend_from_slice(&bytes);
    }

    pub(crate) fn length(&self) -> usize {
        self.first.len() + self.more.len()
    }

    pub(crate) fn take(&mut self) -> Bytes {
        if self.more.is_empty() {
            std::mem::take(&mut self.first)
        } else {
            self.more.split().freeze()
        }
    }
}
