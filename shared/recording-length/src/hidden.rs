//! Packed sound behind the header of a WAV.
//!
//! ffmpeg takes 16-bit samples that look like MPEG, AAC, AC-3 or DTS frames
//! for such a stream, which lasts much longer than the samples would.

use crate::bytes::{Bytes, index};
use crate::mpeg;

/// How far ffmpeg looks into the samples, and more.
const LOOKED_INTO: usize = 256 << 10;

/// So many frames, each where the one before ends, are no chance where a sample begins. In the midst of
/// one they may be: the low byte of a quiet sample is all ones half of the time.
const FRAMES: usize = 3;
const FRAMES_BETWEEN: usize = 50;
/// How often the mark of a DTS frame must stand there.
const MARKS: usize = 2;

/// For samples of 16 bits, which alone are looked into.
pub(crate) fn hides_a_stream(data: &[u8]) -> bool {
    let most = data.len().min(LOOKED_INTO);
    let mut marks = 0_usize;
    (0..most).any(|at| {
        let here = data.get(at..).unwrap_or_default();
        let frames = if at % 2 == 0 { FRAMES } else { FRAMES_BETWEEN };
        match here {
            [0x7f, 0xfe, 0x80, 0x01, ..]
            | [0xfe, 0x7f, 0x01, 0x80, ..]
            | [0x1f, 0xff, 0xe8, 0x00, ..]
            | [0xff, 0x1f, 0x00, 0xe8, ..]
                if at % 2 == 0 =>
            {
                marks = marks.saturating_add(1);
                marks >= MARKS
            }
            [0xff, next, ..] if *next & 0xf6 == 0xf0 => is_chain(here, frames, adts),
            [0xff, ..] => mpeg::is_chain(here, frames),
            [0x0b, 0x77, ..] => is_chain(here, frames, ac3),
            // With the bytes of each sample the other way round.
            [0x77, 0x0b, ..] => is_chain(here, frames, |bytes| {
                let [a, b, c, d, e, f, ..] = *bytes else {
                    return None;
                };
                ac3(&[b, a, d, c, f, e])
            }),
            _ => false,
        }
    })
}

fn is_chain(mut bytes: &[u8], frames: usize, size: impl Fn(&[u8]) -> Option<usize>) -> bool {
    (0..frames).all(|_| {
        size(bytes).is_some_and(|size| {
            bytes = bytes.get(size..).unwrap_or_default();
            size > 0
        })
    })
}

/// The size of an AAC frame with its header.
fn adts(bytes: &[u8]) -> Option<usize> {
    let mut rest = Bytes(bytes);
    let sync = rest.be16()?;
    rest.u8()?;
    let size = index(rest.be24()? >> 5 & 0x1fff)?;
    (sync & 0xfff6 == 0xfff0 && size >= 7).then_some(size)
}

/// The size of an AC-3 or enhanced AC-3 frame.
fn ac3(bytes: &[u8]) -> Option<usize> {
    let mut rest = Bytes(bytes);
    if rest.be16()? != 0x0b77 {
        return None;
    }
    let words = rest.be16()? & 0x7ff;
    let (sizes, version) = (rest.u8()?, rest.u8()? >> 3);
    if version > 10 {
        return Some(usize::from(words).saturating_add(1).saturating_mul(2));
    }
    const KBITS: [usize; 19] = [
        32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640,
    ];
    let code = usize::from(sizes & 0x3f);
    let kbits = *KBITS.get(code / 2)?;
    let words = match sizes >> 6 {
        0 => kbits.saturating_mul(2),
        1 => (kbits.saturating_mul(320) / 147).saturating_add(code & 1),
        2 => kbits.saturating_mul(3),
        _ => return None,
    };
    Some(words.saturating_mul(2))
}
