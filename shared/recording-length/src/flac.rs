//! FLAC: frames that tell their block size, not their length in bytes.

use crate::bytes::Bytes;
use crate::span::{Span, nanos};

const STREAMINFO_BYTES: u32 = 34;

/// What holds for the whole stream.
struct Stream {
    most_samples: u32,
    rate: u32,
}

/// What a frame's header tells.
struct Frame {
    samples: u32,
    /// `None`: the stream's.
    rate: Option<u32>,
}

/// The length of all that could be a frame. A decoder takes a frame only when
/// the checksum of its header is right, so counting each such header is never
/// too low, and a chance match is one in many megabytes. The total STREAMINFO
/// tells is not looked at.
pub(crate) fn span(recording: &[u8]) -> Option<Span> {
    let mut rest = Bytes(recording.strip_prefix(b"fLaC")?);
    let stream = stream(&mut rest)?;
    let mut span = Span::default();
    let mut rest = rest.0;
    while let Some(skipped) = rest.iter().position(|byte| *byte == 0xff) {
        rest = rest.get(skipped..)?;
        if let Some(frame) = frame(rest) {
            let samples = u64::from(frame.samples);
            let length = nanos(samples, frame.rate.unwrap_or(stream.rate))?;
            span.most = span.most.saturating_add(length);
            let fits = frame.rate.is_none_or(|rate| rate == stream.rate);
            if fits && frame.samples <= stream.most_samples {
                span.likely = span.likely.saturating_add(length);
            }
        }
        rest = rest.get(1..)?;
    }
    Some(span)
}

fn stream(bytes: &mut Bytes<'_>) -> Option<Stream> {
    let kind = bytes.u8()? & 0x7f;
    if kind != 0 || bytes.be24()? != STREAMINFO_BYTES {
        return None;
    }
    bytes.take(2)?;
    let most_samples = u32::from(bytes.be16()?);
    bytes.take(6)?;
    let rate = bytes.be24()? >> 4;
    bytes.take(21)?;
    Some(Stream { most_samples, rate })
}

fn frame(bytes: &[u8]) -> Option<Frame> {
    let mut rest = Bytes(bytes);
    let [sync, sizes, layout] = [rest.be16()?, rest.u8()?.into(), rest.u8()?.into()];
    let is_frame = sync & 0xfffe == 0xfff8 && layout >> 4 < 11 && layout & 1 == 0;
    if !is_frame {
        return None;
    }
    coded_number(&mut rest)?;
    let samples = match sizes >> 4 {
        0 => return None,
        1 => 192,
        code @ 2..=5 => 144_u32.checked_shl(code.into())?,
        6 => u32::from(rest.u8()?).saturating_add(1),
        7 => u32::from(rest.be16()?).saturating_add(1),
        code => 1_u32.checked_shl(code.into())?,
    };
    const RATES: [u32; 11] = [
        88_200, 176_400, 192_000, 8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000,
    ];
    let rate = match sizes & 15 {
        0 => None,
        12 => Some(u32::from(rest.u8()?).saturating_mul(1_000)),
        13 => Some(u32::from(rest.be16()?)),
        14 => Some(u32::from(rest.be16()?).saturating_mul(10)),
        code => Some(*RATES.get(usize::from(code).checked_sub(1)?)?),
    };
    let head = bytes.get(..bytes.len().checked_sub(rest.0.len())?)?;
    (checksum(head) == rest.u8()?).then_some(Frame { samples, rate })
}

/// The frame's or sample's number, in the way of UTF-8, of up to 7 bytes.
fn coded_number(bytes: &mut Bytes<'_>) -> Option<()> {
    let first = bytes.u8()?;
    let more = match first.leading_ones() {
        0 => return Some(()),
        1 | 8 => return None,
        ones => ones.checked_sub(1)?,
    };
    for _ in 0..more {
        if bytes.u8()? >> 6 != 0b10 {
            return None;
        }
    }
    Some(())
}

fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ byte, |sum, _| {
            (sum << 1) ^ if sum & 0x80 == 0 { 0 } else { 0x07 }
        })
    })
}
