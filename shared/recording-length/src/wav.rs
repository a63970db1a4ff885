//! WAV with samples as they are: PCM, floats, A-law, mu-law.

use crate::bytes::{Bytes, count, index};
use crate::hidden::hides_a_stream;
use crate::span::{Span, nanos};

const PCM: u16 = 1;
const FLOAT: u16 = 3;
const A_LAW: u16 = 6;
const MU_LAW: u16 = 7;
const EXTENSIBLE: u16 = 0xfffe;

struct Format {
    is_pcm16: bool,
    rate: u32,
    /// One sample of all channels; the fewest bytes a decoder may take it for.
    frame: u64,
    fewest: u64,
}

/// The length of all data chunks. For the most, all that comes after the first
/// one's header is taken for samples.
pub(crate) fn span(recording: &[u8]) -> Option<Span> {
    let mut rest = Bytes(recording);
    rest.take(8)?;
    if rest.take(4)? != b"WAVE" {
        return None;
    }
    let mut format = None;
    let mut span = None;
    while let (Some(id), Some(size)) = (rest.take(4), rest.le32()) {
        let size = index(size)?;
        match id {
            b"fmt " if format.is_none() => format = Some(read_format(rest.0.get(..size)?)?),
            b"fmt " => return None,
            b"data" => {
                // Zero and all ones: the writer did not know the size.
                let is_to_end = size == 0 || size > rest.0.len();
                let size = if is_to_end { rest.0.len() } else { size };
                let format: &Format = format.as_ref()?;
                let hides = || format.is_pcm16 && hides_a_stream(rest.0);
                if span.is_none() && (hides() || hides_a_format(recording, rest.0)) {
                    return None;
                }
                let span = span.get_or_insert(Span {
                    likely: 0,
                    most: length(rest.0.len(), format.fewest, format.rate)?,
                });
                let likely = length(size, format.frame, format.rate)?;
                span.likely = span.likely.saturating_add(likely);
                if is_to_end {
                    break;
                }
            }
            _ => {}
        }
        let padded = size.checked_add(size & 1)?;
        rest.0 = rest.0.get(padded..).unwrap_or_default();
    }
    span
}

fn length(bytes: usize, frame: u64, rate: u32) -> Option<u64> {
    nanos(count(bytes).div_ceil(frame), rate)
}

fn read_format(bytes: &[u8]) -> Option<Format> {
    let mut rest = Bytes(bytes);
    let mut tag = rest.le16()?;
    let channels = u64::from(rest.le16()?);
    let rate = rest.le32()?;
    rest.take(4)?;
    let frame = u64::from(rest.le16()?);
    let bits = u64::from(rest.le16()?);
    let mut valid_bits = bits;
    if tag == EXTENSIBLE {
        rest.take(2)?;
        valid_bits = u64::from(rest.le16()?);
        rest.take(4)?;
        tag = rest.le16()?;
    }
    if !matches!(tag, PCM | FLOAT | A_LAW | MU_LAW) {
        return None;
    }
    let bytes = bits.div_ceil(8);
    if channels == 0 || bytes == 0 || bytes > 8 || frame != channels.saturating_mul(bytes) {
        return None;
    }
    // ffmpeg believes the valid bits.
    let valid_bytes = match valid_bits.div_ceil(8) {
        0 => bytes,
        valid => valid.min(bytes),
    };
    Some(Format {
        is_pcm16: tag == PCM && bytes == 2,
        rate,
        frame,
        fewest: channels.saturating_mul(valid_bytes),
    })
}

/// Decoders differ on where a chunk of odd size ends, so on which format they
/// find if there are two.
fn hides_a_format(recording: &[u8], data: &[u8]) -> bool {
    let before = recording.len().saturating_sub(data.len());
    let before = recording.get(..before).unwrap_or_default();
    before.windows(4).filter(|four| four == b"fmt ").count() != 1
}
