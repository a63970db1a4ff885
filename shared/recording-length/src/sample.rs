//! MP4 sample entries: which codec a track's samples are in.

use crate::aac;
use crate::bytes::{Bytes, index};
use crate::mp4::boxes;
use crate::opus;
use crate::span::{Span, nanos};

/// How a track's samples are to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Codec {
    Aac(aac::Config),
    Opus,
}

/// Sample entries that hold no sound.
const SILENT: [&[u8; 4]; 14] = [
    b"avc1", b"avc3", b"hvc1", b"hev1", b"mp4v", b"vp08", b"vp09", b"av01", b"jpeg", b"text",
    b"tx3g", b"tmcd", b"mebx", b"mp4s",
];

/// The codec a track's sample description (`stsd`) tells; `None` inside: no
/// sound. Several descriptions must be alike, or the longer cannot be told.
pub(crate) fn codec(description: &[u8]) -> Option<Option<Codec>> {
    let mut rest = Bytes(description);
    rest.take(4)?;
    if rest.be32()? != 1 {
        return None;
    }
    let (name, body) = boxes(rest.0)?.into_iter().next()?;
    match name {
        b"mp4a" => Some(Some(Codec::Aac(aac::Config::of(elementary(body)?)?))),
        b"Opus" => Some(Some(Codec::Opus)),
        name => SILENT
            .iter()
            .any(|silent| silent.as_slice() == name)
            .then_some(None),
    }
}

/// The `esds` box of an audio sample entry; QuickTime has it in a `wave` box.
fn elementary(entry: &[u8]) -> Option<&[u8]> {
    let mut rest = Bytes(entry);
    rest.take(8)?;
    let more = match rest.be16()? {
        0 => 0,
        1 => 16,
        2 => 36,
        _ => return None,
    };
    rest.take(18)?;
    rest.take(more)?;
    find_elementary(rest.0, 1)
}

fn find_elementary(bytes: &[u8], deeper: u32) -> Option<&[u8]> {
    let mut found = None;
    for (name, body) in boxes(bytes)? {
        let here = match name {
            b"esds" => Some(body),
            b"wave" if deeper > 0 => find_elementary(body, 0),
            _ => None,
        };
        // A decoder could take either.
        if here.is_some() && found.is_some() {
            return None;
        }
        found = found.or(here);
    }
    found
}

/// What is left of the file's size to spend on samples: those of a real file
/// do not overlap, so a file that makes more of itself is forged.
pub(crate) struct Budget<'a> {
    file: &'a [u8],
    left: usize,
}

impl<'a> Budget<'a> {
    pub fn new(file: &'a [u8]) -> Self {
        Self {
            file,
            left: file.len(),
        }
    }

    /// Samples without a size cost too, so that their count is bounded.
    pub fn sample(&mut self, codec: Codec, at: u64, size: u32) -> Option<Span> {
        let size = index(size)?;
        self.left = self.left.checked_sub(size.max(1))?;
        // A file may be cut off; what is not there is no sound.
        let rest = self.file.get(index(at)?..).unwrap_or_default();
        let bytes = rest.get(..size).unwrap_or(rest);
        match codec {
            Codec::Opus => Some(opus::packet(bytes)),
            Codec::Aac(config) => {
                config.may_be_one_frame(bytes).then_some(())?;
                Some(Span {
                    likely: nanos(aac::SAMPLES, config.rate)?,
                    most: nanos(aac::SAMPLES.saturating_mul(2), config.rate)?,
                })
            }
        }
    }
}
