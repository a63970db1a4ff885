//! MPEG audio, layers I to III: bare frames, one after the other.

use crate::bytes::{Bytes, count};
use crate::span::{Span, nanos, ticks};

/// What may stand between frames or after them: tags, padding.
const MOST_JUNK: usize = 64 << 10;

/// No frame with a bit rate in its header is less than this for a second: the
/// lowest is 8 kbit/s, and its length in bytes is rounded down.
const FEWEST_BYTES_A_SECOND: u64 = 990;

/// The shortest free-format frame, a header with its side information, lasts
/// 72 ms; junk is counted as if it were all such frames.
const SHORTEST_FREE_FRAME: usize = 13;
const FREE_FRAME_NANOS: u64 = 72_000_000;

/// A frame as its header tells it.
pub(crate) struct Frame {
    pub bytes: usize,
    samples: u64,
    rate: u32,
    /// What does not change from frame to frame in a sound stream.
    kind: u32,
    /// What ffmpeg wants to be the same in the first two frames.
    start: u32,
}

const KBITS: [[u32; 14]; 5] = [
    [
        32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448,
    ],
    [
        32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384,
    ],
    [
        32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
    ],
    [
        32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256,
    ],
    [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

/// The frame at the front, if one is there.
pub(crate) fn frame(bytes: &[u8]) -> Option<Frame> {
    let head = Bytes(bytes).be32()?;
    if head >> 21 != 0x7ff {
        return None;
    }
    let (version, layer) = ((head >> 19) & 3, (head >> 17) & 3);
    let is_first_version = version == 3;
    let table = match (is_first_version, layer) {
        (_, 0) => return None,
        (true, 3) => 0,
        (true, 2) => 1,
        (true, _) => 2,
        (false, 3) => 3,
        (false, _) => 4,
    };
    let at = ((head >> 12) & 15).checked_sub(1)?;
    let bits = KBITS.get(table)?.get(usize::try_from(at).ok()?)?;
    let rate = [44_100, 48_000, 32_000].get(usize::try_from((head >> 10) & 3).ok()?)?;
    let rate = match version {
        3 => *rate,
        2 => rate / 2,
        _ => rate / 4,
    };
    let (samples, bits_a_byte, unit) = match (layer, is_first_version) {
        (3, _) => (384_u32, 12_000_u32, 4_u32),
        (1, false) => (576, 72_000, 1),
        _ => (1_152, 144_000, 1),
    };
    let units = bits.saturating_mul(bits_a_byte).checked_div(rate)?;
    let units = units.saturating_add((head >> 9) & 1);
    Some(Frame {
        bytes: usize::try_from(units.saturating_mul(unit)).ok()?,
        samples: u64::from(samples),
        rate,
        kind: head & 0xfffe_0c00,
        start: head & 0xfffe_0ccf,
    })
}

/// Whether frames of one kind follow each other from the front.
pub(crate) fn is_chain(mut bytes: &[u8], frames: usize) -> bool {
    let mut kind = None;
    (0..frames).all(|_| {
        frame(bytes).is_some_and(|frame| {
            bytes = bytes.get(frame.bytes..).unwrap_or_default();
            *kind.get_or_insert(frame.kind) == frame.kind
        })
    })
}

/// Whether ffmpeg begins with the first frame or, as it may be a Xing header,
/// with the second: it looks for two alike, also inside a frame.
fn starts_with_chain(recording: &[u8], first: usize) -> bool {
    let starts_at = |bytes: &[u8]| {
        (0..bytes.len().min(MOST_JUNK)).find(|at| {
            let here = bytes.get(*at..).unwrap_or_default();
            frame(here).is_some_and(|one| {
                let next = here.get(one.bytes..).and_then(frame);
                next.is_some_and(|next| next.start == one.start)
            })
        })
    };
    let second = recording.get(first..).unwrap_or_default();
    let from_first = starts_at(recording);
    starts_at(second) == Some(0) && (from_first == Some(0) || from_first == Some(first))
}

/// The length of all frames. The frame count a Xing or VBRI header tells is
/// not looked at.
pub(crate) fn span(recording: &[u8]) -> Option<Span> {
    let zeros = recording.iter().position(|byte| *byte != 0)?;
    let first = frame(recording.get(zeros..)?)?;
    let mut rest = recording;
    let (mut total, mut junk, mut tag) = (0_u64, 0_usize, 0_usize);
    let mut is_one_chain = starts_with_chain(recording, first.bytes);
    while !rest.is_empty() {
        if let Some(frame) = frame(rest) {
            is_one_chain &= frame.kind == first.kind && junk == 0;
            total = total.saturating_add(nanos(frame.samples, frame.rate)?);
            rest = rest.get(frame.bytes..).unwrap_or_default();
        } else if rest.len() == 128 && rest.starts_with(b"TAG") {
            tag = rest.len();
            rest = &[];
        } else {
            junk = junk.saturating_add(1);
            rest = rest.get(1..).unwrap_or_default();
            if junk > MOST_JUNK {
                return None;
            }
        }
    }

    let mut most = total;
    if !is_one_chain {
        // Decoders disagree where to go on, and a frame may hold others inside.
        let bytes = count(recording.len().saturating_sub(tag));
        most = most.max(ticks(bytes, FEWEST_BYTES_A_SECOND)?);
    }
    let in_junk = count(junk.div_ceil(SHORTEST_FREE_FRAME)).saturating_mul(FREE_FRAME_NANOS);
    Some(Span {
        likely: total,
        most: most.saturating_add(in_junk),
    })
}
