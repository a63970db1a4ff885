//! How many seconds of sound a recording holds.
//!
//! The app that sends it is not trusted, so no header's claim of a length is
//! believed: every packet is found and counted, none is decoded. Where two
//! decoders could read a file differently, the file is refused or the longer
//! reading is taken.

mod aac;
mod bytes;
mod elements;
mod flac;
mod fragment;
mod hidden;
mod lacing;
mod mp4;
mod mpeg;
mod ogg;
mod opus;
mod sample;
mod span;
mod vorbis;
mod wav;
mod webm;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_forged;

use bytes::Bytes;
use span::Span;

/// Seconds of sound in a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    /// What most decoders make of it, rounded up, at least 1.
    pub seconds: u64,
    /// The most any decoder can make of it; for AAC, of one frame a sample.
    pub at_most: u64,
}

/// How long a recording is.
///
/// `None` when it is in no container known here, or is one whose length cannot
/// be bounded: broken in the midst, forged, or with a codec not known here.
#[must_use]
pub fn length_of(recording: &[u8]) -> Option<Length> {
    span_of(recording)?.length()
}

fn span_of(recording: &[u8]) -> Option<Span> {
    let starts = |magic: &[u8]| recording.starts_with(magic);
    if starts(b"RIFF") {
        return wav::span(recording);
    }
    if starts(b"OggS") {
        return ogg::span(recording);
    }
    if starts(b"\x1a\x45\xdf\xa3") {
        return webm::span(recording);
    }
    if mp4::is_box(recording) {
        return mp4::span(recording);
    }

    let bare = without_id3(recording)?;
    // Decoders tell an MP4 by these four bytes alone, whatever comes before.
    if mp4::is_box(bare) || is_word(bare.get(4..8)?) {
        return None;
    }
    if bare.starts_with(b"fLaC") {
        return flac::span(bare);
    }
    mpeg::span(bare)
}

/// What follows the ID3v2 tags in front, which decoders skip too.
fn without_id3(recording: &[u8]) -> Option<&[u8]> {
    let mut rest = Bytes(recording);
    while rest.0.starts_with(b"ID3") {
        rest.take(5)?;
        let has_footer = rest.u8()? & 0x10 != 0;
        let mut size = 0_usize;
        for _ in 0..4 {
            let byte = rest.u8()?;
            if byte & 0x80 != 0 {
                return None;
            }
            size = size << 7 | usize::from(byte);
        }
        rest.take(size)?;
        if has_footer {
            rest.take(10)?;
        }
    }
    Some(rest.0)
}

fn is_word(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_alphanumeric)
}
