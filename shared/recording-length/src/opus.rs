//! Opus: a packet's length is in its first two bytes (RFC 6716, section 3.1).

use crate::span::Span;

/// All lengths are whole times 2.5 ms.
const UNIT_NANOS: u64 = 2_500_000;

/// 120 ms, the most a packet may hold.
const MOST_UNITS: u64 = 48;

/// The length of one packet. A broken one is counted as the longest: a decoder
/// may conceal its loss.
pub(crate) fn packet(bytes: &[u8]) -> Span {
    let units = units(bytes).filter(|units| *units <= MOST_UNITS);
    Span::sure(units.unwrap_or(MOST_UNITS).saturating_mul(UNIT_NANOS))
}

fn units(bytes: &[u8]) -> Option<u64> {
    let toc = *bytes.first()?;
    let a_frame = match toc >> 3 {
        config @ 0..12 => [4, 8, 16, 24].get(usize::from(config & 3))?,
        config @ 12..16 => [4, 8].get(usize::from(config & 1))?,
        config => [1, 2, 4, 8].get(usize::from(config & 3))?,
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => bytes.get(1)? & 0x3f,
    };
    (frames > 0).then(|| u64::from(frames).saturating_mul(*a_frame))
}
