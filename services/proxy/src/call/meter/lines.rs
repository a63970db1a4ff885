//! Puts the lines of an event stream together again, wherever the network cut them.

use bytes::{Bytes, BytesMut};

/// A longer line is not put together: its usage is then not learnt.
const LONGEST_LINE: usize = 4 * 1024 * 1024;

/// The beginning of a line that has not ended yet.
#[derive(Debug, Default)]
pub struct Lines {
    partial: BytesMut,
    /// In a line that was too long.
    skipping: bool,
}

impl Lines {
    /// The whole lines that these bytes complete; none of it is copied where a piece holds whole
    /// lines, as nearly all do.
    pub fn take(&mut self, bytes: &Bytes) -> Bytes {
        if bytes.ends_with(b"\n") && self.partial.is_empty() && !self.skipping {
            return bytes.clone();
        }
        let Some(last) = memchr::memrchr(b'\n', bytes) else {
            self.keep(bytes);
            return Bytes::new();
        };
        let whole = bytes.slice(..=last);
        let rest = bytes.slice(last + 1..);
        let whole = if self.skipping {
            self.skipping = false;
            let first = memchr::memchr(b'\n', &whole).map_or(whole.len(), |end| end + 1);
            whole.slice(first..)
        } else if self.partial.is_empty() {
            whole
        } else {
            self.partial.extend_from_slice(&whole);
            self.partial.split().freeze()
        };
        self.keep(&rest);
        whole
    }

    /// What has come of a line that has not ended; nothing is left here.
    pub fn rest(&mut self) -> Bytes {
        self.partial.split().freeze()
    }

    /// Whether the line is too long to be put together.
    #[cfg(test)]
    pub const fn is_skipping(&self) -> bool {
        self.skipping
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.skipping {
            return;
        }
        if self.partial.len() + bytes.len() > LONGEST_LINE {
            self.partial = BytesMut::new();
            self.skipping = true;
            return;
        }
        self.partial.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_out_whole_wherever_they_were_cut() {
        let text = b"data: a\n\ndata: bc\r\n\r\ndata: d";
        for cut in 0..text.len() {
            let mut lines = Lines::default();
            let mut out = Vec::new();
            for piece in [&text[..cut], &text[cut..]] {
                let whole = lines.take(&Bytes::copy_from_slice(piece));
                assert!(whole.is_empty() || whole.ends_with(b"\n"));
                out.extend_from_slice(&whole);
            }
            out.extend_from_slice(&lines.rest());
            assert_eq!(out, text, "{cut}");
        }
    }

    #[test]
    fn a_piece_of_whole_lines_is_not_copied() {
        let piece = Bytes::from(b"data: a\n\n".to_vec());
        assert_eq!(Lines::default().take(&piece).as_ptr(), piece.as_ptr());
    }

    #[test]
    fn a_line_without_end_does_not_fill_the_memory() {
        let mut lines = Lines::default();
        let piece = Bytes::from(vec![b'x'; 1024 * 1024]);
        for _ in 0..64 {
            assert!(lines.take(&piece).is_empty());
            assert!(lines.partial.len() <= LONGEST_LINE);
        }
        assert!(lines.is_skipping());
        assert_eq!(
            lines.take(&Bytes::from_static(b"xx\ndata: a\n")),
            "data: a\n"
        );
        assert!(!lines.is_skipping());
    }
}
